"""What the planner of releases is told about each component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.build_spec import BuildSpec
from release.plan.evidence import ContentSource, Recorded
from release.tagging.model import Decision, HeldTags


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where an image goes. `moving`: False for repositories with immutable tags."""

    name: str
    required: bool = True
    moving: bool = True


class ReleaseInput(msgspec.Struct, frozen=True, kw_only=True):
    """One component with everything that is known of its release. `attest`: with a statement on the image.

    `builder`: the one that `builder: auto` took; None where it was not asked, or the configuration names one.
    """

    component: str
    project: str
    targets: tuple[Target, ...]
    decision: Decision
    build: BuildSpec
    committed_at: int  # seconds since the epoch
    builder: str | None = None
    held: HeldTags = HeldTags()
    recorded: Recorded = Recorded()
    places: tuple[ContentSource, ...] = ()
    reuse: bool = False
    attest: bool = False
    facts: Mapping[str, Any] = {}  # further members of the `planned` record: reason, git tag, ...
