"""Settles attempts that never recorded their end: appends `abandoned` with the evidence that the run is over."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from release.app.log.scope import scope_of
from release.app.session import Session
from release.errors import ConfigError
from release.log.state import Attempt
from release.log.waiters import lease_end


class RecoverRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`attempt`: settle only the attempt with this id, with `evidence` that the attempt's run is over.

    Without `attempt` and `evidence`, every attempt is settled that has been open for longer than the time it stated at
    its start. `project`, `all_projects`: other projects than the one at hand; an attempt that is named may be of any.
    """

    attempt: str | None = None
    evidence: str | None = None
    project: str | None = None
    all_projects: bool = False


class RecoverReport(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of the attempts that were settled now, and of those that are still open."""

    schema: Literal["shipmark.log-recover/1"] = "shipmark.log-recover/1"
    settled: tuple[str, ...]
    open: tuple[str, ...]


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts that were settled, each with its evidence, and those that are still open."""

    settled: tuple[tuple[Attempt, str], ...]
    open: tuple[Attempt, ...]


def recover(workspace: Session, request: RecoverRequest) -> RecoverReport:
    """Settle attempts. An open attempt locks nothing: running again finishes its release, settled or not."""
    found = settle(workspace, request)
    return recover_report(found)


def recover_report(found: Settlement) -> RecoverReport:
    """The report of a settlement, as `--json` prints it."""
    return RecoverReport(
        settled=tuple(one.id for one, _ in found.settled), open=tuple(one.id for one in found.open)
    )


def settle(workspace: Session, request: RecoverRequest) -> Settlement:
    """Append `abandoned` for the attempt that the request names, or for those whose stated time has passed.

    Raises `ConfigError` for an attempt that is not open, or given without evidence; `RefusedError` in a run that is not
    trusted.
    """
    attempt, evidence = request.attempt, request.evidence
    if (attempt is None) != (evidence is None):
        raise ConfigError(
            "`--attempt` and `--evidence` go together",
            hint="give the attempt's id, and the evidence that its run is over",
        )
    workspace.require_trusted("log recover")
    now = workspace.clock.now()
    judged = [(one, _evidence(one, now, request)) for one in _open(workspace, request)]
    settled = tuple((one, why) for one, why in judged if why is not None)
    if attempt is not None and not settled:
        raise ConfigError(
            f"the log has no open attempt `{attempt}`",
            hint="`shipmark log recover` lists the open attempts, and settles those whose time has passed",
        )
    projects = {key: release.project for key, release in workspace.log_state.whole.releases.items()}
    workspace.log.append([_fact(one, projects[one.release], why) for one, why in settled])
    return Settlement(settled=settled, open=tuple(one for one, why in judged if why is None))


def _open(workspace: Session, request: RecoverRequest) -> list[Attempt]:
    every = request.all_projects or request.attempt is not None
    scope = scope_of(workspace, project=request.project, all_projects=every)
    return [
        attempt
        for release in workspace.log_state.whole.releases.values()
        if scope.covers(release.project, "" if every else release.component)
        for attempt in release.open_attempts
    ]


def _evidence(one: Attempt, now: int, request: RecoverRequest) -> str | None:
    """The reason why the attempt can be settled, or None. `now`: milliseconds since the epoch."""
    if request.attempt is not None:
        return request.evidence if one.id == request.attempt else None
    if 0 < lease_end(one) < now:
        return f"its stated time of {one.lease_ms // 60_000} minutes has passed"
    return None


def _fact(one: Attempt, project: str, why: str) -> dict[str, Any]:
    return {
        "kind": "abandoned",
        "project": project,
        "release": one.release,
        "attempt": one.id,
        "reason": "its run is over",
        "evidence": why,
    }
