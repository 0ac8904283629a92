"""What `init` reports: the files that it would write, each with its difference, and what is left to do by hand."""

from __future__ import annotations

import difflib
from typing import Literal

import msgspec

from release.app.setup.init.convert.model import Left


class InitFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `diff`: unified, from the file's root; `text`: its whole new text."""

    path: str
    state: Literal["new", "changed"]
    text: str
    diff: str


class InitReport(msgspec.Struct, frozen=True, kw_only=True):
    """`shipmark.init/1`. `written`: whether the files were written. `left`: what was not converted, by place.

    `notes`: what is left to do by hand.
    """

    schema: Literal["shipmark.init/1"] = "shipmark.init/1"
    written: bool
    files: tuple[InitFile, ...]
    left: tuple[Left, ...]
    notes: tuple[str, ...]


def new_file(path: str, text: str) -> InitFile:
    """A file that the repository does not have yet."""
    return InitFile(path=path, state="new", text=text, diff=_diff(path, "", text))


def changed_file(path: str, before: str, after: str) -> InitFile:
    """A file of the repository, and what becomes of it."""
    return InitFile(path=path, state="changed", text=after, diff=_diff(path, before, after))


def _diff(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.split("\n")[:-1] if before else [],
        after.split("\n")[:-1],
        fromfile=f"a/{path}" if before else "/dev/null",
        tofile=f"b/{path}",
        lineterm="",
    )
    return "\n".join(lines)
