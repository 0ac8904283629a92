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
    """One Dockerfile of the corpus.

    `group`: the Dockerfiles of `people` use features as often as real ones do; those of `files` need no program to run.
    `written`: the text of a Dockerfile that is in no file.
    """

    name: str
    group: str
    args: Mapping[str, str]
    target: str | None
    features: frozenset[str]
    written: str | None = None

    def text(self, values: Mapping[str, str] = PLACEHOLDERS) -> str:
        """Return the Dockerfile's text with `values` in place of its placeholders."""
        if self.written is not None:
            return self.written
        text = (CORPUS / f"{self.name}.Dockerfile").read_bytes().decode()
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        return text


def cases() -> list[Case]:
    """Return every Dockerfile of the corpus, in the order of `corpus.json`."""
    rows: list[dict[str, Any]] = json.loads((CORPUS / "corpus.json").read_bytes())["cases"]
    return [
        Case(row["name"], row["group"], row.get("args", {}), row.get("target"), frozenset(row["features"]))
        for row in rows
    ]


def files() -> list[Path]:
    """Return the paths of the Dockerfiles in the corpus, sorted."""
    return sorted(CORPUS.glob("*.Dockerfile"))
