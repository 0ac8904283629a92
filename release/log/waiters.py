"""Finds running attempts of other runs for the same projects or targets, for `run --wait`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any

from release.log import Entry
from release.log.records.entry_members import ENDS
from release.log.state import Attempt, LogState, ReleaseState

# Milliseconds since the epoch.
_YEAR_10000 = 253_402_300_800_000


def ahead(
    state: LogState,
    entries: Sequence[Entry],
    *,
    projects: frozenset[str],
    targets: frozenset[str],
    now: int,
    run: Mapping[str, Any],
) -> tuple[Attempt, ...]:
    """Attempts that still run, for releases of one of `projects` or for releases to one of `targets`, oldest first.

    `state`: the fold of `entries`. `now`: milliseconds since the epoch; attempts without an announced time, or after
    its end, are left out. `run`: this CI run as records name it; earlier attempts of the same job are left out.
    """
    found = [
        attempt
        for release in state.releases.values()
        if release.project in projects or targets & _targets(release)
        for attempt in release.attempts
        if now < lease_end(attempt)
        and not _is_same_job(attempt.ci, run)
        and _is_at_work(attempt, release, entries)
    ]
    return tuple(sorted(found, key=lambda attempt: attempt.seq))


def _is_at_work(attempt: Attempt, release: ReleaseState, entries: Sequence[Entry]) -> bool:
    if attempt.ended is None:
        return True
    # `released` ends an attempt in the fold, but its run still has to move the moving tags.
    return attempt.ended == "released" and not release.finished and not _has_end(attempt, entries)


def _has_end(attempt: Attempt, entries: Sequence[Entry]) -> bool:
    """Whether an entry records the end of the attempt. Only entries after its beginning are read."""
    newer = takewhile(lambda entry: entry.seq > attempt.seq, reversed(entries))
    return any(entry.fields.get("attempt") == attempt.id and entry.kind in ENDS for entry in newer)


def lease_end(attempt: Attempt) -> int:
    """When the time that the attempt announced ends, in milliseconds since the epoch; 0 if it announced none."""
    if not attempt.lease_ms:
        return 0
    try:
        end = int(datetime.fromisoformat(attempt.at).timestamp() * 1000) + attempt.lease_ms
    except (ValueError, OverflowError):  # `at` is not a time: treat the attempt as if it announced no time
        return 0
    return end if end < _YEAR_10000 else 0  # nobody can wait that long, and no text can say when it ends


def _targets(release: ReleaseState) -> frozenset[str]:
    return frozenset(target.target for target in release.targets)


def _is_same_job(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    # `run_attempt` is not compared: CI systems repeat a job only after the job's earlier attempt has ended.
    return bool(ours.get("run_id")) and all(
        theirs.get(name) == ours.get(name) for name in ("system", "run_id", "job")
    )
