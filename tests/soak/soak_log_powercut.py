"""The long forms of the power cuts of a version log: more than twenty thousand model disks, and real file systems."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.disks.ext4 import Ext4, ext4, frozen
from tests.support.logs.descriptions import describe
from tests.support.logs.index_model import short_tails
from tests.support.logs.powercut_scenarios import Make, states
from tests.support.logs.stores import open_store, open_writer
from tests.support.logs.worker import ROOT, index_gives_the_log

CUTS = 60
#: Seconds between two cuts at most.
_APART = 0.3
# Appends 40 entries at a time, and writes a line for each one that was acknowledged.
_APPENDS = """
import itertools, json, sys
from tests.support.logs.stores import open_writer

writer = open_writer(json.loads(sys.argv[1]))
with open(sys.argv[2], "a") as acks:
    for number in itertools.count():
        writer.view()
        texts = [f"{number} {one}" for one in range(40)]
        for entry in writer.append([{"kind": "note", "project": "p", "text": text} for text in texts]):
            acks.write(f"{entry.seq} {entry.fields['hash']}\\n")
        acks.flush()
"""


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
        with _appending(description, acks) as process:
            for number in range(CUTS):
                if (
                    number % 2
                ):  # the kernel writes back at any time what nobody has synced, such as most of the index
                    subprocess.run(["sync", "-f", disk.path], check=True)
                time.sleep(luck.uniform(0.01, _APART))
                with frozen(process) as is_running:
                    assert is_running
                    ends.append(_after_a_cut(disk, description, acks.read_text()))
    entries, indexed = (max(one) for one in zip(*ends, strict=True))
    print(f"{kind}: {len(ends)} power cuts, at most {entries} entries, {indexed} of them indexed; none lost")
    assert indexed > 1000


@contextmanager
def _appending(description: dict[str, Any], acks: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that appends to the log during the body; yield when it has appended once."""
    process = subprocess.Popen([sys.executable, "-c", _APPENDS, json.dumps(description), acks], cwd=ROOT)
    try:
        while not (acks.exists() and acks.stat().st_size):
            assert process.poll() is None
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.wait()


def _after_a_cut(disk: Ext4, description: dict[str, Any], acks: str) -> tuple[int, int]:
    """Check what a power cut leaves, and a log that goes on from there; return the numbers of entries and indexed ones.

    `acks`: a line for each append that was acknowledged before the cut.
    """
    with disk.after_power_cut() as found:
        there = json.loads(json.dumps(description).replace(str(disk.path), str(found)))
        if there["store"] == "file":
            _rename_index(Path(there["indexes"]), description["path"], there["path"])
        indexed = index_gives_the_log(there)
        store = open_store(there)
        entries = list(store.read())
        getattr(store, "close", lambda: None)()
        for line in acks.splitlines():
            seq, digest = line.split()
            assert entries[int(seq)].fields["hash"] == digest, "an acknowledged entry is lost"
        _go_on(there, len(entries))
        assert index_gives_the_log(there) >= indexed
    return len(entries), indexed


def _go_on(description: dict[str, Any], count: int) -> None:
    """Append to the log, which has `count` entries, and fill its index."""
    writer = open_writer(description)
    try:
        writer.append([{"kind": "note", "project": "p", "text": "after the cut"}])
        assert len(writer.entries()) == count + 1
    finally:
        if (index := writer._catalog.index) is not None:
            index.close()
        getattr(writer.store, "close", lambda: None)()


def _rename_index(folder: Path, path: str, now: str) -> None:
    """Give the index of a log file at `path` the name that it has when the log is at `now`."""
    old, new = (
        hashlib.sha256(os.fsencode(f"file\0{os.path.realpath(one)}")).hexdigest() for one in (path, now)
    )
    for one in folder.glob(f"{old}.sqlite*"):
        one.rename(folder / one.name.replace(old, new))
