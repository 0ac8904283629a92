"""Implements `run --wait`: waits, by the version log, until no other run works on the same images.

A run waits before it records anything, so that two runs never wait for each other. Several waiting runs may go on at
the same time: that is safe, since no other step relies on having waited.
"""

from __future__ import annotations

from collections.abc import Sequence

from ci.context import CiRun
from release.app.releases.known import project_of
from release.app.session import Session
from release.config.component import Component
from release.events import Note, StepEvent
from release.log import Entry
from release.log.state import Attempt, LogState
from release.log.timestamps import timestamp
from release.log.waiters import ahead, lease_end

# Seconds between two reads of the log. Each pause is half as long again as the one before, up to a limit.
_FIRST_PAUSE = 0.2  # short: the other run may be about to end
# The longest pause for a log file: reading a file is cheap, so this run goes on at most 2 s late.
_LONGEST_PAUSE = 2.0
# The longest pause for a git server or database, which many waiting runs may query for hours.
_LONGEST_PAUSE_REMOTE = 15.0


def wait_for_others(session: Session, components: Sequence[Component]) -> None:
    """Wait until the version log shows no other unfinished run for these images. Raises `Interrupted`."""
    pause = _FIRST_PAUSE
    longest = _LONGEST_PAUSE if session.log.store.local else _LONGEST_PAUSE_REMOTE
    told: dict[str, Attempt] = {}
    while True:
        view = session.log.view()
        state = view.whole
        waited_for = {one.id: one for one in _ahead(session, components, state, view.entries)}
        for one in waited_for.values():
            if one.id not in told:
                told[one.id] = one
                session.sink.emit(_note(state, one))
                session.sink.emit(StepEvent(step=f"wait:{one.id[:12]}", state="started"))
        for gone in told.keys() - waited_for.keys():
            session.sink.emit(StepEvent(step=f"wait:{gone[:12]}", state="done"))
            del told[gone]
        if not waited_for:
            return
        session.cancel.wait(pause)
        pause = min(pause * 1.5, longest)


def _ahead(
    session: Session, components: Sequence[Component], state: LogState, entries: Sequence[Entry]
) -> tuple[Attempt, ...]:
    presence = session.ports.presence(session)
    run: CiRun = session.ci.run
    found = ahead(
        state,
        entries,
        projects=frozenset(project_of(session, one) for one in components if one.targets),
        targets=frozenset(
            session.registries.open(target.image).name for one in components for target in one.targets
        ),
        now=session.clock.now(),
        run={"system": session.ci.system, "run_id": run.id, "job": run.job},
    )
    return tuple(one for one in found if presence.is_alive(one.id) is not False)


def _note(state: LogState, one: Attempt) -> Note:
    release = state.releases[one.release]
    where = one.ci.get("run_url") or one.actor
    by = f", {where}" if where else ""
    what = release.version or release.commit[:12]
    until = timestamp(lease_end(one))
    return Note(
        level="info",
        text=f"waiting for attempt {one.id[:12]} at {what} (begun {one.at}{by}), at most until {until}",
        hint=f"is its run over? `shipmark log recover --attempt {one.id} --evidence TEXT` ends the waiting",
    )
