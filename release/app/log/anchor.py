"""Compares the version log with the head in `SHIPMARK_LOG_ANCHOR`, which an earlier run printed."""

from __future__ import annotations

from release.app.session import Session
from release.errors import ConfigError, LogCorrupt, LogError
from release.events import Note
from release.log.anchor import contradiction, parse_anchor

VARIABLE = "SHIPMARK_LOG_ANCHOR"

_HINT = "restore the log from a copy, or unset the variable if the log was replaced on purpose"


def warn_of_lost_entries(session: Session) -> None:
    """Warn if the variable gives a head that the log lacks, or one that cannot be read."""
    if not session.trust.trusted:
        return
    try:
        lost = _lost(session)
    except ConfigError as error:
        session.sink.emit(Note(level="warning", text=error.message, hint=error.hint))
        return
    except LogError:
        return  # the run meets that error itself
    if lost is not None:
        session.sink.emit(Note(level="warning", text=lost, hint=_HINT))


def refuse_lost_entries(session: Session) -> None:
    """Raise `LogCorrupt` if the variable gives a head that the log lacks, `ConfigError` for one that cannot be read.

    For commands that delete what the log does not say to be in use.
    """
    lost = _lost(session)
    if lost is not None:
        raise LogCorrupt(lost, hint=_HINT)


def _lost(session: Session) -> str | None:
    """How the log contradicts the variable; None if it does not, or if there is no variable."""
    text = session.settings.env.get(VARIABLE, "")
    if not text:
        return None
    anchor = parse_anchor(text, given=VARIABLE)
    entries = session.log.entries()
    entry = entries[anchor.seq] if anchor.seq < len(entries) else None
    wrong = contradiction(anchor, entry, len(entries))
    return None if wrong is None else f"version log `{session.log.store.name}` {wrong} (`{VARIABLE}`)"
