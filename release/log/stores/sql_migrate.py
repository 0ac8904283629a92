"""Creates and changes the tables of the SQL log, only for `shipmark log migrate`."""

from __future__ import annotations

import logging

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from release.errors import LogError
from release.log.stores.sql_schema import engine_of, name_of, parse_url
from release.log.stores.sql_transaction import transaction

# Key of PostgreSQL's advisory lock that makes concurrent migrations run one after the other.
# Arbitrary, so that other programs in the database are unlikely to lock the same number.
_ADVISORY_LOCK = 7_305_511_894


def migrate(url: str, *, workspace: str | None = None) -> tuple[str | None, str | None]:
    """Bring the tables to this version's revision, in one transaction; returns the revision before and after.

    `workspace`: a SQLite file below it is not reached through a symlink.

    Raises `LogError` when the database refuses, `ConfigError` for a URL that names no database for a log.
    """
    parsed = parse_url(url)
    engine = engine_of(parsed, create=True, workspace=workspace)
    logging.getLogger("alembic").addHandler(logging.NullHandler())
    try:
        with engine.connect() as connection, transaction(connection):
            if parsed.get_backend_name() == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            before = MigrationContext.configure(connection).get_current_revision()
            config = Config()
            config.set_main_option("script_location", "release.log.stores:migrations")
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return before, MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise LogError(
            f"version log `{name_of(parsed)}` cannot be migrated: {cause}",
            hint="check that the database is reachable and that the role may make tables",
        ) from error
    finally:
        engine.dispose()
