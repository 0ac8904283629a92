"""Finds programs of this machine on PATH."""

from __future__ import annotations

import os
from collections.abc import Mapping


def program_on_path(env: Mapping[str, str], name: str) -> str | None:
    """The path of the first program `name` in the folders of PATH; None if there is none.

    Relative folders of PATH are skipped: they would lie in the workspace, whose author may not be trusted.
    """
    for folder in env.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder) and is_program(path := os.path.join(folder, name)):
            return path
    return None


def is_program(path: str) -> bool:
    """Whether `path` is a file that this process may execute."""
    return os.path.isfile(path) and os.access(path, os.X_OK)
