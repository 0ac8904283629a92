"""Compares the version log with the head in `SHIPMARK_LOG_ANCHOR`, which an earlier run printed."""

from __future__ import annotations

from release.app.session import Session
from release.errors import ConfigError, LogCorrupt, LogError
from release.events import Note
from release.log.anchor import contradiction, parse_anchor

VARIABLE = "SHIPMARK_LOG_ANCHOR"


class LostEntries(LogCorrupt):
    """The log lacks the entry that the variable names."""

    usual_hint = "restore the log from a copy, or unset the variable if the log was replaced on purpose"


def warn_of_lost_entries(session: Session) -> None:
    """Warn if the variable gives a head that the log lacks, or one that cannot be read."""
    if not session.trust.trusted:
        return
    try:
        refuse_lost_entries(session)
    except (ConfigError, LostEntries) as error:
        session.sink.emit(Note(level="warning", text=error.message, hint=error.hint))
    except LogError:
        return  # the run meets that error itself


def refuse_lost_entries(session: Session) -> None:
    """Raise `LostEntries` if the variable gives a head that the log lacks, `ConfigError` for one that cannot be read.

    For commands that delete what the log does not say to be in use.
    """
    text = session.settings.env.get(VARIABLE, "")
    if not text:
        return
    anchor = parse_anchor(text, given=VARIABLE)
    entries = session.log.entries()
    entry = entries[anchor.seq] if anchor.seq < len(entries) else None
    if (wrong := contradiction(anchor, entry, len(entries))) is not None:
        raise LostEntries(f"version log `{session.log.store.name}` {wrong} (`{VARIABLE}`)")
