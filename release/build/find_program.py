"""Finds programs of this machine on PATH."""

from __future__ import annotations

import os
from collections.abc import Mapping

from release.errors import BuilderUnavailable


def program_on_path(env: Mapping[str, str], name: str) -> str | None:
    """The path of the first program `name` in the folders of PATH; None if there is none.

    Relative folders of PATH are skipped: they would lie in the workspace, whose author may not be trusted.
    """
    for folder in env.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder) and is_program(path := os.path.join(folder, name)):
            return path
    return None


def program_named(env: Mapping[str, str], variable: str) -> str | None:
    """The program that the variable names; None if the variable is empty. Raises `BuilderUnavailable` for another text.

    Without the error, a misspelt path would mean that there is no such program, and `auto` would take another builder.
    """
    named = env.get(variable, "").strip()
    if not named:
        return None
    if not os.path.isabs(named) or not is_program(named):
        raise BuilderUnavailable(
            f"`{variable}` names `{named}`, which is not the whole path of a program",
            hint=f"correct {variable}, or unset it",
        )
    return named


def is_program(path: str) -> bool:
    """Whether `path` is a file that this process may execute."""
    return os.path.isfile(path) and os.access(path, os.X_OK)
