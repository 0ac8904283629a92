"""Long tests of the log stores: sixteen writers killed at random, a killed server, and lost replies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.logs.descriptions import LOSE_REPLIES, STORES, describe
from tests.support.logs.worker import Herd
from tests.support.services.postgres import Postgres

#: appends of each of 16 writers, kills, seconds between two kills at most
LONG = {
    "file": (500, 100, 0.05),
    "sqlite": (500, 100, 0.25),
    "postgresql": (500, 200, 0.25),
    "git": (25, 40, 0.25),
}


@pytest.mark.parametrize("kind", STORES)
def test_sixteen_killed_writers_lose_and_repeat_no_entry(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The writers also fill the index of the log, which is right wherever they were killed."""
    count, kills, pause = LONG[kind]
    herd = Herd(describe(kind, request, tmp_path), tmp_path, workers=16, count=count, indexed=True)
    herd.run(kills=kills, pause=pause)
    entries = herd.verify()
    indexed = herd.verify_index()
    print(
        f"{kind}: {len(entries)} entries, {herd.kills} writers killed, none lost, none twice; {indexed} in the index"
    )
    assert len(entries) == 16 * count
    assert (
        indexed > 0 or kind == "git"
    )  # each process has its own copy of a git log, with an index of its own


def test_a_database_server_killed_six_times_loses_no_entry(
    request: pytest.FixtureRequest, own_postgres: Postgres, tmp_path: Path
) -> None:
    def kill_and_start() -> None:
        own_postgres.kill()
        own_postgres.start()

    described = describe("postgresql", request, tmp_path, "own_postgres")
    herd = Herd(described, tmp_path, workers=16, count=500, indexed=True)
    herd.run(kills=20, pause=0.25, disturb=[(share / 7, kill_and_start) for share in range(1, 7)])
    print(
        f"{len(herd.verify())} entries, the server killed 6 times, {herd.kills} writers killed; "
        f"{herd.verify_index()} in the index"
    )


def test_lost_replies_of_the_git_server_lose_no_entry(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    description = describe("git", request, tmp_path)
    hook = Path(description["url"]) / "hooks" / "post-update"
    hook.write_text(LOSE_REPLIES)
    hook.chmod(0o755)
    herd = Herd(description, tmp_path, workers=16, count=25)
    herd.run(kills=20, pause=0.5)
    print(f"{len(herd.verify())} entries, a reply in five lost, {herd.kills} writers killed")
