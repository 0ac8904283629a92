"""One component's decision, by the default scheme or by the rules of its `tags:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.config.load import Component
from release.facts import Facts
from release.tagging.decide import decide
from release.tagging.model import Decision, HeldTags, KnownReleases, TagPolicy

if TYPE_CHECKING:
    from release.cli.session import Session
    from release.cli.wishes import Wishes


def decide_component(
    session: Session,
    component: Component,
    facts: Facts,
    policy: TagPolicy,
    known: KnownReleases,
    held: HeldTags | None,
    wishes: Wishes,
) -> Decision:
    """The decision for `component`; pure apart from reading its section."""
    del session
    section = component.section
    return decide(
        facts,
        policy,
        known,
        component=component.name,
        held=held,
        version=wishes.version,
        rebuild=wishes.rebuild,
        repositories=tuple(target.image for target in component.targets),
        labels=pairs(section.labels),
        annotations=pairs(section.annotations),
        allow_backward=wishes.allow_backward,
    )


def pairs(given: str | dict[str, str] | tuple[str, ...]) -> dict[str, str]:
    """Labels or annotations as a mapping; from lines `name=text` too."""
    if isinstance(given, dict):
        return given
    lines = given.splitlines() if isinstance(given, str) else given
    entries = [
        line.strip().partition("=") for line in lines if line.strip() and not line.strip().startswith("#")
    ]
    return {name.strip(): text.strip() for name, _, text in entries}
