"""The long forms of the power cuts of a version log: more than twenty thousand model disks, and real file systems."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.disks.ext4 import Ext4, ext4, frozen
from tests.support.logs.descriptions import describe
from tests.support.logs.index_model import short_tails
from tests.support.logs.power_cuts import appending, require_acknowledged
from tests.support.logs.powercut_scenarios import Make, states
from tests.support.logs.stores import open_writer

CUTS = 60
#: Seconds between two cuts at most.
_APART = 0.3


def test_twenty_thousand_power_cuts_lose_no_log_entry() -> None:
    count = states(Make(), sector=32)
    print(f"{count} different states, none bad")
    assert count >= 20_000


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_power_cuts_of_an_indexed_log_lose_no_entry_and_leave_an_index_that_gives_the_log(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process appends without a pause and indexes each block. The log and the index lie on one real file system."""
    short_tails(monkeypatch)
    luck = random.Random(14)
    ends = []
    with ext4(tmp_path / "disk", 96_000_000) as disk:
        (disk.path / "indexes").mkdir()
        description = {**describe(kind, request, disk.path), "indexes": str(disk.path / "indexes")}
        open_writer(description).append(
            [{"kind": "note", "project": "p", "text": "an empty log gets no index"}]
        )
        subprocess.run(["sync", "-f", disk.path], check=True)
        acks = tmp_path / "acks"
        with appending(description, acks) as process:
            for number in range(CUTS):
                if (
                    number % 2
                ):  # the kernel writes back at any time what nobody has synced, such as most of the index
                    subprocess.run(["sync", "-f", disk.path], check=True)
                time.sleep(luck.uniform(0.01, _APART))
                with frozen(process.pid) as is_running:
                    assert is_running
                    ends.append(_after_a_cut(disk, description, acks.read_text()))
    entries, indexed = (max(one) for one in zip(*ends, strict=True))
    print(f"{kind}: {len(ends)} power cuts, at most {entries} entries, {indexed} of them indexed; none lost")
    assert indexed > 1000


def _after_a_cut(disk: Ext4, description: dict[str, Any], acks: str) -> tuple[int, int]:
    """Check what a power cut leaves; see `require_acknowledged`."""
    with disk.after_power_cut() as found:
        there = json.loads(json.dumps(description).replace(str(disk.path), str(found)))
        if there["store"] == "file":
            _rename_index(Path(there["indexes"]), description["path"], there["path"])
        return require_acknowledged(there, acks)


def _rename_index(folder: Path, path: str, now: str) -> None:
    """Give the index of a log file at `path` the name that it has when the log is at `now`."""
    old, new = (
        hashlib.sha256(os.fsencode(f"file\0{os.path.realpath(one)}")).hexdigest() for one in (path, now)
    )
    for one in folder.glob(f"{old}.sqlite*"):
        one.rename(folder / one.name.replace(old, new))
