"""Who is at work on the same images: open attempts of others, as advice for who would rather wait. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from release.log import Entry
from release.log.record import ENDS
from release.log.state import Attempt, LogState, ReleaseState


def ahead(
    state: LogState,
    entries: Iterable[Entry],
    *,
    projects: frozenset[str],
    targets: frozenset[str],
    now: int,
    run: Mapping[str, Any],
) -> tuple[Attempt, ...]:
    """Attempts at releases of the same project, or to one of the same targets, that have not ended, oldest first.

    `state`: the fold of `entries`. `now`: milliseconds since the epoch; an attempt whose stated time has passed, or
    that stated none, is not waited for. `run`: the CI run that asks, as records say it: a job does not wait for what
    it left behind itself.
    """
    over = frozenset(entry.fields.get("attempt") for entry in entries if entry.kind in ENDS)
    found = [
        attempt
        for release in state.releases.values()
        if release.project in projects or targets & _targets(release)
        for attempt in release.attempts
        if _is_at_work(attempt, release, over)
        and now < lease_end(attempt)
        and not _is_same_job(attempt.ci, run)
    ]
    return tuple(sorted(found, key=lambda attempt: attempt.seq))


def _is_at_work(attempt: Attempt, release: ReleaseState, over: frozenset[Any]) -> bool:
    if attempt.ended is None:
        return True
    # The fold ends attempts with `released`; whoever wrote it still has the moving tags to move.
    return attempt.ended == "released" and not release.finished and attempt.id not in over


def lease_end(attempt: Attempt) -> int:
    """When the time that the attempt stated has passed, in milliseconds since the epoch; 0 when it stated none."""
    if not attempt.lease_ms:
        return 0
    try:
        return int(datetime.fromisoformat(attempt.at).timestamp() * 1000) + attempt.lease_ms
    except (ValueError, OverflowError):  # not a time: it states none
        return 0


def _targets(release: ReleaseState) -> frozenset[str]:
    return frozenset(target.target for target in release.targets)


def _is_same_job(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    # The job of one run runs again only once it has ended: `run_attempt` need not be compared.
    return bool(ours.get("run_id")) and all(
        theirs.get(name) == ours.get(name) for name in ("system", "run_id", "job")
    )
