"""The tables of the SQL log, and engines for SQLite and PostgreSQL.

`log_entry.line` holds the hashed bytes as text: a JSON column would reorder and drop members.
`UNIQUE (prev)` keeps the chain from forking even if a client does not lock the head. Triggers refuse UPDATE and DELETE.

Rights of the role that writes releases (the tables' owner only runs `shipmark log migrate`):

    GRANT USAGE ON SCHEMA public TO shipmark_ci;
    GRANT SELECT, INSERT ON log_entry TO shipmark_ci;
    GRANT SELECT, UPDATE ON log_head TO shipmark_ci;
    GRANT SELECT ON alembic_version TO shipmark_ci;
    GRANT SELECT, INSERT, UPDATE, DELETE ON log_index, log_index_block, log_index_hex, log_index_term, log_index_name,
        log_index_version TO shipmark_ci;

A role that only reads needs SELECT on all of them. The tables `log_index…` are an index of the entries and can be made
again at any time; a role without rights on them keeps an index in its cache folder.
"""

from __future__ import annotations

import sqlite3
from urllib.parse import quote

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text, create_engine
from sqlalchemy.engine import URL, Engine
from sqlalchemy.pool import QueuePool

from release.filesystem.files import require_file
from release.filesystem.workspace_paths import is_below

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

# Options of libpq, unless the URL has them.
# connect_timeout: seconds. Without a limit, a firewall that drops packets would block the run for minutes.
# keepalives_… (seconds), tcp_user_timeout (milliseconds): a build leaves the connection idle for longer than many NAT
# gateways keep it (Azure: 4 minutes). Without them, Linux would send the next statement again for about 15 minutes.
# Less than the writer's patience (20 s), which then connects anew.
_DEFAULTS = {
    "connect_timeout": 10,
    "fallback_application_name": "shipmark",
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# Seconds that SQLite waits for a write lock, equal to PostgreSQL's `lock_timeout` in `sql_transaction`.
# An append holds the lock for milliseconds: a process that holds it for 10 s hangs.
_BUSY_TIMEOUT = 10.0


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
            # SQLAlchemy lets these arguments replace the options of the URL, which are the user's.
            **{name: value for name, value in _DEFAULTS.items() if name not in url.query},
            # Never prepare: a pooler may run each transaction in another session, which lacks the statement.
            "prepare_threshold": None,
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
