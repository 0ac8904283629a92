"""Translates the errors of PostgreSQL and SQLite: each cause with the hint that helps there. Pure.

An error while connecting has no SQLSTATE, only the server's or libpq's text, so that its cause is found by that text.
"""

from __future__ import annotations

import re

import msgspec

from release.errors import LogCorrupt, LogError, LogUnavailable
from release.lazy_pattern import pattern

_URL = "`log.url` (or the variable that it takes it from)"
_FOREIGN = (
    "tables of these names belong to another program, or were changed: give the log a database of its own"
)


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A cause of errors. `states`: its SQLSTATEs, or their classes (two digits). `text`: found in an error's text.

    `error`: `LogUnavailable` if trying again in a moment may help.
    """

    hint: str
    states: tuple[str, ...] = ()
    text: re.Pattern[str] | None = None
    error: type[LogError] = LogError

    def covers(self, state: str | None, text: str) -> bool:
        """Whether an error with this SQLSTATE and text has this cause."""
        by_state = state is not None and any(state.startswith(one) for one in self.states)
        return by_state or (self.text is not None and self.text.search(text) is not None)


def _cause(text: str, hint: str, *states: str, error: type[LogError] = LogError) -> Cause:
    return Cause(text=pattern(text) if text else None, hint=hint, states=states, error=error)


#: Searched in this order: the first cause that covers an error counts. Texts about TLS come before those about
#: refused connections, because one message can contain both.
POSTGRESQL = (
    _cause(
        r'role "[^"]*" does not exist',
        f"create the role, or name the right user in {_URL}; without a user it is that of the operating system",
    ),
    _cause(
        r'database "[^"]*" does not exist',
        f"create the database (`createdb`), or name the right one in {_URL}; then run `shipmark log migrate` once",
        "3D000",
    ),
    _cause(
        r'role "[^"]*" is not permitted to log in',
        f"let the role log in (`ALTER ROLE … LOGIN`), or name another user in {_URL}",
    ),
    _cause(
        r'permission denied for database "[^"]*"',
        "let the role connect: `GRANT CONNECT ON DATABASE … TO …`; to make tables it also needs `CREATE` on the schema",
    ),
    _cause(
        r"is not currently accepting connections",
        f"`ALTER DATABASE … ALLOW_CONNECTIONS true` opens the database; if it is the wrong one, correct {_URL}",
    ),
    _cause(r"password authentication failed", f"check the password of this user in {_URL}", "28P01"),
    _cause(
        r"no password supplied",
        f"the server requires a password: write `postgresql://user:${{PASSWORD}}@host/database` into {_URL}",
    ),
    _cause(
        r"certificate verify failed|self-signed certificate|unknown ca|certificate .*expired",
        "the server's certificate has expired, or this machine does not trust its authority, whose certificate file "
        "`?sslmode=verify-full&sslrootcert=FILE` in the URL names; `openssl s_client -starttls postgres -connect "
        "HOST:PORT` shows both",
    ),
    _cause(
        r"root certificate file .* does not exist|could not read root certificate file|sslrootcert",
        "`sslrootcert` has to name a readable file with the certificate of the server's authority, in PEM",
    ),
    _cause(
        r"server certificate for .* does not match host name",
        "name the host as in the server's certificate, or let its owner issue one for this name",
    ),
    _cause(
        r"server does not support SSL",
        "the server has no TLS: turn it on there (`ssl = on`), or, in a network that you trust, leave `sslmode` out",
    ),
    _cause(
        r"(?:no pg_hba.conf entry|pg_hba.conf rejects).*no encryption",
        "the server may want TLS: add `?sslmode=require` to the URL; otherwise its `pg_hba.conf` has to admit this "
        "host, user and database",
        "28000",
    ),
    _cause(
        r"no pg_hba.conf entry|pg_hba.conf rejects",
        "the server's `pg_hba.conf` has to admit this host, user and database",
        "28000",
    ),
    _cause(
        r"too many clients|too many connections|remaining connection slots",
        "wait until other clients end, or raise `max_connections`, or the limit of the role or database; a pooler such "
        "as PgBouncer shares connections",
        "53300",
        error=LogUnavailable,
    ),
    _cause(
        r"no more connections allowed",
        "PgBouncer has as many clients as it takes: wait until others end, or raise its `max_client_conn`",
        error=LogUnavailable,
    ),
    _cause(
        r"query_wait_timeout",
        "no connection behind PgBouncer became free in time: check that the server is up, and see with `SHOW POOLS` "
        "who uses its connections; more of them: `default_pool_size`",
        error=LogUnavailable,
    ),
    _cause(
        r"server login has been failing|cannot connect to server|server conn crashed",
        "PgBouncer does not reach the server behind it: check that the server is up, and host, user and password in "
        "PgBouncer's `[databases]`",
        error=LogUnavailable,
    ),
    _cause(
        r"unsupported startup parameter",
        "PgBouncer refuses this option of the URL: set it for the role (`ALTER ROLE … SET …`), or name it in "
        "PgBouncer's `ignore_startup_parameters`",
    ),
    _cause(
        r"not allowed in statement pooling mode",
        "the log needs transactions: set `pool_mode = transaction` or `session` for this database in PgBouncer",
    ),
    _cause(r"invalid port number", f"a port is a number from 1 to 65535: correct it in {_URL}"),
    _cause(
        r"invalid sslmode value|invalid connection option|invalid .* value: |invalid URI",
        f"correct what stands behind `?` in {_URL}: the options are those of libpq, such as `sslmode=verify-full`",
    ),
    _cause(
        r"failed to resolve host|could not translate host name|Name or service not known",
        f"check the host's name in {_URL}, and the name servers of this machine",
        error=LogUnavailable,
    ),
    _cause(
        r"No such file or directory",
        "no server listens at this socket: check that it is up, and the folder in `?host=FOLDER`",
        error=LogUnavailable,
    ),
    _cause(
        r"Connection refused",
        "no server listens there: check that it is up, and host and port",
        error=LogUnavailable,
    ),
    _cause(
        r"timeout expired",
        "nothing answers there: check host, port and firewalls between this machine and the server",
        error=LogUnavailable,
    ),
    _cause(
        r"the database system is (?:starting up|shutting down|in recovery)",
        "the server is starting or stopping: run again in a moment",
        "57P03",
        "57P01",
        error=LogUnavailable,
    ),
    _cause(
        r"read-only transaction",
        "this is a replica, or it is set to read only: name the primary server in the URL; with several hosts, "
        "`?target_session_attrs=read-write` finds it",
        "25006",
    ),
    _cause(
        r"statement timeout",
        "the server ends statements that take this long: raise `statement_timeout` of this role (`ALTER ROLE … SET "
        "statement_timeout = '30s'`), or find out what slows the server down",
        "57014",
        error=LogUnavailable,
    ),
    _cause(
        r"lock timeout",
        "another writer holds the row of `log_head`: `SELECT * FROM pg_stat_activity WHERE application_name = "
        "'shipmark'` shows which; run again when it is done",
        "55P03",
        error=LogUnavailable,
    ),
    _cause(
        "",
        "grant the role `SELECT, INSERT` on `log_entry`, `SELECT, UPDATE` on `log_head` and `SELECT` on "
        "`alembic_version`; to make tables it also needs `CREATE` on the schema",
        "42501",
    ),
    _cause(
        r"relation \"[^\"]*\" does not exist",
        "run `shipmark log migrate` once, with a role that may make tables; with `search_path`, name the same schema",
        "42P01",
    ),
    _cause(
        r"column \S+ does not exist|relation \"[^\"]*\" already exists",
        _FOREIGN,
        "42703",
        "42P07",
    ),
    _cause(
        r"has no equivalent in encoding|unsupported encoding",
        "the database cannot store every character: make one with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE "
        "template0`, and `shipmark log copy` the log to it",
        "22P05",
    ),
    _cause(
        r"No space left on device|could not extend file",
        "make room on the server's disk, then run again",
        "53100",
    ),
    _cause(
        r"invalid page in block|could not read block",
        "the server's files are damaged: restore the database from a backup, or from a mirror with `shipmark log copy`",
        "XX001",
        "XX002",
        error=LogCorrupt,
    ),
)
SQLITE = (
    _cause(
        r"unable to open", "run `shipmark log migrate` once: it creates the file; its folder has to exist"
    ),
    _cause(
        r"not a database|malformed|disk image",
        "restore the database file from a copy, such as a mirror or a backup, or name another file",
        error=LogCorrupt,
    ),
    _cause(
        r"database is locked",
        "another process holds the database for long: find out which (`fuser FILE`), and run again when it is done",
        error=LogUnavailable,
    ),
    _cause(
        r"readonly database|read-only",
        "give this user the right to write the file and its folder, where SQLite keeps `-wal` and `-shm` beside it",
    ),
    _cause(r"disk is full", "make room on the disk, then run again"),
    _cause(
        r"disk I/O error",
        "check the disk, and make room on it: SQLite keeps `-wal` and `-shm` beside the file; then run again",
        error=LogUnavailable,
    ),
    _cause(r"table \S+ already exists|no such column|has no column", _FOREIGN),
    _cause(r"no such table", "run `shipmark log migrate` once"),
)


def translated(message: str, text: str, state: str | None, *, postgresql: bool) -> LogError:
    """The error for an error of the database. `message`: of the new error. `text`: of the database's, every line."""
    found = next((one for one in (POSTGRESQL if postgresql else SQLITE) if one.covers(state, text)), None)
    if found is None:
        return LogUnavailable(message, hint="check that the database is up and reachable, then run again")
    return found.error(message, hint=found.hint)
