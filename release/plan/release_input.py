"""The input of the release planner for each component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.build_spec import BuildSpec
from release.plan.evidence import STORE, ContentSource, Recorded
from release.plan.supply import Supply
from release.tagging.model import Decision, HeldTags
from release.versions.status import KnownStatus


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A repository to which the image is pushed. `moving`: false for repositories with immutable tags."""

    name: str
    required: bool = True
    moving: bool = True


class ImageCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A command that has to succeed on the image before it becomes visible. `timeout`: seconds."""

    name: str
    run: tuple[str, ...]
    timeout: int


class Unchanged(msgspec.Struct, frozen=True, kw_only=True):
    """A component that is not built, because none of its files changed. `digest`: of the image that `tag` holds.

    `since`: the commit that HEAD was compared with.
    """

    reason: str
    tag: str
    digest: str | None = None
    since: str | None = None


class ReleaseInput(msgspec.Struct, frozen=True, kw_only=True):
    """One component and everything that is known of its release. `attest`: whether the image gets a release statement.

    `builder`: the builder that `builder: auto` chose; None if the config names one, or none was chosen. `makes_index`:
    whether the chosen builder makes an image for several platforms whole, or each platform on its own; None if none was
    chosen. `pushes_to`: the target to which the builder itself pushes the image, by digest; None if the image goes to
    the local store. `places`: which have the recorded image, or an image of the release; None if nobody was asked.
    `supply`: the image that another tool or runner built, given with `--from`. `status`: the new
    status of the released version; None if it does not change. `learned`: statuses that registries tell and the log
    lacks. `untold`: by target, statuses that its status artifact lacks.
    """

    component: str
    project: str
    targets: tuple[Target, ...]
    decision: Decision
    build: BuildSpec
    committed_at: int  # seconds since the epoch
    builder: str | None = None
    makes_index: bool | None = None
    pushes_to: str | None = None
    held: HeldTags = HeldTags()
    recorded: Recorded = Recorded()
    places: tuple[ContentSource, ...] | None = ()
    reuse: bool = False
    supply: Supply | None = None
    checks: tuple[ImageCheck, ...] = ()
    attest: bool = False
    status: KnownStatus | None = None
    learned: tuple[KnownStatus, ...] = ()
    untold: Mapping[str, tuple[KnownStatus, ...]] = {}
    unchanged: Unchanged | None = None
    depends: tuple[str, ...] = ()  # the components that this one depends on, directly or through others
    own_dockerfile: bool = (
        False  # one of several components: its Dockerfile is looked up in its context first
    )
    facts: Mapping[str, Any] = {}  # further members of the `planned` record: reason, git tag, ...

    @property
    def build_places(self) -> tuple[str, ...]:
        """The store or targets of the image that this run builds: the first has it, later ones may have it, too."""
        return (STORE,) if self.pushes_to is None else (self.pushes_to, STORE)
