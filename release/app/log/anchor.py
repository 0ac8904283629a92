"""Compares the version log with the head in `SHIPMARK_LOG_ANCHOR`, which an earlier run printed."""

from __future__ import annotations

from release.app.session import Session
from release.errors import ConfigError, LogError
from release.events import Note
from release.log.anchor import contradiction, parse_anchor

VARIABLE = "SHIPMARK_LOG_ANCHOR"


def warn_of_lost_entries(session: Session) -> None:
    """Warn if the variable gives a head that the log lacks, or one that cannot be read."""
    text = session.settings.env.get(VARIABLE, "")
    if not text or not session.trust.trusted:
        return
    try:
        anchor = parse_anchor(text, given=VARIABLE)
    except ConfigError as error:
        session.sink.emit(Note(level="warning", text=error.message, hint=error.hint))
        return
    try:
        entries = session.log.entries()
    except LogError:
        return  # the run meets that error itself
    entry = entries[anchor.seq] if anchor.seq < len(entries) else None
    if (wrong := contradiction(anchor, entry, len(entries))) is not None:
        text = f"version log `{session.log.store.name}` {wrong} (`{VARIABLE}`)"
        hint = "restore the log from a copy, or unset the variable if the log was replaced on purpose"
        session.sink.emit(Note(level="warning", text=text, hint=hint))
