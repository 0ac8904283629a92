"""Checks that a database can hold a version log: its tables, its place, its durability and the role's rights."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.engine import Connection

from release.errors import LogError
from release.log.stores.sql.errors import translated
from release.log.stores.sql.schema import NEEDED
from release.log.stores.syscalls import OsFiles

_MIGRATE = "run `shipmark log migrate` once, with a role that may make tables"


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
    if not connection.dialect.has_table(connection, "alembic_version"):
        raise _without_tables(connection, name)
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found is None:
        require_visible(connection, name)
    if found is None or found < NEEDED:
        raise LogError(
            f"version log `{name}` has tables of revision {found}, {NEEDED} is needed", hint=_MIGRATE
        )
    return found


def _without_tables(connection: Connection, name: str) -> LogError:
    """The error for a database in which this connection finds no tables: it may only look in the wrong schema."""
    if connection.dialect.name != "postgresql":
        return LogError(f"version log `{name}` has no tables yet", hint="run `shipmark log migrate` once")
    # Everybody may read the system catalogs, also of schemas that they may not use.
    places = connection.execute(
        text(
            "SELECT n.nspname, has_schema_privilege(n.oid, 'USAGE') FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE c.relname = 'log_entry' AND c.relkind IN ('r', 'p') ORDER BY 1"
        )
    ).all()
    usable = [schema for schema, may_use in places if may_use]
    if usable:
        return LogError(
            f"version log `{name}` has no tables where this connection looks: schema {_listed(usable)} has some, and "
            "is not in `search_path`",
            hint='for that log, add `?options=-csearch_path%3D"SCHEMA"` to the URL, or `ALTER ROLE … SET search_path`; '
            "for a log of its own, run `shipmark log migrate` once",
        )
    if places:
        return LogError(
            f"version log `{name}` cannot be read: this role may not use the schema of its tables, "
            f"{_listed([schema for schema, _ in places])}",
            hint="`GRANT USAGE ON SCHEMA … TO …`",
        )
    return LogError(f"version log `{name}` has no tables yet", hint=_MIGRATE)


def require_visible(connection: Connection, name: str) -> None:
    """Raise `LogError` if row-level security may hide rows from this role: the log would look damaged."""
    if connection.dialect.name != "postgresql":
        return
    names = ", ".join(f"to_regclass('{table}')" for table in ("alembic_version", "log_entry", "log_head"))
    # S608: the names are those above.
    query = f"SELECT relname FROM pg_class WHERE oid IN ({names}) AND row_security_active(oid) ORDER BY 1"  # noqa: S608
    tables = list(connection.scalars(text(query)))
    if tables:
        raise LogError(
            f"version log `{name}` cannot be read: row-level security hides rows of {_listed(tables)} from this role",
            hint="a log is read whole: `ALTER TABLE … DISABLE ROW LEVEL SECURITY`, or give the role a policy for every "
            "row, `CREATE POLICY … USING (true)`",
        )


def database_error(message: str, error: BaseException, path: str | None) -> LogError:
    """The error for the driver's `error`. `message`: of the new error. `path`: the SQLite file; None for PostgreSQL."""
    if path is not None and "unable to open" in str(error):
        return LogError(message, hint=_unopened(path))
    return translated(message, str(error), getattr(error, "sqlstate", None), postgresql=path is None)


def _unopened(path: str) -> str:
    """The hint for a SQLite file that cannot be opened, by what is at `path`."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return f"make the folder `{folder}`, then run `shipmark log migrate` once"
    if not os.access(folder, os.X_OK):
        return f"let this user enter the folder `{folder}`"
    if os.path.isdir(path):
        return f"`{path}` is a folder: name a file"
    if os.path.exists(path):
        return f"let this user read and write `{path}` and its folder"
    if not os.access(folder, os.W_OK):
        return f"let this user write the folder `{folder}`, then run `shipmark log migrate` once"
    return "run `shipmark log migrate` once: it creates the file"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


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
