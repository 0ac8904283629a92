"""The members that every record of a run has, and the recording of an attempt's end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import msgspec

from release import __version__
from release.app.session import Session
from release.control import Cancel
from release.errors import Interrupted
from release.log import Head

# Seconds that recording the end of an attempt may take after a signal. The process ends 4 s after the signal
# (`cli/signals.py`), and cancelled steps may take 0.6 s of that.
_AFTER_A_SIGNAL = 1.5
# Seconds that recording the end of an attempt may take after a failure, when nothing ends the process: enough for a
# slow database or git server; more would delay the error message while the log's store does not answer.
_AFTER_A_FAILURE = 10.0


def record_context(session: Session, attempt: str) -> dict[str, Any]:
    """The members of every record of this run: attempt, CI run, version of shipmark, actor."""
    ci = session.ci
    run = {"system": ci.system, "run_id": ci.run.id, "run_attempt": ci.run.attempt, "run_url": ci.run.url}
    run |= {"job": ci.run.job, "event": ci.event_name}
    context: dict[str, Any] = {
        "attempt": attempt,
        "ci": {name: value for name, value in run.items() if value is not None},
        "tools": {"shipmark": __version__},
    }
    actor = ci.run.actor or session.settings.env.get("USER")
    if actor:
        context["actor"] = actor
    return context


def record_end(session: Session, facts: Sequence[dict[str, Any]]) -> Head | None:
    """Append `facts` about the end of the attempt to the log, even when the run is cancelled; return the log's end.

    Returns None without facts. The writer of `session.log` does not see these entries.

    Uses a `Cancel` of its own, which trips after 1.5 s if the run is cancelled, and after 10 s otherwise.
    """
    if not facts:
        return None
    cancel = Cancel()
    seconds = _AFTER_A_SIGNAL if session.cancel.tripped else _AFTER_A_FAILURE
    late = Interrupted(
        f"the end of the attempt was not recorded within {seconds:g} s",
        hint="the next run settles the attempt, or `shipmark log recover` does",
    )
    timer = threading.Timer(seconds, cancel.trip, (late,))
    timer.daemon = True
    timer.start()
    try:
        ground = msgspec.structs.replace(session.ground, cancel=cancel, process=session.ports.process(cancel))
        log = session.ports.open_log(session.config.log, ground, budget=seconds)
        log.append(facts)
        return log.head
    finally:
        timer.cancel()
