"""The tables of the SQL log, and engines for SQLite and PostgreSQL.

`log_entry.line` holds the hashed bytes as text: a JSON column would reorder and drop members.
`UNIQUE (prev)` keeps the chain from forking even if a client does not lock the head. Triggers refuse UPDATE and DELETE.

Rights of the role that writes releases (the tables' owner only runs `shipmark log migrate`):

    GRANT SELECT, INSERT ON log_entry TO shipmark_ci;
    GRANT SELECT, UPDATE ON log_head TO shipmark_ci;
    GRANT SELECT ON alembic_version TO shipmark_ci;
    GRANT SELECT, INSERT, UPDATE, DELETE ON log_index, log_index_block, log_index_hex, log_index_term, log_index_name,
        log_index_version TO shipmark_ci;

A role that only reads needs SELECT on all of them. The tables `log_index…` are an index of the entries and can be made
again at any time; a role without rights on them keeps an index in its cache folder.
"""

from __future__ import annotations

import re
import sqlite3
from urllib.parse import quote, unquote

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text, create_engine
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from release.errors import ConfigError
from release.filesystem.files import require_file
from release.filesystem.workspace_paths import is_below
from release.lazy_pattern import pattern

#: The newest revision, which `shipmark log migrate` makes. Later ones must only add, so that newer tables can be used.
REVISION = "0002"
#: The revision that this code needs. Tables of it can be used as they are.
NEEDED = "0001"
#: The revision from which the database has the tables of the index; see `catalog.tables`.
INDEX_REVISION = "0002"

METADATA = MetaData()
HEAD = Table(
    "log_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
ENTRY = Table(
    "log_entry",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("prev", String(64), nullable=False, unique=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("line", Text, nullable=False),
)

# What may follow user and password in a URL: `host:port,host:port/database?name=value&name=value`.
_BEHIND_USER = pattern(r"[^@/?#]*(?:/[^@?#]*)?(?:\?(?:[A-Za-z0-9_]+=[^&]*(?:&|$))*)?")
# Seconds to connect to PostgreSQL. Without a limit, a firewall that drops packets would block the run for minutes.
_CONNECT_TIMEOUT = 10
# Seconds that SQLite waits for a write lock, equal to PostgreSQL's `lock_timeout` in `sql_transaction`.
# An append holds the lock for milliseconds: a process that holds it for 10 s hangs.
_BUSY_TIMEOUT = 10.0


def parse_url(text: str) -> URL:
    """The URL with the driver that shipmark uses. Raises `ConfigError`, whose message does not repeat the URL."""
    try:
        url = make_url(_with_quoted_password(text))
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is not a number
        raise ConfigError(
            "`log.url` is not a database URL", hint="`postgresql://user@host/database` or `sqlite:///path`"
        ) from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        _require_ports(url)
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    raise ConfigError(
        f"`log.url` names a `{url.drivername}` database, which cannot hold the log",
        hint="`postgresql://user@host/database` or `sqlite:///path`",
    )


def _require_ports(url: URL) -> None:
    """Raise `ConfigError` for a port that is not a number from 1 to 65535, also in `?port=`, for several hosts."""
    listed = url.query.get("port", ())
    ports = [
        *(listed.split(",") if isinstance(listed, str) else listed),
        *([] if url.port is None else [str(url.port)]),
    ]
    for port in ports:
        if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 1 << 16):
            raise ConfigError(
                f"`log.url` has the port `{port[:20]}`, which is not a number from 1 to 65535",
                hint="`postgresql://user@host:5432/database`",
            )


def _with_quoted_password(text: str) -> str:
    """`text` with user and password percent-encoded, so that they may hold `@`, `/`, `#`, `?` and `%` as they are.

    SQLAlchemy ends a password at its first `@`, and takes what follows for the host. This function ends user and
    password at the first `@` that host, database and query can follow; a later `@` belongs to the query.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme.lower().startswith("postgres"):
        return text
    ends = [match.start() for match in re.finditer("@", rest)]
    end = next((one for one in ends if _BEHIND_USER.fullmatch(rest, one + 1)), ends[-1] if ends else None)
    if end is None:
        return text
    user, colon, password = rest[:end].partition(":")
    user, password = (quote(unquote(part), safe="") for part in (user, password))
    return f"{scheme}://{user}{colon}{password}{rest[end:]}"


def name_of(url: URL) -> str:
    """The database's name in messages: without user, password and options."""
    kind = url.get_backend_name()
    if kind == "sqlite":
        return f"sqlite:{url.database}"
    port = f":{url.port}" if url.port else ""
    return f"{kind}://{url.host or 'localhost'}{port}/{url.database or ''}"


def engine_of(url: URL, *, create: bool = False, workspace: str | None = None) -> Engine:
    """An engine that keeps one connection. `sql_transaction`, not the engine, begins transactions.

    `create`: make a missing SQLite file. `workspace`: a SQLite file below it is not reached through a symlink.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, create=create, workspace=workspace)
    return create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=1,
        connect_args={
            "connect_timeout": _CONNECT_TIMEOUT,
            # Never prepare: a pooler may run each transaction in another session, which lacks the statement.
            "prepare_threshold": None,
            "application_name": "shipmark",
            # Otherwise the driver takes the database's encoding, and fails for characters that it lacks.
            "client_encoding": "utf8",
        },
    )


def _sqlite_engine(url: URL, *, create: bool, workspace: str | None) -> Engine:
    mode = "rwc" if create else "rw"

    def connect() -> sqlite3.Connection:
        # SQLite follows symlinks, and Python's module does not offer SQLITE_OPEN_NOFOLLOW.
        if is_below(url.database or "", workspace):
            for suffix in ("", "-wal", "-shm", "-journal"):
                require_file(f"{url.database}{suffix}", workspace=workspace, append=True)
        connection = sqlite3.connect(
            f"file:{quote(url.database or '')}?mode={mode}",
            uri=True,
            timeout=_BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    return create_engine(
        "sqlite://",
        isolation_level="AUTOCOMMIT",
        creator=connect,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=1,
    )
