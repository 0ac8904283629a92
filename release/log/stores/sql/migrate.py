"""Creates and changes the tables of the SQL log, only for `shipmark log migrate`."""

from __future__ import annotations

import logging

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from release.errors import LogCorrupt, LogError
from release.log import Head
from release.log.stores.sql.checks import database_error
from release.log.stores.sql.schema import ENTRY, HEAD, REVISION, engine_of
from release.log.stores.sql.transaction import transaction
from release.log.stores.sql.urls import located, name_of, parse_url

# Key of PostgreSQL's advisory lock that makes concurrent migrations run one after the other.
# Arbitrary, so that other programs in the database are unlikely to lock the same number.
_ADVISORY_LOCK = 7_305_511_894


def migrate(url: str, *, workspace: str | None = None) -> tuple[str | None, str | None]:
    """Bring the tables to this version's revision, in one transaction; returns the revision before and after.

    `workspace`: the repository's top folder, from which a relative path is taken; a SQLite file below it is not reached
    through a symlink.

    Raises `LogError` when the database refuses, `ConfigError` for a URL that names no database for a log.
    """
    named = parse_url(url)
    parsed = located(named, workspace)
    engine = engine_of(parsed, create=True, workspace=workspace)
    logging.getLogger("alembic").addHandler(logging.NullHandler())
    try:
        with engine.connect() as connection, transaction(connection):
            if parsed.get_backend_name() == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            before = MigrationContext.configure(connection).get_current_revision()
            name = name_of(named)
            if before is not None and not before.isdecimal():
                raise LogError(
                    f"version log `{name}` cannot be migrated: its table `alembic_version` is another program's, at "
                    f"revision {before[:40]}",
                    hint="give the log a database of its own",
                )
            if before is not None and before > REVISION:
                raise LogError(
                    f"version log `{name}` has tables of revision {before}, newer than this version's {REVISION}",
                    hint="this version reads and writes them as they are; only a newer shipmark can migrate them",
                )
            config = Config()
            config.set_main_option("script_location", "release.log.stores.sql:migrations")
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _make_head(connection, name)
            return before, MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        message = f"version log `{name_of(named)}` cannot be migrated: {str(cause).strip().splitlines()[0]}"
        path = parsed.database if parsed.get_backend_name() == "sqlite" else None
        raise database_error(message, cause, path) from error
    finally:
        engine.dispose()


def _make_head(connection: Connection, name: str) -> None:
    """Make `log_head` and its row again, if they are missing, from the last entry. `name`: of the log."""
    tables = inspect(connection)
    if not tables.has_table(ENTRY.name):
        raise LogCorrupt(
            f"version log `{name}` has lost its table `{ENTRY.name}`, and with it every entry",
            hint="restore the database from a backup; or make the tables in a new one with `shipmark log migrate`, and "
            "copy a mirror to it with `shipmark log copy`",
        )
    if not tables.has_table(HEAD.name):
        HEAD.create(connection)
    if connection.execute(select(HEAD.c.id)).first() is not None:
        return
    last = connection.execute(select(ENTRY.c.seq, ENTRY.c.hash).order_by(ENTRY.c.seq.desc()).limit(1)).first()
    empty = Head()
    seq, digest = (last.seq, last.hash) if last is not None else (empty.seq, empty.hash)
    connection.execute(insert(HEAD), {"id": 1, "seq": seq, "hash": digest})
