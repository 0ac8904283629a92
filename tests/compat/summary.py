"""Summarises a log as this version reads it; later versions must read the corpus files to the same summary."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from release.control import Cancel
from release.log import LogStore
from release.log.fold import fold
from release.log.stores.file.store import FileStore


def file_store(path: Path) -> FileStore:
    """Return the store of the log file at `path`."""
    return FileStore(str(path), cancel=Cancel(), monotonic=time.monotonic)


def summary(path: Path) -> dict[str, Any]:
    """Return the summary of a log file."""
    return summary_of(file_store(path))


def summary_of(store: LogStore) -> dict[str, Any]:
    """Return the number of `entries`, the `releases`, what `tags` pointed to, all in order, and `yanked` versions."""
    entries = list(store.read())
    state = fold(entries)
    return {
        "entries": len(entries),
        "releases": [
            [one.version, one.state, one.image.digest if one.image else "", len(one.open_attempts)]
            for one in state.releases.values()
        ],
        "tags": {
            f"{target}:{tag}": [[hold.seq, hold.version, hold.digest] for hold in holds]
            for (target, tag), holds in sorted(state.holds.items())
        },
        "yanked": _yanked(state),
        "skipped": state.skipped,
    }


def _yanked(state: Any) -> list[str]:
    """Return the yanked versions. Version 0.1.0, with which this module also runs, knows no other status."""
    if hasattr(state, "yanked"):
        return list(state.yanked())
    return [one.version for one in state.statuses_of() if one.status == "yanked"]
