"""docs/threads.md lists every thread that the program starts, and every module with a lock or a condition."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.pages import ROOT, text_of

PAGE = text_of("docs/threads.md")
STARTERS = {"threading.Thread", "TaskGroup"}
GUARDS = {"threading.Lock", "threading.RLock", "threading.Condition"}


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Give the path, the call and the name of what is called, of every call in the package."""
    for path in sorted(Path(ROOT, "release").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT).as_posix(), node, ast.unparse(node.func)


def test_every_thread_has_a_row_under_its_name() -> None:
    first = PAGE.partition("## Who starts threads")[2].partition("##")[0]
    rows = {
        name for line in first.splitlines() for name in re.findall(r"`([^`/]+)`", line.partition(" | ")[0])
    }
    given = {
        word.value.value
        for _, call, name in calls()
        if name in STARTERS
        for word in call.keywords
        if word.arg == "name" and isinstance(word.value, ast.Constant)
    }
    assert given == rows


def test_every_module_with_a_lock_is_named() -> None:
    guarding = {path for path, _, name in calls() if name in GUARDS}
    folders = set(re.findall(r"`(release/[\w/]+/)`", PAGE))
    unnamed = {
        path for path in guarding if path not in PAGE and not any(path.startswith(one) for one in folders)
    }
    assert unnamed == set()
