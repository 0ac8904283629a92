"""The operands of each step kind, and the slots of a release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from release.plan.model import Operands, Slot
from release.plan.ownership import Expectation
from release.tagging.model import Candidate, FixedTag, Held, Line
from release.versions.status import KnownStatus

Image = str | Slot[str]  # a digest, or the slot that obtaining the image fills


def digest_in(image: Image) -> str:
    """The digest of an image. Raises `AssertionError` for a slot that is not filled yet."""
    if isinstance(image, Slot):
        raise AssertionError(f"`{image.slot}` is not bound")
    return image


# The slots of a release. Their names are part of plan files, so they must not change.


def image_of(component: str) -> Slot[str]:
    """The slot for the digest of the component's image."""
    return Slot(slot=f"image:{component}")


def built_of(component: str) -> Slot[Mapping[str, Any]]:
    """The slot for the component's image in the form of a `built` record."""
    return Slot(slot=f"built:{component}")


def tools_of(component: str) -> Slot[Mapping[str, str]]:
    """The slot for the versions of the tools that built the component's image; unbound if the builder names none."""
    return Slot(slot=f"tools:{component}", optional=True)


def builder_of(component: str) -> Slot[str]:
    """The slot for the name of the builder that built the component's image."""
    return Slot(slot=f"builder:{component}")


def part_of(component: str, platform: str) -> str:
    """The name of one platform's image in the slots `image:…`, `tools:…` and `builder:…` of a component."""
    return f"{component}:{platform}"


def attestations_of(part: str) -> Slot[tuple[str, ...]]:
    """The slot for the digests of the manifests that are about a platform's image; unbound if there are none."""
    return Slot(slot=f"attestations:{part}", optional=True)


def context_of(part: str) -> Slot[Mapping[str, Any]]:
    """The slot for the context of a platform's image, in the form of a record; unbound if the context is not known."""
    return Slot(slot=f"context:{part}", optional=True)


def tagged_of(step_id: str, *, optional: bool = False) -> Slot[Mapping[str, str]]:
    """The slot for the change that a step made to its tag, in the form of `pushed`, `moved` and `promoted` records."""
    return Slot(slot=f"tagged:{step_id}", optional=optional)


def checked_of(step_id: str) -> Slot[Mapping[str, str]]:
    """The slot for the name and the result of a check, which `built` records."""
    return Slot(slot=f"checked:{step_id}")


# The slot for `seq:hash` of the latest log entry that a record step of this run wrote or found.
LOG_ENTRY: Slot[str] = Slot(slot="log-entry")


class CheckTarget(Operands, frozen=True, kw_only=True):
    """Operands of the check that every fixed tag on a target is free or holds this release."""

    target: str
    fixed: tuple[FixedTag, ...]
    expected: Expectation


class CheckPush(Operands, frozen=True, kw_only=True):
    """Operands of the check that the credential may push to a target."""

    target: str


class CheckLog(Operands, frozen=True, kw_only=True):
    """Operands, of which there are none, of the check that the version log can be written."""


class BuildImage(Operands, frozen=True, kw_only=True):
    """Operands of the build of an image.

    `spec`: the options as `BuildSpec.recorded` gives them, and the annotations. `builder`: the builder that `auto`
    chose. `created`: seconds since the epoch. `platform`: the platform to build, if each is built on its own; None for
    the whole image. `place`: the target that has the image afterwards, by digest, because the builder pushes it; None:
    the local store.
    """

    component: str
    spec: Mapping[str, Any]
    labels: Mapping[str, str]
    created: int
    image: Image
    builder: str | None = None
    platform: str | None = None
    place: str | None = None

    @property
    def builds_with(self) -> str | None:
        """The name of the builder that makes the image; None if `auto` has not chosen one."""
        named: str = self.spec.get("builder", "auto")
        return self.builder if named == "auto" else named


class PartOf(msgspec.Struct, frozen=True, kw_only=True):
    """One platform's image, as an earlier run recorded it. `builder`, `context`: None if the record has none."""

    platform: str
    builder: str | None = None
    context: Mapping[str, Any] | None = None


class FindImage(Operands, frozen=True, kw_only=True):
    """Operands for taking an image that exists from one of `sources`; `mode`: how the release got it.

    `said`: the labels by which the plan chose the image; the image must still have them when the step runs. `part`:
    the image is one platform's; None for a whole image.
    """

    component: str
    mode: Literal["resume", "adopt", "reuse", "from"]
    digest: str
    sources: tuple[str, ...]
    reason: str
    said: Held | None = None
    part: PartOf | None = None


class PlatformImage(msgspec.Struct, frozen=True, kw_only=True):
    """One platform's image in an index.

    `sources`: the repositories that may have the image; the first that has it is used.
    """

    platform: str
    image: Image
    sources: tuple[str, ...]


class Assemble(Operands, frozen=True, kw_only=True):
    """Operands for making the index of the images of several platforms, in the order of `parts`.

    `image`: the index, if a builder made it or `--from` gave it. `place`: the repository in which the index is.
    """

    component: str
    parts: tuple[PlatformImage, ...]
    image: Image
    place: str
    annotations: Mapping[str, str]


class CheckImage(Operands, frozen=True, kw_only=True):
    """Operands for running a command on the image before it is visible in a registry.

    `run`: the words of the command; `{{layout}}`, `{{image}}`, `{{digest}}` and `{{version}}` are filled in.
    `timeout`: seconds. `sources`: places to read the image from.
    """

    name: str
    run: tuple[str, ...]
    timeout: int
    version: str
    image: Image
    sources: tuple[str, ...]


class PushContent(Operands, frozen=True, kw_only=True):
    """Operands for pushing the blobs and manifests of an image to a target, by digest.

    `sources`: targets, or the store, to read the image from; the first that has the image is used.
    """

    target: str
    image: Image
    sources: tuple[str, ...]


class PutTag(Operands, frozen=True, kw_only=True):
    """Operands for putting a fixed tag on the image."""

    target: str
    tag: FixedTag
    image: Image
    expected: Expectation


class MoveTag(Operands, frozen=True, kw_only=True):
    """Operands for moving a moving tag to the image, if the guard allows it when the step runs."""

    target: str
    tag: str
    line: Line
    candidate: Candidate
    image: Image
    allow_backward: bool = False


class Attest(Operands, frozen=True, kw_only=True):
    """Operands for attaching the release statement of the release `key` to its image."""

    target: str
    key: str
    image: Image


class Record(Operands, frozen=True, kw_only=True):
    """Operands for appending one fact to the version log; earlier steps fill the fact's slots."""

    fact: Mapping[str, Any]


class PutStatus(Operands, frozen=True, kw_only=True):
    """Operands for writing the statuses of versions into the status artifact of a target."""

    target: str
    statuses: tuple[KnownStatus, ...]


class SetTag(Operands, frozen=True, kw_only=True):
    """Operands for pointing a tag that follows no line of releases, such as `production`, at an image."""

    target: str
    tag: str
    image: str
    version: str | None
    allow_backward: bool = False


class CopyReferrers(Operands, frozen=True, kw_only=True):
    """Operands for copying the referrers of an image (signatures, attestations, SBOMs) from `source` to `target`."""

    target: str
    image: str
    source: str
