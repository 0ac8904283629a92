"""A real PostgreSQL server, as the user `postgres` where the tests run as root, reached by a Unix socket."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.programs.environment import scrubbed
from tests.support.programs.processes import Service
from tests.support.services.required import program, require

_OWNER = "postgres"


class Postgres:
    """A PostgreSQL server whose cluster is in `folder`, and is made if it is missing.

    Tests may call `kill` and `start` at any time.

    `options`: more arguments of the server. `primary`: the server that this one follows as a streaming replica.
    """

    def __init__(self, folder: Path, *, options: Sequence[str] = (), primary: Postgres | None = None) -> None:
        self.folder = folder
        self.options = options
        self._env = scrubbed(folder)
        self._service: Service | None = None
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_OWNER)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            # setpriv becomes the program it starts, so that signals reach the server itself.
            self.as_owner = [
                program("setpriv"),
                f"--reuid={owner.pw_uid}",
                f"--regid={owner.pw_gid}",
                "--clear-groups",
            ]
        else:
            self.as_owner = []
        if os.path.exists(self._data):
            pass  # a copy of the cluster of another server
        elif primary is None:
            self._run("initdb", "-D", self._data, "-U", _OWNER, "--auth=trust", "--no-sync", "-E", "UTF8")
        else:
            source = ("-h", str(primary.folder), "-U", _OWNER)
            self._run("pg_basebackup", *source, "-D", self._data, "-R", "-c", "fast", "--no-sync")
        self.start()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        """Start the server and await that it is ready; try up to 50 times, since children of a killed one end late."""
        for attempt in range(50):
            try:
                self._service = Service(
                    [
                        *self.as_owner,
                        program("postgres"),
                        *("-D", self._data, "-k", str(self.folder), "-c", "listen_addresses="),
                        *("-c", "max_connections=200", "-c", "logging_collector=off"),
                        *self.options,
                    ],
                    folder=self.folder,
                    name="postgres",
                    env=self._env,
                    ready=lambda line: b"ready to accept" in line,
                )
                return
            except RuntimeError:
                if attempt == 49:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server by SIGINT, since SIGTERM would wait until every client disconnects."""
        if self._service is not None:
            with contextlib.suppress(ProcessLookupError):
                self._service.process.send_signal(signal.SIGINT)
            self._service.process.wait(30)
            self._service.stop()

    def kill(self) -> None:
        """Kill the server by SIGKILL, as the kernel does when memory runs out."""
        assert self._service is not None
        self._service.kill()

    def quit(self) -> None:
        """Stop the server by SIGQUIT, without a checkpoint: its next start recovers from the write-ahead log."""
        assert self._service is not None
        self._service.process.send_signal(signal.SIGQUIT)
        self._service.process.wait(30)
        self._service.stop()

    @property
    def pids(self) -> list[int]:
        """The ids of the server's processes, the first one before those that it started."""
        assert self._service is not None
        first = self._service.process.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text()
        return [first, *(int(pid) for pid in children.split())]

    def url(self, database: str, user: str = _OWNER) -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def database(self) -> str:
        """Make a new, empty database, and return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def sql(self, statement: str, database: str = _OWNER) -> str:
        """Run `statement` with psql; returns what it prints, unaligned."""
        return self._run(
            "psql", "-h", str(self.folder), "-U", _OWNER, "-d", database, "-qAt", "-v", "ON_ERROR_STOP=1",
            "-c", statement,
        )  # fmt: skip

    def _run(self, name: str, *arguments: str) -> str:
        result = subprocess.run(
            [*self.as_owner, program(name), *arguments],
            cwd=self.folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()


def make_server(*, options: Sequence[str] = (), primary: Postgres | None = None) -> Iterator[Postgres]:
    """Give a PostgreSQL server in a folder with a short path, since a socket's path has at most 107 bytes."""
    require("postgres")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = Postgres(folder, options=options, primary=primary)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a PostgreSQL server for the whole session; each test makes its own `database()`."""
    yield from make_server()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """Give a PostgreSQL server for one test, which may kill it."""
    yield from make_server()


@pytest.fixture(scope="module")
def tcp_postgres() -> Iterator[str]:
    """Give the URL of the database `postgres` of a server on a TCP port."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    for _ in make_server(options=["-c", "listen_addresses=127.0.0.1", "-p", str(port)]):
        yield f"postgresql://{_OWNER}@127.0.0.1:{port}/postgres"
