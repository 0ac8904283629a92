"""Globs of files, as `paths:` has them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from release.patterns import LONGEST_PATTERN, expression_of, has_wildcard

#: Globs in one list. They become one regular expression, whose compilation takes the longer the more there are.
MOST_GLOBS = 1_000


def matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    """A function that tells whether a file's path, from the top folder of the repository, matches `globs`.

    `*` and `?` do not match `/`, `**` does. A name without wildcards matches a file, or everything in a folder. A glob
    that begins with `!` excludes paths that earlier globs match. Raises `ValueError` for an invalid glob.
    """
    if (plain := _plain(globs)) is not None:
        return plain
    # Neighbours of the same kind are joined, so that a path is matched once by each run of globs.
    runs: list[tuple[bool, list[str]]] = []
    for glob, expression in zip(globs, expressions_of(globs), strict=True):
        wanted = not glob.startswith("!")
        if not runs or runs[-1][0] != wanted:
            runs.append((wanted, []))
        runs[-1][1].append(expression)
    compiled = [(wanted, re.compile("|".join(texts), re.DOTALL)) for wanted, texts in runs]

    def matches(path: str) -> bool:
        return next((wanted for wanted, one in reversed(compiled) if one.fullmatch(path)), False)

    return matches


def _plain(globs: Sequence[str]) -> Callable[[str], bool] | None:
    """The matcher of globs that name files and folders (`api`, `api/`, `api/**`); None if there is another one.

    Most configs have no others, and compiling a regular expression takes longer than matching a thousand paths.
    """
    if len(globs) > MOST_GLOBS:
        return None
    folders, names = [], []
    for glob in globs:
        name = glob.removeprefix("./").lstrip("/")
        folder = name.removesuffix("**") if name.endswith("/**") else name
        if not folder or folder.startswith("!") or has_wildcard(folder) or len(glob) > LONGEST_PATTERN:
            return None
        if folder.endswith("/"):
            folders.append(folder)
        else:
            folders.append(f"{folder}/")
            names.append(folder)
    starts, exact = tuple(folders), frozenset(names)
    return lambda path: path.startswith(starts) or path in exact


def expressions_of(globs: Sequence[str]) -> list[str]:
    """A regular expression for each glob. Raises `ValueError` for an invalid glob."""
    if len(globs) > MOST_GLOBS:
        raise ValueError(f"there are more than {MOST_GLOBS} globs")
    return [_expression(glob.removeprefix("!")) for glob in globs]


def _expression(glob: str) -> str:
    name = glob.removeprefix("./").lstrip("/")
    if name.endswith("/"):
        name += "**"
    if not name:
        raise ValueError("a glob is empty")
    if name == "**":
        return ".*"
    expression = expression_of(name)
    return expression if has_wildcard(name) else f"{expression}(?:/.*)?"
