"""Power cuts and killed processes of a PostgreSQL server that holds the version log, in the middle of appends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from release.log.stores.sql.migrate import migrate
from tests.support.disks.ext4 import ext4, frozen
from tests.support.logs.descriptions import describe
from tests.support.logs.power_cuts import appending, require_acknowledged
from tests.support.logs.worker import Herd
from tests.support.services.postgres import Postgres
from tests.support.services.required import require

# A part of them: `SOAK_CUTS=10`, and another part with another `SOAK_SEED`.
CUTS = int(os.environ.get("SOAK_CUTS", "60"))
SEED = int(os.environ.get("SOAK_SEED", "14"))
#: Seconds between two cuts at most.
_APART = 0.3
# Checkpoints come often, so that some cuts fall into one.
_OPTIONS = ("-c", "max_wal_size=32MB", "-c", "min_wal_size=32MB", "-c", "checkpoint_timeout=30s")


def test_power_cuts_of_a_server_lose_no_acknowledged_entry_and_leave_an_index_that_gives_the_log(
    tmp_path: Path,
) -> None:
    """The whole cluster lies on one real file system. A second server recovers what each cut leaves of it."""
    require("postgres")
    luck = random.Random(SEED)
    ends = []
    with (
        _short_folder() as folder,
        ext4(folder / "disk", 400_000_000) as disk,
        _served(disk.path / "server") as server,
    ):
        url = server.database()
        migrate(url)
        description = {"store": "sql", "url": url, "indexes": str(tmp_path)}
        subprocess.run(["sync", "-f", disk.path], check=True)  # initdb does not sync what it makes
        with _two_writers(description, tmp_path) as writers:
            for number in range(CUTS):
                if (
                    number % 2
                ):  # the kernel writes back at any time what nobody has synced, such as the tables
                    subprocess.run(["sync", "-f", disk.path], check=True)
                time.sleep(luck.uniform(0.01, _APART))
                with ExitStack() as cut:
                    with _frozen(server):
                        acks = "".join(_acknowledged(one) for one in writers.values())
                        for process in writers:
                            assert cut.enter_context(frozen(process.pid))
                        found = cut.enter_context(disk.after_power_cut())
                    with _served(found / "server") as other:
                        there = {**description, "url": url.replace(str(server.folder), str(other.folder))}
                        ends.append((*require_acknowledged(there, acks), acks.count("\n")))
    entries, indexed, acknowledged = (max(one) for one in zip(*ends, strict=True))
    print(
        f"postgresql: {len(ends)} power cuts, at most {entries} entries, {acknowledged} of them acknowledged, "
        f"{indexed} indexed; none lost"
    )
    assert indexed > 1000


def test_a_server_whose_processes_are_killed_in_turn_loses_no_entry(
    request: pytest.FixtureRequest, own_postgres: Postgres, tmp_path: Path
) -> None:
    """Four ways in turn: SIGQUIT, SIGKILL of every process, of the first one, and of one that it started."""
    luck = random.Random(SEED)

    def quit_server() -> None:
        own_postgres.quit()
        own_postgres.start()

    def kill_all() -> None:
        for pid in own_postgres.pids[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        kill_first()

    def kill_first() -> None:
        own_postgres.kill()
        own_postgres.start()

    def kill_one() -> None:
        # The server ends its other processes then, and recovers by itself.
        with suppress(ProcessLookupError):
            os.kill(luck.choice(own_postgres.pids[1:]), signal.SIGKILL)

    ways = (quit_server, kill_all, kill_first, kill_one)
    described = describe("postgresql", request, tmp_path, "own_postgres")
    herd = Herd(described, tmp_path, workers=8, count=1000, indexed=True)
    herd.run(disturb=[(share / 24, ways[share % 4]) for share in range(1, 24)], pause=0.05)
    print(
        f"postgresql: {len(herd.verify())} entries, the server ended 23 times in four ways; none lost, none twice; "
        f"{herd.verify_index()} in the index"
    )


@contextmanager
def _short_folder() -> Iterator[Path]:
    """Give a folder that every user may enter, with a short path: that of a socket has at most 107 bytes.

    In memory where that is possible, so that a cut takes no longer while the machine's disk is busy.
    """
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(prefix="pg-", dir=memory if os.path.isdir(memory) else None) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def _served(folder: Path) -> Iterator[Postgres]:
    """Give a server of the cluster in `folder`, which is made if it is missing."""
    folder.mkdir(exist_ok=True)
    # After a power cut, no process has the ids that these files name.
    for name in ("data/postmaster.pid", ".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (folder / name).unlink(missing_ok=True)
    server = Postgres(folder, options=_OPTIONS)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _two_writers(description: dict[str, Any], folder: Path) -> Iterator[dict[subprocess.Popen[bytes], Path]]:
    """Give two processes that append, with the files to which they write what was acknowledged."""
    paths = [folder / f"{number}.acks" for number in range(2)]
    with ExitStack() as stack:
        yield {stack.enter_context(appending(description, path)): path for path in paths}


@contextmanager
def _frozen(server: Postgres) -> Iterator[None]:
    """Stop every process of a server during the body; the first one first, since it starts the others."""
    with ExitStack() as stack:
        stack.enter_context(frozen(server.pids[0]))
        for pid in server.pids[1:]:
            stack.enter_context(frozen(pid))
        yield


def _acknowledged(path: Path) -> str:
    """The lines of a file that a process writes."""
    text = path.read_text()
    return text[: text.rfind("\n") + 1]
