"""Translates the errors of PostgreSQL and SQLite: each cause with the hint that helps there. Pure."""

from __future__ import annotations

from release.errors import LogError, LogUnavailable
from release.log.stores.sql.connection_causes import CONNECTION
from release.log.stores.sql.sqlite_causes import SQLITE
from release.log.stores.sql.statement_causes import STATEMENTS

POSTGRESQL = (*CONNECTION, *STATEMENTS)


def translated(message: str, text: str, state: str | None, *, postgresql: bool) -> LogError:
    """The error for an error of the database. `message`: of the new error. `text`: of the database's, every line."""
    found = next((one for one in (POSTGRESQL if postgresql else SQLITE) if one.covers(state, text)), None)
    if found is None:
        return LogUnavailable(message, hint="check that the database is up and reachable, then run again")
    return found.error(message, hint=found.hint)
