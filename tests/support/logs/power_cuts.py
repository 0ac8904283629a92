"""A process that appends to a log during power cuts, and the check of the log that a cut leaves."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.logs.stores import open_store, open_writer
from tests.support.logs.worker import ROOT, index_gives_the_log

# Appends 40 entries at a time, and writes a line for each one that was acknowledged.
_APPENDS = """
import itertools, json, os, sys
from tests.support.logs.stores import open_writer

writer = open_writer(json.loads(sys.argv[1]))
writer._patience = 600  # tests stop this process for longer than a database waits for it
with open(sys.argv[2], "a") as acks:
    for number in itertools.count():
        writer.view()
        texts = [f"{os.getpid()} {number} {one}" for one in range(40)]
        for entry in writer.append([{"kind": "note", "project": "p", "text": text} for text in texts]):
            acks.write(f"{entry.seq} {entry.fields['hash']}\\n")
        acks.flush()
"""


@contextmanager
def appending(description: dict[str, Any], acks: Path) -> Iterator[subprocess.Popen[bytes]]:
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


def require_acknowledged(description: dict[str, Any], acks: str) -> tuple[int, int]:
    """Check a log that a power cut left, and append to it; return the numbers of its entries and of indexed ones.

    `acks`: a line for each append that was acknowledged before the cut.
    """
    indexed = index_gives_the_log(description)
    store = open_store(description)
    entries = list(store.read())
    getattr(store, "close", lambda: None)()
    for line in acks.splitlines():
        seq, digest = line.split()
        assert entries[int(seq)].fields["hash"] == digest, "an acknowledged entry is lost"
    _go_on(description, len(entries))
    assert index_gives_the_log(description) >= indexed
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
