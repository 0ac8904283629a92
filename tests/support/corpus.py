"""The corpus of Dockerfiles of `tests/conformance/corpus/`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.conformance import FOLDER

CORPUS = FOLDER / "corpus"
CONTEXT = CORPUS / "context"
#: Stand for what only a test has: the digest of a busybox image, a web server, a git repository that it serves.
PLACEHOLDERS: Mapping[str, str] = {
    "{busybox}": "sha256:" + "0" * 64,
    "{url}": "http://127.0.0.1:1",
    "{git}": "http://127.0.0.1:1/repository.git",
    "{index_checksum}": "sha256:" + "0" * 64,
}


class Case(NamedTuple):
    """One Dockerfile. `group`: `people` has the shares of real ones, `files` needs no program to run."""

    name: str
    group: str
    args: Mapping[str, str]
    target: str | None
    features: frozenset[str]

    def text(self, values: Mapping[str, str] = PLACEHOLDERS) -> str:
        """The file with its placeholders replaced."""
        text = (CORPUS / f"{self.name}.Dockerfile").read_bytes().decode()
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        return text


def cases() -> list[Case]:
    """Every case, in order."""
    rows: list[dict[str, Any]] = json.loads((CORPUS / "corpus.json").read_bytes())["cases"]
    return [
        Case(row["name"], row["group"], row.get("args", {}), row.get("target"), frozenset(row["features"]))
        for row in rows
    ]


def files() -> list[Path]:
    """The Dockerfiles in the folder."""
    return sorted(CORPUS.glob("*.Dockerfile"))
