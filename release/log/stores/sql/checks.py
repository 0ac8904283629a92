"""Checks that a database can hold a version log: its tables, its place, its durability and the role's rights."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Connection

from release.errors import LogError
from release.log.stores.sql.schema import NEEDED
from release.log.stores.syscalls import OsFiles


def require_fit(connection: Connection, name: str, path: str | None) -> str:
    """The revision of the tables, after the checks that one process makes once. Raises `LogError`.

    A SQLite file must be local, the tables must exist, and commits must be durable (`synchronous_commit`). `name`: the
    log's, for messages. `path`: the SQLite file; None for PostgreSQL.
    """
    _require_local(name, path)
    revision = _require_tables(connection, name)
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres and connection.scalar(text("SHOW synchronous_commit")) == "off":
        raise LogError(
            f"version log `{name}` would acknowledge entries that a power cut can lose: `synchronous_commit` is `off`",
            hint="`ALTER ROLE … SET synchronous_commit = on` for the role that writes the log",
        )
    return revision


def _require_local(name: str, path: str | None) -> None:
    kind = OsFiles().network_filesystem(path) if path else None
    if kind is not None:
        raise LogError(
            f"version log `{name}` lies on a network file system (`{kind}`), where SQLite's locks often do not work",
            hint="use PostgreSQL, or `log: {store: git}`",
        )


def _require_tables(connection: Connection, name: str) -> str:
    hint = "run `shipmark log migrate` once, with a role that may make tables"
    if not connection.dialect.has_table(connection, "alembic_version"):
        raise LogError(f"version log `{name}` has no tables yet", hint=hint)
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found is None or found < NEEDED:
        raise LogError(f"version log `{name}` has tables of revision {found}, {NEEDED} is needed", hint=hint)
    return found


def require_rights(connection: Connection, name: str) -> None:
    """Raise `LogError` unless the role may append entries to a log in PostgreSQL, on this server."""
    rights = connection.execute(
        text(
            "SELECT has_table_privilege('log_entry', 'INSERT'), has_table_privilege('log_head', 'UPDATE'), "
            "NOT pg_is_in_recovery(), current_setting('transaction_read_only') = 'off'"
        )
    ).one()
    grant = "grant INSERT on `log_entry` and UPDATE on `log_head`, on the primary server"
    primary = (
        "name the primary server in the URL; with several hosts, `?target_session_attrs=read-write` finds it"
    )
    missing = (
        ("this role lacks INSERT on `log_entry`", grant),
        ("this role lacks UPDATE on `log_head`", grant),
        ("this server is a replica", primary),
        ("this role or database is set to read only", primary),
    )
    for has, (found, hint) in zip(rights, missing, strict=True):
        if not has:
            raise LogError(f"version log `{name}` cannot be written: {found}", hint=hint)
