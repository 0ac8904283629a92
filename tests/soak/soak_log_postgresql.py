"""Long tests of the log in PostgreSQL: with TLS, behind PgBouncer in transaction mode, and on a streaming replica."""

from __future__ import annotations

import datetime
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from release.control import Cancel
from release.errors import LogError
from release.log.stores.sql.migrate import migrate
from release.log.stores.sql.store import SqlStore
from tests.support.disks.confined import filled as filled_disk
from tests.support.disks.confined import mounted_disk
from tests.support.logs.facts import planned, whole_release, writer
from tests.support.logs.worker import Herd
from tests.support.registries.tls import Authority
from tests.support.releases.project import Project
from tests.support.services.pgbouncer import bouncer
from tests.support.services.postgres import Postgres, make_server

Ask = Callable[[SqlStore], object]

# Bytes of a disk for a new cluster, with as little room as its write-ahead log takes.
_SERVER = 120_000_000


def refused(url: str, told: str, hint: str, ask: Ask = SqlStore.head) -> None:
    """Assert that the log at `url` gives an error with these patterns in its message and its hint."""
    with closing(SqlStore(url, cancel=Cancel())) as store, pytest.raises(LogError) as caught:
        ask(store)
    print(f"{caught.value}\n  hint: {caught.value.hint}")
    assert re.search(told, str(caught.value))
    assert re.search(hint, str(caught.value.hint))


def append(store: SqlStore, name: str = "x") -> None:
    writer(store).append([planned(name)])


@contextmanager
def filled(url: str) -> Iterator[SqlStore]:
    """Make a log with a release at `url`."""
    migrate(url)
    with closing(SqlStore(url, cancel=Cancel())) as store:
        writer(store).append(whole_release("r", "1.4.2"))
        yield store


# TLS.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def server_with_tls(authority: Authority, certificate: tuple[Path, Path] | None) -> Iterator[str]:
    """Give the start of the URLs of a server on loopback, without host; None: without TLS."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["-c", "listen_addresses=127.0.0.1", "-p", str(port)]
    with contextmanager(make_server)() as server:
        server.stop()
        if certificate is not None:
            for path, name in zip(certificate, ("cert", "key"), strict=True):
                copy = server.folder / "data" / f"server.{name}"
                shutil.copy(path, copy)
                shutil.chown(copy, server.folder.stat().st_uid, server.folder.stat().st_gid)
                copy.chmod(0o600)
            options += ["-c", "ssl=on", "-c", "ssl_cert_file=server.cert", "-c", "ssl_key_file=server.key"]
        server.options = options
        server.start()
        yield f"postgresql://postgres@HOST:{port}/postgres"


def test_log_is_used_with_tls_and_each_fault_of_a_certificate_has_its_own_hint(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    with server_with_tls(authority, authority.issue("localhost")) as base:
        url, rooted = base.replace("HOST", "localhost"), f"sslrootcert={authority.path}"
        with filled(f"{url}?sslmode=verify-full&{rooted}") as store:
            assert len(list(store.read())) == 5
        with psycopg.connect(f"{url}?sslmode=verify-full&{rooted}") as session:
            assert session.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (
                True,
            )
        refused(
            f"{url}?sslmode=verify-full&sslrootcert={other.path}",
            "certificate verify failed",
            "sslrootcert=FILE",
        )
        refused(
            f"{base.replace('HOST', '127.0.0.1')}?sslmode=verify-full&{rooted}",
            "does not match host name",
            "as in the server's certificate",
        )
        refused(
            f"{url}?sslmode=verify-full&sslrootcert={tmp_path}/none.pem", "root certificate file", "in PEM"
        )
        (tmp_path / "empty.pem").write_text("")
        refused(
            f"{url}?sslmode=verify-full&sslrootcert={tmp_path}/empty.pem", "root certificate file", "in PEM"
        )


def test_expired_certificate_and_a_server_without_tls_have_their_own_hints(
    authority: Authority, tmp_path: Path
) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    leaf = authority.ca.issue_cert("localhost", not_before=past, not_after=past + datetime.timedelta(days=1))
    paths = tmp_path / "old.pem", tmp_path / "old.key"
    leaf.cert_chain_pems[0].write_to_path(str(paths[0]))
    leaf.private_key_pem.write_to_path(str(paths[1]))
    rooted = f"sslmode=verify-full&sslrootcert={authority.path}"
    with server_with_tls(authority, paths) as base:
        refused(f"{base.replace('HOST', 'localhost')}?{rooted}", "certificate verify failed", "has expired")
    with server_with_tls(authority, None) as base:
        url = base.replace("HOST", "localhost")
        refused(f"{url}?{rooted}", "does not support SSL", "turn it on there")
        refused(f"{url}?sslmode=require", "does not support SSL", "turn it on there")


# PgBouncer.


def test_sixteen_killed_writers_lose_no_entry_behind_pgbouncer(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    own = own_postgres.database()
    with bouncer(own_postgres) as pooled:
        url = own.partition("?")[0] + pooled
        migrate(url)
        herd = Herd({"store": "sql", "url": url}, tmp_path, workers=16, count=40)
        herd.run(kills=30, pause=0.25)
        entries = herd.verify()
        print(f"PgBouncer: {len(entries)} entries of 16 writers, {herd.kills} killed, three connections")
        assert len(entries) == 16 * 40
        # Nothing that a writer set is left in the connections, which serve other clients, too.
        with psycopg.connect(url, prepare_threshold=None) as session:
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
                assert session.execute(f"SHOW {name}").fetchone() == ("0",)
                session.commit()


def test_each_refusal_of_pgbouncer_has_its_own_hint(own_postgres: Postgres) -> None:
    own = own_postgres.database()
    with filled(own), bouncer(own_postgres, "query_wait_timeout = 1\nmax_client_conn = 4") as pooled:
        url = own.partition("?")[0] + pooled
        with closing(SqlStore(url, cancel=Cancel())) as store:
            assert store.head().seq == 4
        refused(
            f"{url}&options=-c%20search_path%3Dpublic",
            "unsupported startup parameter",
            "ignore_startup_parameters",
        )
        refused(url.replace("/test_", "/gone_", 1), 'database "gone_', "createdb")
        with psycopg.connect(url), psycopg.connect(url), psycopg.connect(url), psycopg.connect(url):
            refused(url, "no more connections allowed", "max_client_conn")
        sessions = [psycopg.connect(url) for _ in range(3)]
        for session in sessions:
            session.execute("SELECT 1")  # in a transaction, which keeps a connection of the server
        refused(url, "query_wait_timeout", "SHOW POOLS")
        for session in sessions:
            session.close()
        own_postgres.stop()
        refused(url, "query_wait_timeout|login has been failing", "check that the server is up")
        own_postgres.start()
        refused(
            url, "login has been failing", "check that the server is up"
        )  # it waits before it tries again
    refused(url, "No such file or directory", "no server listens")
    with bouncer(own_postgres, "pool_mode = statement") as pooled:
        url = own.partition("?")[0] + pooled
        refused(url, "statement pooling mode", "pool_mode = transaction", append)


# A replica.


def test_streaming_replica_is_read_and_refuses_to_be_written(own_postgres: Postgres) -> None:
    own = own_postgres.database()
    with filled(own) as store, contextmanager(make_server)(primary=own_postgres) as replica:
        url = replica.url(own.partition("?")[0].rpartition("/")[2])
        with closing(SqlStore(url, cancel=Cancel())) as copy:
            assert list(copy.read()) == list(store.read())
            append(store, "while it follows")
            deadline = time.monotonic() + 10
            while copy.head() != store.head() and time.monotonic() < deadline:
                time.sleep(0.02)
            assert list(copy.read()) == list(store.read())
        refused(url, "is a replica", "primary server", SqlStore.check_writable)
        refused(url, "read-only transaction", "primary server", append)
        with closing(SqlStore(url, cancel=Cancel())) as copy:
            assert copy.head() == store.head()
        # Both hosts in one URL: the one that takes writes is found.
        both = f"{url.partition('?')[0]}?host={replica.folder},{own_postgres.folder}&port=5432,5432"
        with closing(SqlStore(f"{both}&target_session_attrs=read-write", cancel=Cancel())) as found:
            found.check_writable()
            append(found, "y")


def test_release_on_a_server_without_room_is_refused_with_a_hint_and_goes_on_with_room(
    make_project: Callable[..., Project],
) -> None:
    """The whole cluster lies on one small disk, and each release finds another amount of room on it."""
    rooms, codes = (0, 8192, 16384, 65536, 300_000), []
    with (
        tempfile.TemporaryDirectory(prefix="pg-") as name,
        mounted_disk(Path(name) / "small", _SERVER) as disk,
    ):
        for folder in (Path(name), disk.path):
            folder.chmod(0o777)  # the server runs as another user
        (disk.path / "server").mkdir()
        server = Postgres(
            disk.path / "server", options=("-c", "max_wal_size=32MB", "-c", "min_wal_size=32MB")
        )
        try:
            url = server.database()
            migrate(url)
            project = make_project(log={"store": "sql", "url": url})
            for number, room in enumerate(rooms):
                project.release_commit(f"v2.0.{number}")
                with filled_disk(disk, room):
                    for _ in range(2):
                        result = project("run")
                        codes.append(result.code)
                        assert result.code in (0, 1, 7), result.stderr
                        assert not result.code or "make room on the server's disk" in result.stderr
                    project.must("log", "verify")
                project.must("run")
                project.must("log", "verify", "--registry")
        finally:
            server.stop()
    print(f"\nroom {rooms}: exit codes of two releases each {codes}")
    assert 0 in codes
    assert any(codes)
