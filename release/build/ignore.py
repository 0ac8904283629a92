"""Reads `.dockerignore`, and decides which paths of a build context are excluded. Pure.

Patterns are Go's `filepath.Match` plus `**`. The last pattern that matches a path decides; a pattern with `!` includes
the path again. A pattern that matches a folder also applies to everything in the folder. Source: the Dockerfile
reference, ".dockerignore file"; in corner cases the behaviour of the docker command.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from release.errors import BuildError
from release.limits import IGNORE_PATTERNS
from release.patterns import LONGEST_PATTERN, expression_of, has_wildcard


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern of an ignore file.

    `text`: the normalised pattern, without `!` and leading `/`; `exception`: whether the line had a `!`. `line`: the
    number of the pattern's line in the file, from 1.
    """

    text: str
    exception: bool
    line: int = 0

    def matches(self, path: str) -> bool:
        """Whether the pattern matches `path` itself.

        The method translates the pattern anew on each call, so it is meant for single paths.
        """
        if not has_wildcard(self.text):
            return self.text == path
        return re.compile(expression_of(self.text), re.DOTALL).fullmatch(path) is not None


class _Group(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive patterns with `!`, or without: literal paths as a set, the others as one regular expression."""

    exception: bool
    literals: frozenset[str]
    expression: re.Pattern[str]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a path is excluded. `hits`: for each group of patterns, whether it applied; paths below inherit them."""

    excluded: bool = False
    hits: tuple[bool, ...] = ()


class Ignore(msgspec.Struct, frozen=True, kw_only=True):
    """The patterns of an ignore file, in the file's order."""

    patterns: tuple[Pattern, ...] = ()
    groups: tuple[_Group, ...] = ()

    @property
    def root(self) -> Verdict:
        """The verdict for the context's folder itself, which no pattern excludes."""
        return Verdict(hits=(False,) * len(self.groups))

    def judge(self, path: str, folder: Verdict) -> Verdict:
        """The verdict for `path` (relative to the context, `/` between names). `folder`: its folder's verdict."""
        excluded = False
        hits = []
        for group, inherited in zip(self.groups, folder.hits, strict=True):
            # A pattern that would not change the verdict is not applied, so that paths below do not inherit it either.
            hit = inherited or (
                group.exception == excluded
                and (path in group.literals or group.expression.fullmatch(path) is not None)
            )
            excluded = not group.exception if hit else excluded
            hits.append(hit)
        return Verdict(excluded=excluded, hits=tuple(hits))

    def excludes(self, path: str) -> bool:
        """Whether `path` is excluded, by the verdicts of all folders from the context's down to it."""
        verdict = self.root
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            verdict = self.judge("/".join(parts[:count]), verdict)
        return verdict.excluded

    def line_that_hides(self, path: str) -> int | None:
        """The number of the line that excludes `path`, or a folder above it; None if `excludes` says that none does.

        The search goes line by line, which is slow, so this method is meant for error messages.
        """
        parts = path.split("/")
        hits = [False] * len(self.patterns)
        hiding: int | None = None
        for count in range(1, len(parts) + 1):
            above, hiding = "/".join(parts[:count]), None
            for number, pattern in enumerate(self.patterns):
                # As in `judge`: an exception counts only where something is excluded, and what is below inherits it.
                if hits[number] or (pattern.exception == (hiding is not None) and pattern.matches(above)):
                    hits[number] = True
                    hiding = None if pattern.exception else pattern.line
        return hiding

    def may_include_below(self, folder: str) -> bool:
        """Whether an exception could include something in the excluded `folder`; if not, a walk skips the folder."""
        return any(pattern.exception and _reaches(pattern.text, folder) for pattern in self.patterns)


def parse_ignore(text: str, name: str = ".dockerignore") -> Ignore:
    """The patterns of an ignore file. Raises `BuildError` with the line of an invalid pattern."""
    patterns: list[Pattern] = []
    expressions: list[str | None] = []
    for number, line in enumerate(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").split("\n"), 1):
        if line.startswith("#"):
            continue
        pattern = line.strip()
        exception = pattern.startswith("!")
        if exception:
            pattern = pattern[1:].strip()
            if not pattern:
                raise BuildError(
                    f"{name}:{number}: `!` stands alone", hint="write `!path`, or remove the line"
                )
        if not pattern:
            continue
        cleaned = _clean(pattern)
        if cleaned in (".", "/"):
            continue  # docker ignores these two patterns: they do not exclude the whole context
        if len(patterns) == IGNORE_PATTERNS:
            raise BuildError(f"{name}:{number}: more than {IGNORE_PATTERNS} patterns", hint="use wildcards")
        patterns.append(Pattern(text=cleaned, exception=exception, line=number))
        wild = has_wildcard(cleaned) or len(cleaned) > LONGEST_PATTERN
        expressions.append(_expression(cleaned, f"{name}:{number}") if wild else None)
    return Ignore(patterns=tuple(patterns), groups=_grouped(patterns, expressions))


def parse_excludes(patterns: Sequence[str], name: str) -> Ignore:
    """The patterns of `--exclude` in a COPY. Raises `BuildError`. `name`: `Dockerfile:3`, for the message.

    As in BuildKit, one with a slash in front matches nothing, because paths have none there.
    """
    kept = [each for each in patterns if not each.strip().removeprefix("!").strip().startswith("/")]
    return parse_ignore("\n".join(kept), name) if kept else Ignore()


def _grouped(patterns: list[Pattern], expressions: list[str | None]) -> tuple[_Group, ...]:
    pairs = zip(patterns, expressions, strict=True)
    return tuple(
        _group(exception, list(lines))
        for exception, lines in itertools.groupby(pairs, key=lambda pair: pair[0].exception)
    )


def _group(exception: bool, lines: list[tuple[Pattern, str | None]]) -> _Group:
    wild = "|".join(f"(?:{text})" for _, text in lines if text is not None)
    return _Group(
        exception=exception,
        literals=frozenset(pattern.text for pattern, text in lines if text is None),
        expression=re.compile(wild or "(?!)", re.DOTALL),
    )


def match_component(pattern: str, name: str) -> bool:
    """Whether one path component matches a `COPY` wildcard. Raises `ValueError` for a broken pattern."""
    return _component(pattern).fullmatch(name) is not None


@lru_cache(maxsize=256)
def _component(pattern: str) -> re.Pattern[str]:
    # A wildcard is compared with every path of a context, and its translation takes longer than the comparison.
    return re.compile(expression_of(pattern), re.DOTALL)


def _clean(pattern: str) -> str:
    cleaned = posixpath.normpath(pattern)
    # normpath keeps two leading slashes, since POSIX lets a system treat them specially. Patterns have no such meaning.
    return cleaned.lstrip("/") or "/"


def _expression(pattern: str, where: str) -> str:
    try:
        return expression_of(pattern)
    except ValueError as error:
        raise BuildError(
            f"{where}: `{pattern[:100]}` is not a pattern: {error}",
            hint="close the bracket, or put a backslash before a literal one"
            if "[" in pattern
            else "write it shorter",
        ) from error


def _reaches(pattern: str, folder: str) -> bool:
    """Whether `pattern` could match something below `folder`; in doubt, yes."""
    for wanted, name in zip(pattern.split("/"), folder.split("/"), strict=False):
        if "**" in wanted or "\\" in wanted:
            return True
        if not match_component(wanted, name):
            return False
    return True
