"""Finds out whether a run's release event changes the status of the released version."""

from __future__ import annotations

from typing import Literal

from release.facts import Facts
from release.log.state import LogState
from release.plan.release_input import StatusChange
from release.tagging.model import Decision


def status_change(facts: Facts, decision: Decision, log: LogState, project: str) -> StatusChange | None:
    """The status that the pre-release box of a release event gives to the released version, if the log has another.

    A version without a recorded status is stable.
    """
    box = facts.ci.prerelease
    version = decision.candidate.version if decision.candidate is not None else None
    if box is None or version is None or facts.git_tag is None:
        return None
    before = log.statuses.get((project, str(version)))
    status: Literal["prerelease", "stable"] = "prerelease" if box else "stable"
    if status == ("stable" if before is None else before.status):
        return None
    return StatusChange(
        version=str(version),
        status=status,
        number=1 if before is None else before.number + 1,
        reason=f"the pre-release box of the release of `{facts.git_tag}` is {'set' if box else 'cleared'}",
    )
