"""A process that appends to a log until it is done or killed, and `Herd`, which runs several such processes.

Started as `python -m tests.support.logs.worker DESCRIPTION NAME COUNT ACKS`.

Each acknowledged append becomes a line of the file ACKS. A worker that is started again continues after the last
acknowledged append, and so repeats the append during which it was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from release.log import Entry
from release.log.catalog.claims import entry_of
from release.log.catalog.open import open_catalog
from tests.support.logs.facts import independently_verified
from tests.support.logs.stores import open_store, open_writer

ROOT = Path(__file__).parents[3]


def work(description: dict[str, Any], name: str, count: int, acks: Path) -> None:
    done = len(acks.read_text().splitlines()) if acks.exists() else 0
    writer = open_writer(description)
    with acks.open("a") as file:
        for number in range(done, count):
            fact = {"kind": "note", "project": "p", "text": f"{name} {number}", "attempt": str(os.getpid())}
            if "indexes" in description:
                writer.view()  # as a release asks before it appends: reading fills the index
            (entry,) = writer.append([fact])
            file.write(f"{number} {entry.seq} {entry.fields['hash']}\n")
            file.flush()


class Herd:
    """`workers` processes with `count` appends each, on one log; killed at random and started again.

    indexed: every process also keeps the index of the log, in the folder `indexes` or in the tables of the database.
    """

    def __init__(
        self, description: dict[str, Any], folder: Path, *, workers: int, count: int, indexed: bool = False
    ) -> None:
        if indexed:
            (folder / "indexes").mkdir(exist_ok=True)
            description = {**description, "indexes": str(folder / "indexes")}
        self.description = description
        self.folder = folder
        self.names = [f"worker-{number}" for number in range(workers)]
        self.count = count
        self.kills = 0
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def run(
        self,
        *,
        kills: int = 0,
        pause: float = 0.2,
        seed: int = 1,
        disturb: Sequence[tuple[float, Callable[[], None]]] = (),
    ) -> None:
        """Run until every append is acknowledged; send SIGKILL to `kills` workers, one about every `pause` seconds.

        `disturb`: (share, function) pairs; the function is called when that share of all appends is acknowledged.
        """
        luck = random.Random(seed)
        todo = list(disturb)
        try:
            while self._ensure_running():
                time.sleep(luck.uniform(0.2, 1.0) * pause)
                if self.kills < kills:
                    self._kill(luck.choice(self.names))
                if todo and self.acknowledged() >= todo[0][0] * len(self.names) * self.count:
                    todo.pop(0)[1]()
        finally:
            for child in self._children.values():
                child.kill()
                child.wait()

    def acknowledged(self) -> int:
        return sum(len(self._acks(name)) for name in self.names)

    def verify(self, lines: Sequence[bytes] | None = None) -> list[Entry]:
        """Require a valid chain with each entry once, and each acknowledged entry at its acknowledged position."""
        store = open_store(self.description)
        entries = list(store.read())
        getattr(store, "close", lambda: None)()
        stored = independently_verified(lines if lines is not None else [entry.raw for entry in entries])
        texts = [entry["text"] for entry in stored]
        assert sorted(texts) == sorted(
            f"{name} {number}" for name in self.names for number in range(self.count)
        )
        assert len({entry["id"] for entry in stored}) == len(stored)
        for name in self.names:
            for number, seq, digest in (line.split() for line in self._acks(name)):
                assert stored[int(seq)]["text"] == f"{name} {number}"
                assert stored[int(seq)]["hash"] == digest
        return entries

    def verify_index(self) -> int:
        """Require that the index gives every entry as the log has it; return the number of indexed entries."""
        return index_gives_the_log(self.description)

    def _acks(self, name: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / f"{name}.acks").read_text().splitlines()
        return []

    def _ensure_running(self) -> bool:
        """Start each worker that has appends left and does not run; return whether any appends are left."""
        todo = [name for name in self.names if len(self._acks(name)) < self.count]
        for name in todo:
            child = self._children.get(name)
            if child is not None and child.poll() is None:
                continue
            if child is not None and child.returncode > 0:
                raise AssertionError(f"{name} failed:\n" + (self.folder / f"{name}.err").read_text())
            self._children[name] = self._start(name)
        return bool(todo)

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "tests.support.logs.worker", json.dumps(self.description)]
        with (self.folder / f"{name}.err").open("ab") as errors:
            return subprocess.Popen(
                [*argv, name, str(self.count), str(self.folder / f"{name}.acks")], cwd=ROOT, stderr=errors
            )

    def _kill(self, name: str) -> None:
        child = self._children.get(name)
        if child is not None and child.poll() is None:
            child.kill()
            child.wait()
            self.kills += 1


def index_gives_the_log(description: dict[str, Any]) -> int:
    """Compare what the index of a log gives with the log itself, and return how many entries the index has.

    The index is used as the killed processes left it: it is neither filled nor made again.
    """
    store = open_store(description)
    entries = list(store.read())
    found = open_catalog(store, lambda: str(description["indexes"]), program="test", worth=1, may_fill=False)
    indexed = found.indexed
    try:
        found.follow(store.read(found.head.seq))
        assert [found.at(seq) for seq in range(len(entries))] == entries
        assert list(found.newest()) == entries[::-1]
        for entry in entries[::7]:
            assert entry_of(found, entry.fields, entry.fields["id"]) == entry
    finally:
        if found.index is not None:
            found.index.close()
        getattr(store, "close", lambda: None)()
    return indexed


if __name__ == "__main__":
    work(json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
