"""The SQL store on SQLite files and on a real PostgreSQL server."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from release.control import Cancel
from release.errors import ConfigError, LogCorrupt, LogError, LogUnavailable, Terminated
from release.log import Head, HeadMoved
from release.log.catalog.tables import TABLES
from release.log.sealing import seal
from release.log.stores.sql.migrate import migrate
from release.log.stores.sql.store import SqlStore
from release.log.stores.sql.urls import parse_url
from tests.support.logs.facts import independently_verified, planned, whole_release, writer
from tests.support.logs.tampering import disarm, execute
from tests.support.services.postgres import Postgres

AT = "2026-11-20T10:00:00.000Z"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a SQLite or PostgreSQL database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/log.db"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.database()


@pytest.fixture
def url(empty_url: str) -> str:
    """Give the URL of a database with the log's tables."""
    migrate(empty_url)
    return empty_url


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    opened = SqlStore(url, cancel=Cancel())
    yield opened
    opened.close()


def test_lines_of_a_sql_log_are_the_hashed_bytes(store: SqlStore) -> None:
    log = writer(store)
    log.append(whole_release("r", "1.4.2"))
    log.append([planned(attempt="b", greek="αβγ")])
    assert len(independently_verified([entry.raw for entry in store.read()])) == 6
    assert store.head() == log.head
    assert [entry.seq for entry in store.read(3)] == [4, 5]
    assert list(store.read(5)) == []


def test_error_for_missing_tables_of_a_sql_log_names_the_migrate_command(empty_url: str) -> None:
    store = SqlStore(empty_url, cancel=Cancel())
    with pytest.raises(LogError) as caught:
        store.head()
    assert "shipmark log migrate" in str(caught.value.hint)
    assert not isinstance(caught.value, LogUnavailable)
    store.close()


def test_reading_a_missing_database_creates_no_file(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="unable to open"):
        SqlStore(f"sqlite:///{tmp_path}/log.db", cancel=Cancel()).head()
    assert list(tmp_path.iterdir()) == []


def test_migrating_a_sql_log_twice_changes_nothing(empty_url: str) -> None:
    assert migrate(empty_url) == (None, "0002")
    assert migrate(empty_url) == ("0002", "0002")


def test_tables_of_0_1_0_are_used_as_they_are_and_get_an_index_by_migrating(url: str) -> None:
    for table in TABLES:
        execute(url, f"DROP TABLE {table.name}")
    execute(url, "UPDATE alembic_version SET version_num = '0001'")
    old = SqlStore(url, cancel=Cancel())
    writer(old).append(whole_release("r", "1.4.2"))
    assert not old.has_index()
    old.close()
    assert migrate(url) == ("0001", "0002")
    new = SqlStore(url, cancel=Cancel())
    assert new.has_index()
    assert len(independently_verified([entry.raw for entry in new.read()])) == 5
    new.close()


def test_older_tables_of_a_sql_log_are_refused_and_newer_ones_accepted(url: str) -> None:
    log = SqlStore(url, cancel=Cancel())
    writer(log).append([planned()])
    for revision, works in (("0000", False), ("9999", True)):
        execute(url, f"UPDATE alembic_version SET version_num = '{revision}'")
        fresh = SqlStore(url, cancel=Cancel())
        if works:
            assert fresh.head().seq == 0
        else:
            with pytest.raises(LogError, match="revision 0000, 0001 is needed"):
                fresh.head()
        fresh.close()
    log.close()


def test_append_to_a_sql_log_with_an_old_head_raises_head_moved(store: SqlStore) -> None:
    line = seal(planned(), Head(), AT)
    store.append([line], Head())
    with pytest.raises(HeadMoved):
        store.append([line], Head())
    assert len(list(store.read())) == 1


def test_second_entry_after_one_entry_is_refused_by_the_sql_table_itself(url: str, store: SqlStore) -> None:
    store.append([seal(planned(), Head(), AT)], Head())
    execute(url, f"UPDATE log_head SET seq = -1, hash = '{'0' * 64}'")
    with pytest.raises(HeadMoved):
        store.append([seal(planned(attempt="b"), Head(), AT)], Head())
    assert len(list(store.read())) == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE log_entry SET line = 'x'", "DELETE FROM log_entry"], ids=["update", "delete"]
)
def test_triggers_of_the_sql_log_refuse_update_and_delete(url: str, store: SqlStore, statement: str) -> None:
    writer(store).append([planned()])
    with pytest.raises((sqlite3.Error, psycopg.Error), match="never changed or removed"):
        execute(url, statement)
    assert len(list(store.read())) == 1


def test_changed_entry_of_a_sql_log_is_reported_with_its_position(url: str, store: SqlStore) -> None:
    writer(store).append(whole_release("r", "1.4.2"))
    disarm(url)
    execute(url, "UPDATE log_entry SET line = replace(line, '1.4.2', '1.4.3') WHERE seq = 2")
    with pytest.raises(LogCorrupt, match=r"^entry 2 was changed after it was written"):
        list(store.read())


def test_deleted_entries_of_a_sql_log_are_reported(url: str, store: SqlStore) -> None:
    log = writer(store)
    log.append(whole_release("r", "1.4.2"))
    disarm(url)
    execute(url, "DELETE FROM log_entry WHERE seq = 4")
    with pytest.raises(LogCorrupt, match="has no entry 4 any more"):
        log.entries()
    execute(url, "DELETE FROM log_entry WHERE seq = 1")
    with pytest.raises(LogCorrupt, match=r"^entry 1 is missing"):
        list(store.read())


def test_long_sql_log_is_read_in_pages_without_a_gap(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sql.store", "sql.transaction"):
        monkeypatch.setattr(f"release.log.stores.{module}.PAGE", 3)
    log = writer(store)
    for number in range(10):
        log.append([planned(attempt=str(number))])
    for after in range(-1, 10):
        assert [entry.seq for entry in store.read(after)] == list(range(after + 1, 10))


def test_check_writable_of_a_sql_log_appends_nothing(store: SqlStore) -> None:
    store.check_writable()
    assert store.head() == Head()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://u:secret@h/d", "names a `mysql` database"),
        ("u:secret@h", "is not a database URL"),
        ("sqlite://", "names a `sqlite` database"),
    ],
)
def test_unsupported_database_urls_are_refused_without_showing_secrets(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


def test_sqlite_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    migrate(url)
    monkeypatch.setattr("release.log.stores.syscalls.OsFiles.network_filesystem", lambda self, path: "cifs")
    with pytest.raises(LogError, match=r"network file system \(`cifs`\)"):
        SqlStore(url, cancel=Cancel()).head()


def test_name_of_a_sql_store_contains_no_credential() -> None:
    store = SqlStore("postgresql://bob:secret@db.example:5433/releases?sslmode=require", cancel=Cancel())
    assert store.name == "postgresql://db.example:5433/releases"
    assert not store.local


def test_missing_database_server_raises_log_unavailable_without_the_password(tmp_path: Path) -> None:
    store = SqlStore(f"postgresql://bob:secret@/log?host={tmp_path}", cancel=Cancel())
    with pytest.raises(LogUnavailable, match=r"cannot be read: .*connection") as caught:
        store.head()
    assert "secret" not in str(caught.value)


def test_postgresql_log_with_synchronous_commit_off_is_refused(postgres: Postgres) -> None:
    url = postgres.database()
    migrate(url)
    database = url.partition("?")[0].rpartition("/")[2]
    postgres.sql(f"ALTER DATABASE {database} SET synchronous_commit = off")
    store = SqlStore(url, cancel=Cancel())
    with pytest.raises(LogError, match="a power cut can lose: `synchronous_commit` is `off`"):
        store.head()
    store.close()


def test_documented_rights_suffice_for_a_postgresql_log_and_missing_rights_are_named(
    postgres: Postgres,
) -> None:
    url = postgres.database()
    migrate(url)
    database = url.partition("?")[0].rpartition("/")[2]
    role = f"ci_{database}"
    postgres.sql(f"CREATE ROLE {role} LOGIN", database)
    postgres.sql(f"GRANT SELECT ON log_entry, log_head, alembic_version TO {role}", database)
    store = SqlStore(postgres.url(database, role), cancel=Cancel())
    assert store.head() == Head()
    with pytest.raises(LogError, match="this role lacks INSERT on `log_entry`"):
        store.check_writable()
    with pytest.raises(LogError, match="permission denied") as caught:
        writer(store).append([planned()])
    assert not isinstance(caught.value, LogUnavailable)
    postgres.sql(f"GRANT INSERT ON log_entry TO {role}; GRANT UPDATE ON log_head TO {role}", database)
    store.check_writable()
    writer(store).append(whole_release("r", "1.4.2"))
    assert store.head().seq == 4
    with pytest.raises(psycopg.Error, match="permission denied"):
        execute(postgres.url(database, role), "DELETE FROM log_entry")
    store.close()
    postgres.sql(f"DROP OWNED BY {role}; DROP ROLE {role}", database)


def test_read_only_postgresql_log_is_refused_by_check_writable(postgres: Postgres) -> None:
    url = postgres.database()
    migrate(url)
    database = url.partition("?")[0].rpartition("/")[2]
    postgres.sql(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    store = SqlStore(url, cancel=Cancel())
    with pytest.raises(LogError, match="is set to read only"):
        store.check_writable()
    store.close()


def test_cancellation_ends_the_wait_for_the_locked_head_row_of_a_sql_log(postgres: Postgres) -> None:
    url = postgres.database()
    migrate(url)
    cancel = Cancel()
    store = SqlStore(url, cancel=cancel)
    with psycopg.connect(url) as other:
        other.execute("SELECT * FROM log_head FOR UPDATE")
        timer = threading.Timer(0.3, cancel.trip, [Terminated("terminated")])
        timer.start()
        started = time.monotonic()
        with pytest.raises(Terminated):
            store.append([seal(planned(), Head(), AT)], Head())
        assert time.monotonic() - started < 4
        timer.join()
        other.rollback()
    store.close()


def test_database_commit_of_an_append_with_a_lost_reply_is_read_back(postgres: Postgres) -> None:
    url = postgres.database()
    migrate(url)

    class ReplyLost(SqlStore):
        lost = 0

        def append(self, lines: Sequence[bytes], expected: Head) -> None:
            super().append(lines, expected)
            if self.lost == 0:
                self.lost += 1
                raise LogUnavailable("server closed the connection unexpectedly")

    store = ReplyLost(url, cancel=Cancel())
    (entry,) = writer(store).append([planned()])
    assert entry.seq == 0
    assert len(list(store.read())) == 1
    store.close()


def test_append_to_a_sql_log_succeeds_when_the_postgresql_server_restarts(own_postgres: Postgres) -> None:
    url = own_postgres.database()
    migrate(url)
    store = SqlStore(url, cancel=Cancel())
    log = writer(store)
    log.append([planned()])
    own_postgres.kill()
    restart = threading.Timer(0.5, own_postgres.start)
    restart.start()
    log.append([planned(attempt="b")])
    restart.join()
    assert len(independently_verified([entry.raw for entry in store.read()])) == 2
    store.close()


def test_concurrent_migrations_of_a_sql_log_migrate_once_and_raise_no_error(postgres: Postgres) -> None:
    url = postgres.database()
    done: list[tuple[str | None, str | None]] = []
    threads = [threading.Thread(target=lambda: done.append(migrate(url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done, key=str) == [("0002", "0002"), ("0002", "0002"), (None, "0002")]
