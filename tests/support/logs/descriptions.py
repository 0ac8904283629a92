"""Makes an empty log in any kind of store, and its description for `tests.support.logs.stores`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from release.log.stores.sql.migrate import migrate
from tests.support.programs.environment import scrubbed

STORES = ("file", "sqlite", "postgresql", "git")

#: Breaks the connection after the ref was updated, once in five times.
LOSE_REPLIES = '#!/bin/sh\n[ $(($(od -An -N1 -tu1 /dev/urandom) % 5)) -ne 0 ] || kill -9 "$PPID"\n'


def describe(
    store: str, request: pytest.FixtureRequest, folder: Path, postgres: str = "postgres"
) -> dict[str, Any]:
    """Make an empty log; return its description. `postgres`: the fixture of the server for a log in PostgreSQL."""
    match store:
        case "file":
            return {"store": "file", "path": str(folder / ".shipmark" / "log.jsonl")}
        case "git":
            bare = folder / "remote.git"
            subprocess.run(["git", "init", "-q", "--bare", str(bare)], env=scrubbed(folder), check=True)
            return {"store": "git", "url": str(bare), "cache": str(folder / "caches")}
        case "sqlite":
            url = f"sqlite:///{folder}/log.db"
        case _:
            url = request.getfixturevalue(postgres).database()
    migrate(url)
    return {"store": "sql", "url": url}
