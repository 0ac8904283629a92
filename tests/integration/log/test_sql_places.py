"""A SQL log that this connection cannot see, or can see only in part: the error names where it is, and is no damage."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from release.control import Cancel
from release.errors import LogCorrupt, LogError, LogUnavailable
from release.log.stores.sql.migrate import migrate
from release.log.stores.sql.store import SqlStore
from tests.support.logs.facts import planned, whole_release, writer
from tests.support.logs.tampering import disarm, execute
from tests.support.releases.project import Project
from tests.support.services.postgres import Postgres

RIGHTS = "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {0} TO {1}"


@pytest.fixture
def filled(postgres: Postgres) -> tuple[str, str]:
    """Give a database with a log of five entries, and a role that may append: the names of both."""
    url = postgres.database()
    migrate(url)
    store = SqlStore(url, cancel=Cancel())
    writer(store).append(whole_release("r", "1.4.2"))
    store.close()
    database = url.partition("?")[0].rpartition("/")[2]
    role = f"role_{database}"
    postgres.sql(f"CREATE ROLE {role} LOGIN", database)
    postgres.sql(RIGHTS.format("public", role), database)
    return database, role


def error_of(url: str, ask: Callable[[SqlStore], object] = SqlStore.head) -> LogError:
    store = SqlStore(url, cancel=Cancel())
    try:
        with pytest.raises(LogError) as caught:
            ask(store)
    finally:
        store.close()
    assert not isinstance(caught.value, LogCorrupt | LogUnavailable)
    return caught.value


def append(store: SqlStore) -> None:
    writer(store).append([planned("x")])


def test_role_without_usage_of_the_schema_is_told_so_and_not_to_migrate(
    postgres: Postgres, filled: tuple[str, str]
) -> None:
    database, role = filled
    postgres.sql("REVOKE USAGE ON SCHEMA public FROM PUBLIC", database)
    for ask in (SqlStore.head, append, SqlStore.check_writable):
        error = error_of(postgres.url(database, role), ask)
        assert "this role may not use the schema of its tables, `public`" in error.message
        assert "GRANT USAGE ON SCHEMA" in str(error.hint)


def test_tables_of_a_log_in_another_schema_are_named(postgres: Postgres, filled: tuple[str, str]) -> None:
    database, role = filled
    elsewhere = f"{postgres.url(database, role)}&options=-csearch_path%3Dnowhere"
    error = error_of(elsewhere)
    assert "schema `public` has some, and is not in `search_path`" in error.message
    assert "search_path" in str(error.hint)
    with pytest.raises(LogError, match="no schema has been selected to create in") as caught:
        migrate(elsewhere)
    assert "GRANT USAGE, CREATE ON SCHEMA" in str(caught.value.hint)
    assert not isinstance(caught.value, LogUnavailable)


def test_log_in_a_schema_with_capitals_is_made_read_and_written_by_its_search_path(
    postgres: Postgres,
) -> None:
    url = postgres.database()
    execute(url, 'CREATE SCHEMA "Rel"')
    own = f"{url}&options=-csearch_path%3D%22Rel%22"
    migrate(own)
    store = SqlStore(own, cancel=Cancel())
    append(store)
    assert store.head().seq == 0
    store.close()
    assert "schema `Rel` has some" in error_of(url).message
    migrate(url)
    other = SqlStore(url, cancel=Cancel())
    assert other.head().seq == -1
    other.close()


@pytest.mark.parametrize("table", ["log_entry", "log_head", "alembic_version"])
def test_rows_that_row_level_security_hides_are_told_as_such_and_not_as_lost(
    postgres: Postgres, filled: tuple[str, str], table: str
) -> None:
    database, role = filled
    postgres.sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", database)
    for ask in (lambda store: list(store.read()), append):
        error = error_of(postgres.url(database, role), ask)
        assert f"row-level security hides rows of `{table}` from this role" in error.message
        assert "CREATE POLICY … USING (true)" in str(error.hint)
    postgres.sql(f"CREATE POLICY all_rows ON {table} USING (true)", database)
    store = SqlStore(postgres.url(database, role), cancel=Cancel())
    append(store)
    assert store.head().seq == 5
    store.close()


def test_entry_that_row_level_security_hides_in_the_middle_is_told_as_such(
    postgres: Postgres, filled: tuple[str, str]
) -> None:
    database, role = filled
    postgres.sql("ALTER TABLE log_entry ENABLE ROW LEVEL SECURITY", database)
    postgres.sql("CREATE POLICY some_rows ON log_entry USING (seq <> 2)", database)
    error = error_of(postgres.url(database, role), lambda store: list(store.read()))
    assert "row-level security hides rows of `log_entry`" in error.message


def test_entry_that_row_level_security_refuses_has_a_hint_about_policies(
    postgres: Postgres, filled: tuple[str, str]
) -> None:
    database, role = filled
    postgres.sql("ALTER TABLE log_entry ENABLE ROW LEVEL SECURITY", database)
    postgres.sql("CREATE POLICY readers ON log_entry FOR SELECT USING (true)", database)
    error = error_of(postgres.url(database, role), append)
    assert "row-level security policy" in error.message
    assert "add a policy that admits this role" in str(error.hint)


def test_lost_entry_is_damage_where_no_row_is_hidden(postgres: Postgres, filled: tuple[str, str]) -> None:
    database, role = filled
    url = postgres.url(database)
    disarm(url)
    execute(url, "DELETE FROM log_entry WHERE seq = 2")
    store = SqlStore(postgres.url(database, role), cancel=Cancel())
    with pytest.raises(LogCorrupt):
        list(store.read())
    store.close()


def test_migrating_without_the_right_to_make_tables_has_a_hint_about_the_schema(
    postgres: Postgres, filled: tuple[str, str]
) -> None:
    _, role = filled
    empty = postgres.database().partition("?")[0].rpartition("/")[2]
    with pytest.raises(LogError, match="permission denied for schema public") as caught:
        migrate(postgres.url(empty, role))
    assert "`CREATE` on the schema" in str(caught.value.hint)


@pytest.mark.parametrize("form", ["encoded socket", "several hosts"])
def test_database_urls_in_libpqs_forms_reach_the_server(own_postgres: Postgres, form: str) -> None:
    folder = str(own_postgres.folder)
    url = {
        "encoded socket": f"postgresql://postgres@{folder.replace('/', '%2F')}/postgres",
        "several hosts": f"postgresql://postgres@127.0.0.1:1,{folder.replace('/', '%2F')}:5432/postgres",
    }[form]
    migrate(url)
    store = SqlStore(url, cancel=Cancel())
    append(store)
    assert store.head().seq == 0
    store.close()


def settings_of(url: str) -> tuple[str, int, int]:
    """The name, and of the socket the seconds without traffic until a probe and the milliseconds without an answer."""
    store = SqlStore(url, cancel=Cancel())
    with store.connected("read") as connection:
        name = connection.exec_driver_sql("SHOW application_name").scalar()
        wire = _socket(connection)
        idle = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        silent = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        wire.close()
    store.close()
    return str(name), idle, silent


def _socket(connection: Connection) -> socket.socket:
    driver = connection.connection.driver_connection
    assert driver is not None
    return socket.socket(fileno=os.dup(driver.fileno()))


def test_idle_database_connection_is_kept_open_and_a_lost_one_is_given_up_unless_the_url_says_otherwise(
    tcp_postgres: str,
) -> None:
    migrate(tcp_postgres)
    assert settings_of(tcp_postgres) == ("shipmark", 60, 10_000)
    own = "?application_name=nightly&keepalives_idle=20&tcp_user_timeout=5000"
    assert settings_of(f"{tcp_postgres}{own}") == ("nightly", 20, 5000)


def test_relative_path_of_a_sqlite_log_is_taken_from_the_repositorys_top_folder(
    make_project: Callable[..., Project], tmp_path: Path
) -> None:
    project = make_project(log={"store": "sql", "url": "sqlite:///.shipmark/log.db"})
    project.release_commit("v1.4.2")
    (project.repo.path / ".shipmark").mkdir(exist_ok=True)
    below = project.repo.path / "below"
    below.mkdir()
    project.must("log", "migrate", "-C", str(below))
    project.must("run", "-C", str(below))
    assert "1.4.2" in project.must("log", "list").stdout
    assert (project.repo.path / ".shipmark" / "log.db").is_file()
    assert list(below.iterdir()) == []


def test_sqlite_file_that_cannot_be_opened_has_a_hint_for_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    hints = {
        "none/log.db": f"make the folder `{tmp_path}/none`",
        "folder": f"`{tmp_path}/folder` is a folder",
        "log.db": "it creates the file",
    }
    for name, hint in hints.items():
        assert hint in str(error_of(f"sqlite:///{tmp_path}/{name}").hint)
    for right, hint in (
        (os.X_OK, "let this user enter the folder"),
        (os.W_OK, "let this user write the folder"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(os, "access", lambda path, mode, *, right=right: mode != right)
            assert hint in str(error_of(f"sqlite:///{tmp_path}/log.db").hint)
    with pytest.raises(LogError) as caught:
        migrate(f"sqlite:///{tmp_path}/none/log.db")
    assert "make the folder" in str(caught.value.hint)
