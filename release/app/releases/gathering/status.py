"""Finds the statuses of versions that a run has to record: from its release event, or from what registries state."""

from __future__ import annotations

from release.errors import RefusedError
from release.events import Note
from release.facts import Facts
from release.log.catalog.view import LogView
from release.tagging.model import Decision, KnownReleases
from release.versions.semver import image_tag_of
from release.versions.status import KnownStatus, lacking


def status_change(facts: Facts, decision: Decision, known: KnownReleases) -> KnownStatus | None:
    """The status that the pre-release box of a release event gives to the released version, if it has another.

    A version without a status is stable. The box does not bring back a version that was taken back.
    """
    box = facts.ci.prerelease
    version = decision.candidate.version if decision.candidate is not None else None
    if box is None or version is None or facts.git_tag is None:
        return None
    before = known.statuses.get(str(version))
    was = "stable" if before is None or before.status == "restored" else before.status
    status = "prerelease" if box else "stable"
    if was in (status, "yanked"):
        return None
    return KnownStatus(
        version=str(version),
        status=status,
        number=1 if before is None else before.number + 1,
        reason=f"the pre-release box of the release of `{facts.git_tag}` is {'set' if box else 'cleared'}",
        commit=decision.commit,
    )


def learned(log: LogView, project: str, known: KnownReleases) -> tuple[KnownStatus, ...]:
    """The statuses that the registries have and this log lacks."""
    return lacking(log.statuses_of(project), known.statuses.values())


def told(said: KnownStatus) -> Note:
    """The note for people about a status that was found in a registry."""
    reason = f": {said.reason}" if said.reason else ""
    return Note(level="info", text=f"{said.version} is {said.status}, as the registry tells{reason}")


def require_not_yanked(decision: Decision, known: KnownReleases) -> None:
    """Raise `RefusedError` if the version that the run would release, or this build of it, was taken back."""
    candidate = decision.candidate
    if candidate is None or candidate.version is None:
        return
    version = str(candidate.version)
    for name in dict.fromkeys((version, image_tag_of(candidate.version, candidate.rebuild))):
        if name in known.yanked:
            said = known.statuses.get(name)
            reason = f": {said.reason}" if said is not None and said.reason else ""
            raise RefusedError(
                f"{name} was taken back{reason}",
                hint=f'`shipmark restore {name} --reason "..."` lets it count again; else release the next version',
            )
