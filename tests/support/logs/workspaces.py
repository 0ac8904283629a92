"""Opens a workspace whose config names a log in any kind of store, for tests that call use cases of the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from release.app.session import Session
from release.app.workspace import open_workspace
from release.events import Event, Note
from tests.support.programs.environment import scrubbed


class Notes:
    """An event sink that keeps the `Note` events."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note):
            self.notes.append(event)

    @property
    def warnings(self) -> list[str]:
        return [note.text for note in self.notes if note.level == "warning"]


def section(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of the log of `description`; the database of a SQL log is in the environment."""
    match description["store"]:
        case "file":
            return {"store": "file", "path": description["path"]}
        case "git":
            return {"store": "git", "remote": f"file://{description['url']}"}
    return {"store": "sql", "url": "${SHIPMARK_LOG_URL}"}


def workspace(
    folder: Path,
    description: Mapping[str, Any],
    *,
    sink: Notes | None = None,
    env: Mapping[str, str] | None = None,
    **config: Any,
) -> Session:
    """Open a workspace in `folder`, created if missing, on the log of `description` (from `logs.descriptions`)."""
    folder.mkdir(exist_ok=True)
    log = section(description)
    (folder / "shipmark.yml").write_text(json.dumps({"log": log, **config}))
    variables = {**scrubbed(folder), "SHIPMARK_CACHE_DIR": str(folder / "cache")}
    if "url" in description:
        variables["SHIPMARK_LOG_URL"] = description["url"]
    return open_workspace(str(folder), env={**variables, **(env or {})}, sink=sink or Notes())
