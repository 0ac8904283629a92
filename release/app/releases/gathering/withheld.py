"""The moving tags that a release does not get: what they hold, and a warning where only this clone withholds one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from release.app.clone_history import tag_of_the_clone_only
from release.app.session import Session
from release.errors import RegistryError
from release.oci import Repository
from release.tagging.line_releases import highest
from release.tagging.model import Decision, Held, KnownReleases, TagPolicy


def overtaken_tags(
    session: Session, repositories: Sequence[Repository], decision: Decision, known: KnownReleases
) -> Iterator[Held]:
    """The states of moving tags that this release does not get because another release should have them.

    A tag may still hold this release, if a run was killed during a race; then the plan moves the tag off.
    """
    for one in decision.withheld:
        if not one.rightly or one.line is None or one.line.kind != "release":
            continue
        if highest(one.line, known) is None:
            continue  # no release could take the tag over: without this, each run would plan that again
        for repository in repositories:
            with suppress(RegistryError):  # the plan's step `check-target` reports the registry's error
                yield session.tags.read(repository, repository.name, one.name)


def with_unpushed(session: Session, policy: TagPolicy, decision: Decision, known: KnownReleases) -> Decision:
    """The decision with a warning for each git tag that withholds a moving tag, and that only this clone has."""
    warnings: dict[str, None] = {}
    for one in decision.withheld:
        top = highest(one.line, known) if one.rightly and one.line is not None else None
        if top is None or top.source != "git tag" or one.line is None or one.line.kind != "release":
            continue
        released = (*known.versions, *(build for log in known.recorded for build in log.of(top.version)))
        if not any(other.version == top.version for other in released):
            names = (f"{policy.prefix}{sign}{top.version}" for sign in ("v", ""))
            warnings |= {text: None for name in names if (text := tag_of_the_clone_only(session, name))}
    if not warnings:
        return decision
    return msgspec.structs.replace(decision, warnings=(*decision.warnings, *warnings))
