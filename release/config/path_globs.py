"""Globs of files, as `paths:` has them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import takewhile

from release.patterns import LONGEST_PATTERN, expression_of, has_wildcard

#: Globs in one list. They become one regular expression, whose compilation takes the longer the more there are.
MOST_GLOBS = 1_000


def matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    """A function that tells whether a file's path, from the top folder of the repository, matches `globs`.

    `*` and `?` do not match `/`, `**` does. A name without wildcards matches a file, or everything in a folder. A glob
    that begins with `!` excludes paths that earlier globs match. A path that is a folder of a glob matches, too: git
    names a submodule without its files. Raises `ValueError` for an invalid glob.
    """
    if (plain := _plain(globs)) is not None:
        starts, names = plain
        return lambda path: path.startswith(starts) or path in names
    # Neighbours of the same kind are joined, so that a path is matched once by each run of globs.
    runs: list[tuple[bool, list[str]]] = []
    for glob, expression in zip(globs, expressions_of(globs), strict=True):
        wanted = not glob.lstrip().startswith("!")
        if not runs or runs[-1][0] != wanted:
            runs.append((wanted, []))
        runs[-1][1].append(expression)
    compiled = [(wanted, re.compile("|".join(texts), re.DOTALL)) for wanted, texts in runs]

    def matches(path: str) -> bool:
        return next((wanted for wanted, one in reversed(compiled) if one.fullmatch(path)), False)

    return matches


def first_match(globs: Sequence[str], paths: Sequence[str]) -> int:
    """The position of the first of `paths` that `globs` match; the number of paths if they match none.

    Raises `ValueError` for an invalid glob.
    """
    plain = _plain(globs)
    if plain is None:
        matches = matcher(globs)
        return next((at for at, path in enumerate(paths) if matches(path)), len(paths))
    starts, names = plain
    # One search in a text of all paths is many times faster than a call for each. No path has a NUL.
    text = "\0".join(("", *paths, ""))
    places = [text.find(f"\0{start}") for start in starts] + [text.find(f"\0{name}\0") for name in names]
    found = [place for place in places if place >= 0]
    return text.count("\0", 0, min(found)) if found else len(paths)


def _plain(globs: Sequence[str]) -> tuple[tuple[str, ...], frozenset[str]] | None:
    """The starts of paths in folders, and the names of files, that globs name; None if they need an expression.

    `api`, `api/` and `api/**` are plain. Most configs have no other globs, and compiling a regular expression takes
    longer than matching a thousand paths.
    """
    if len(globs) > MOST_GLOBS:
        return None
    folders, names = [], []
    for glob in globs:
        if glob.lstrip().startswith("!") or len(glob) > LONGEST_PATTERN:
            return None
        try:
            parts = _parts(glob)
        except ValueError:
            return None  # the caller meets the error when it makes expressions
        literal = parts[:-1] if parts[-1] == "**" else parts
        if not literal or any(has_wildcard(part) for part in literal):
            return None
        folders.append("/".join((*literal, "")))
        names += ["/".join(literal), *_folders_of(parts)]
    return tuple(folders), frozenset(names)


def _parts(glob: str) -> list[str]:
    """The names of a glob without `!`: `./api//` is `api`, `**`. Raises `ValueError` if nothing is left, or for `..`.

    Blanks around a glob, `.` and empty names are dropped, and `..` is resolved, as `.dockerignore` does.
    """
    text = glob.strip().removeprefix("!").strip()
    parts: list[str] = []
    for part in text.split("/"):
        if part == ".." and not parts:
            raise ValueError(f"`{glob}` leads out of the repository")
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if not parts and "." not in text:
        raise ValueError("a glob is empty")
    return [*parts, "**"] if not parts or text.endswith(("/", "/.")) else parts


def _folders_of(parts: Sequence[str]) -> list[str]:
    """The folders that a glob names before its first wildcard: `a` and `a/b` of `a/b/*.go`."""
    literal = list(takewhile(lambda part: not has_wildcard(part), parts[:-1]))
    return ["/".join(literal[:count]) for count in range(1, len(literal) + 1)]


def require_own_syntax(globs: Sequence[str]) -> None:
    """Raise `ValueError` for a glob in the syntax of another tool, which would match no file here, silently.

    The owners behind a pattern of CODEOWNERS, alternatives in braces, and folders that are separated by `\\`.
    """
    for glob in globs:
        if re.search(r"\s@[\w-]", glob):
            raise ValueError(f"`{glob}` has owners behind the glob, as in CODEOWNERS")
        if re.search(r"\{[^{}]*,[^{}]*\}", glob):
            raise ValueError(
                f"`{glob}` has alternatives in braces, which are not read: write a glob for each"
            )
        if re.search(r"\w\\\w", glob):
            raise ValueError(f"`{glob}` has `\\` between folders: write `/`")


def expressions_of(globs: Sequence[str]) -> list[str]:
    """A regular expression for each glob. Raises `ValueError` for an invalid glob."""
    if len(globs) > MOST_GLOBS:
        raise ValueError(f"there are more than {MOST_GLOBS} globs")
    return [_expression(_parts(glob), wanted=not glob.lstrip().startswith("!")) for glob in globs]


def _expression(parts: Sequence[str], *, wanted: bool) -> str:
    """The expression for one glob. One with `!` takes back a submodule only if it covers the whole of it."""
    if list(parts) == ["**"]:
        return ".*"
    name = "/".join(parts)
    expression = expression_of(name)
    found = [expression if has_wildcard(name) else f"{expression}(?:/.*)?"]
    if parts[-1] == "**":
        found.append(expression_of("/".join(parts[:-1])))
    return "|".join((*found, *(re.escape(one) for one in _folders_of(parts) if wanted)))
