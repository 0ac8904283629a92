"""Each cause of a database error has its own message and a hint; most causes are produced on real databases."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from release.control import Cancel
from release.errors import ConfigError, LogCorrupt, LogError, LogUnavailable, ReleaseError
from release.log.stores.sql.errors import translated
from release.log.stores.sql.migrate import migrate
from release.log.stores.sql.store import SqlStore
from tests.support.logs.facts import planned, whole_release, writer
from tests.support.logs.tampering import execute
from tests.support.services.postgres import Postgres


class Place(msgspec.Struct, frozen=True):
    """A log's database on the server: `url` with the role `postgres`."""

    server: Postgres
    url: str
    database: str

    def as_role(self, role: str) -> str:
        return self.server.url(self.database, role)


ROLES = {
    "locked": "LOGIN PASSWORD 'right'",
    "banned": "LOGIN",
    "crowded": "LOGIN CONNECTION LIMIT 0",
    "hasty": "LOGIN",
    "reader": "LOGIN",
    "stranger": "LOGIN",
    "group": "NOLOGIN",
    "outsider": "LOGIN",
}


@pytest.fixture(scope="module")
def place(postgres: Postgres) -> Iterator[Place]:
    """Give a database with a log of five entries, and roles of which each meets another obstacle."""
    url = postgres.database()
    migrate(url)
    store = SqlStore(url, cancel=Cancel())
    writer(store).append(whole_release("r", "1.4.2"))
    store.close()
    database = url.partition("?")[0].rpartition("/")[2]
    for name, rights in ROLES.items():
        postgres.sql(f"CREATE ROLE cause_{name} {rights}")
    postgres.sql("CREATE DATABASE cause_closed ALLOW_CONNECTIONS false")
    postgres.sql("CREATE DATABASE cause_private")
    postgres.sql("REVOKE CONNECT ON DATABASE cause_private FROM PUBLIC")
    for name in ("hasty", "reader"):
        rights = "SELECT, INSERT, UPDATE ON log_entry, log_head, alembic_version"
        postgres.sql(f"GRANT {rights} TO cause_{name}", database)
    postgres.sql("ALTER ROLE cause_hasty SET statement_timeout = '50ms'")
    postgres.sql("ALTER ROLE cause_reader SET default_transaction_read_only = on")
    hba = postgres.folder / "data" / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text(f"local all cause_locked scram-sha-256\nlocal all cause_banned reject\n{before}")
    postgres.sql("SELECT pg_reload_conf()")
    yield Place(postgres, url, database)
    hba.write_text(before)
    for name in ("closed", "private"):
        postgres.sql(f"DROP DATABASE cause_{name}")
    for name in ROLES:
        postgres.sql(f"DROP OWNED BY cause_{name}; DROP ROLE cause_{name}", database)
    postgres.sql("SELECT pg_reload_conf()")


def url_of(place: Place, role: str, password: str = "") -> str:
    url = place.as_role(f"cause_{role}")
    return url.replace("@", f":{password}@", 1) if password else url


class Row(msgspec.Struct, frozen=True):
    """A database URL, and patterns of the error's message and hint. `wait`: whether it is a `LogUnavailable`."""

    url: Callable[[Place], str]
    told: str
    hint: str
    wait: bool = False


ROWS = {
    "missing role": Row(lambda on: on.as_role("nobody"), 'role "nobody" does not exist', "create the role"),
    "missing database": Row(
        lambda on: on.server.url("nowhere"), 'database "nowhere" does not exist', "create the database"
    ),
    "wrong password": Row(
        lambda on: url_of(on, "locked", "wrong"), "password authentication failed", "check the password"
    ),
    "no password": Row(lambda on: url_of(on, "locked"), "no password supplied", "requires a password"),
    "refused by pg_hba.conf": Row(
        lambda on: url_of(on, "banned"), "pg_hba.conf rejects", "has to admit this host, user and database"
    ),
    "too many connections": Row(
        lambda on: url_of(on, "crowded"), "too many connections", "raise `max_connections`", wait=True
    ),
    "nobody listens": Row(
        lambda on: "postgresql://u@127.0.0.1:1/log", "Connection refused", "host and port", wait=True
    ),
    "no such socket": Row(
        lambda on: f"{on.url}/nowhere",
        "No such file or directory",
        "no server listens at this socket",
        wait=True,
    ),
    "no such host": Row(
        lambda on: "postgresql://u@nowhere.invalid/log",
        "failed to resolve host",
        "check the host's name",
        wait=True,
    ),
    "unknown sslmode": Row(lambda on: f"{on.url}&sslmode=tls", "invalid sslmode value", "behind `?`"),
    "unknown option": Row(lambda on: f"{on.url}&ssl=1", "invalid connection option", "behind `?`"),
    "missing root certificate": Row(
        lambda on: "postgresql://u@127.0.0.1:1/log?sslmode=verify-full&sslrootcert=/nowhere.pem",
        "(?:root certificate file|Connection refused)",
        "(?:in PEM|host and port)",
    ),
    "a group, no user": Row(lambda on: url_of(on, "group"), "not permitted to log in", "let the role log in"),
    "no right to connect": Row(
        lambda on: on.server.url("cause_private", "cause_outsider"),
        "permission denied for database",
        "GRANT CONNECT ON DATABASE",
    ),
    "closed database": Row(
        lambda on: on.server.url("cause_closed"),
        "not currently accepting connections",
        "ALLOW_CONNECTIONS true",
    ),
    "no rights": Row(lambda on: url_of(on, "stranger"), "permission denied", "grant the role"),
}


@pytest.mark.parametrize("name", ROWS)
def test_each_cause_of_a_postgresql_error_has_its_own_message_and_hint(place: Place, name: str) -> None:
    row = ROWS[name]
    store = SqlStore(row.url(place), cancel=Cancel())
    with pytest.raises(LogError, match=row.told) as caught:
        store.head()
    store.close()
    hint = str(caught.value.hint)
    assert re.search(row.hint, hint), hint
    if name != "missing root certificate":  # libpq reads the file before or after it connects
        assert isinstance(caught.value, LogUnavailable) == row.wait
    assert "check that the database is up and reachable" not in hint


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@db:99999/log",
        "postgresql://u:hunter2@db:0/log",
        "postgresql://u:hunter2@db:-1/log",
        "postgresql://u:hunter2@db:port/log",
        "postgresql://u:hunter2@db/log?port=abc",
        "postgresql://u:hunter2@db/log?host=a,b&port=5432,abc",
    ],
)
def test_database_url_with_an_invalid_port_is_a_config_error_without_the_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SqlStore(url, cancel=Cancel())
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    assert "postgresql://user@host" in str(caught.value.hint)


def test_statement_timeout_of_postgresql_is_log_unavailable_with_a_hint(place: Place) -> None:
    store = SqlStore(url_of(place, "hasty"), cancel=Cancel())
    assert store.head().seq == 4
    with psycopg.connect(place.url) as other:
        other.execute("LOCK TABLE log_entry IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LogUnavailable, match="statement timeout") as caught:
            list(store.read())
        other.rollback()
    assert "raise `statement_timeout` of this role" in str(caught.value.hint)
    store.close()


def test_writing_to_a_sql_log_as_a_read_only_role_is_an_error_with_a_hint(place: Place) -> None:
    store = SqlStore(url_of(place, "reader"), cancel=Cancel())
    for write in (store.check_writable, lambda: writer(store).append([planned("x")])):
        with pytest.raises(LogError, match=r"read-only transaction|set to read only") as caught:
            write()
        assert "primary server" in str(caught.value.hint)
        assert not isinstance(caught.value, LogUnavailable)
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a log of five entries in a database of its own."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/log.db"
    else:
        url = request.getfixturevalue("postgres").database()
    migrate(url)
    store = SqlStore(url, cancel=Cancel())
    writer(store).append(whole_release("r", "1.4.2"))
    store.close()
    return url


def test_missing_head_row_of_a_sql_log_is_reported_and_made_again_by_migrate(filled: str) -> None:
    execute(filled, "DELETE FROM log_head")
    store = SqlStore(filled, cancel=Cancel())
    asked: tuple[Callable[[], Any], ...] = (
        store.head,
        lambda: list(store.read()),
        lambda: writer(store).append([planned("x")]),
    )
    for ask in asked:
        with pytest.raises(LogCorrupt, match="its table `log_head` has no row") as caught:
            ask()
        assert "shipmark log migrate" in str(caught.value.hint)
    migrate(filled)
    assert store.head().seq == 4
    writer(store).append([planned("x")])
    assert len(list(store.read())) == 6
    store.close()


def test_newer_tables_of_a_sql_log_are_not_migrated(filled: str) -> None:
    execute(filled, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LogError, match="tables of revision 9999, newer than this version's 0002") as caught:
        migrate(filled)
    assert "newer shipmark" in str(caught.value.hint)
    store = SqlStore(filled, cancel=Cancel())
    writer(store).append([planned("x")])
    assert store.head().seq == 5
    store.close()


def test_lost_table_of_the_head_of_a_sql_log_is_made_again_by_migrate(filled: str) -> None:
    execute(filled, "DROP TABLE log_head")
    store = SqlStore(filled, cancel=Cancel())
    with pytest.raises(LogError, match="log_head") as caught:
        store.head()
    assert "run `shipmark log migrate` once" in str(caught.value.hint)
    migrate(filled)
    assert store.head().seq == 4
    writer(store).append([planned("x")])
    store.close()


def test_lost_table_of_the_entries_of_a_sql_log_is_told_as_a_loss(filled: str) -> None:
    execute(filled, "DROP TABLE log_entry")
    with pytest.raises(LogCorrupt, match="has lost its table `log_entry`, and with it every entry") as caught:
        migrate(filled)
    assert "restore the database from a backup" in str(caught.value.hint)


#: Tables of another program, and what `log migrate` says of them.
FOREIGN = {
    "CREATE TABLE log_entry (id INTEGER, message TEXT)": "already exists",
    "CREATE TABLE log_head (head TEXT)": "already exists",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY);"
    "INSERT INTO alembic_version VALUES ('ae1027a6acf3')": "`alembic_version` is another program's, at revision ae10",
}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_database_with_tables_of_another_program_is_told_and_not_changed(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    for number, (statements, told) in enumerate(FOREIGN.items()):
        url = f"sqlite:///{tmp_path}/{number}.db"
        if kind == "postgresql":
            url = request.getfixturevalue("postgres").database()
        for statement in statements.split(";"):
            execute(url, statement)
        for _ in range(2):
            with pytest.raises(LogError, match=told) as caught:
                migrate(url)
            assert "give the log a database of its own" in str(caught.value.hint)
            assert not isinstance(caught.value, LogUnavailable)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_postgresql_log_in_another_encoding_takes_every_character_or_says_why_not(
    postgres: Postgres, encoding: str
) -> None:
    name = f"cause_{encoding.lower()}"
    postgres.sql(
        f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    migrate(postgres.url(name))
    store = SqlStore(postgres.url(name), cancel=Cancel())
    if encoding == "LATIN1":
        with pytest.raises(LogError, match="has no equivalent in encoding") as caught:
            writer(store).append([planned("x", note="Zürich → Łódź")])
        assert "ENCODING 'UTF8'" in str(caught.value.hint)
        assert not isinstance(caught.value, LogUnavailable)
        assert [one.seq for one in writer(store).append([planned("x", note="Zurich")])] == [0]
    else:
        made = writer(store).append([planned("x", note="Zürich → Łódź")])
        assert tuple(store.read()) == made
    store.close()
    postgres.sql(f"DROP DATABASE {name}")


@pytest.mark.parametrize("damage", ["another file", "a page", "locked"])
def test_each_cause_of_a_sqlite_error_has_its_own_hint(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "log.db"
    url = f"sqlite:///{path}"
    migrate(url)
    store = SqlStore(url, cancel=Cancel())
    writer(store).append(whole_release("r", "1.4.2"))
    store.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(f"log.db{suffix}").unlink(missing_ok=True)
    error: type[ReleaseError] = LogCorrupt
    with contextlib.ExitStack() as stack:
        match damage:
            case "another file":
                path.write_bytes(b"not a database, but long enough to be taken for one\n" * 100)
                hint = "restore the database file"
            case "a page":
                data = bytearray(path.read_bytes())
                data[100:4096] = b"\xff" * 3996
                path.write_bytes(data)
                hint = "restore the database file"
            case _:
                other = stack.enter_context(contextlib.closing(sqlite3.connect(path, isolation_level=None)))
                other.execute("BEGIN IMMEDIATE")
                stack.enter_context(pytest.MonkeyPatch.context()).setattr(
                    "release.log.stores.sql.schema._BUSY_TIMEOUT", 0.05
                )
                error, hint = LogUnavailable, "another process holds the database"
        damaged = SqlStore(url, cancel=Cancel())
        with pytest.raises(error) as caught:
            writer(damaged, patience=0.0).append([planned("x")])
        assert hint in str(caught.value.hint)
        damaged.close()


TEXTS = {
    'connection to server at "db" (::1), port 5432 failed: SSL error: certificate verify failed': "sslrootcert=FILE",
    'server certificate for "db" does not match host name "log"': "as in the server's certificate",
    "connection failed: server does not support SSL, but SSL was required": "the server has no TLS",
    'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "u", database "log", no encryption': "sslmode=require",
    'FATAL:  no pg_hba.conf entry for host "h", user "u", database "log", SSL encryption': "`pg_hba.conf` has to",
    "FATAL:  sorry, too many clients already": "max_connections",
    "FATAL:  remaining connection slots are reserved for roles with SUPERUSER": "max_connections",
    "FATAL:  the database system is starting up": "starting or stopping",
    "FATAL:  unsupported startup parameter: options": "ignore_startup_parameters",
    "FATAL:  no more connections allowed (max_client_conn)": "max_client_conn",
    "query_wait_timeout": "SHOW POOLS",
    "server login has been failing, try again later (server_login_retry)": "PgBouncer's `[databases]`",
    'could not extend file "base/1/2": No space left on device': "room on the server's disk",
}


@pytest.mark.parametrize("text", TEXTS)
def test_database_errors_that_tests_cannot_provoke_have_hints(text: str) -> None:
    assert TEXTS[text] in str(translated("m", text, None, postgresql=True).hint)


def test_unknown_database_error_is_log_unavailable_and_a_read_only_one_has_a_hint() -> None:
    assert isinstance(translated("m", "something new", None, postgresql=True), LogUnavailable)
    assert "right to write the file" in str(
        translated("m", "attempt to write a readonly database", None, postgresql=False).hint
    )
