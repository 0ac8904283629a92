"""`.dockerignore`: which paths are left out of a build context. Pure.

Patterns are Go's `filepath.Match` plus `**`, in order, the last match decides; `!` takes paths back in. What a pattern
did to a folder it also does to what is in it. Source: the Dockerfile reference, ".dockerignore file", and in the corner
cases what the docker command does.
"""

from __future__ import annotations

import itertools
import posixpath
import re

import msgspec

from release.errors import BuildError


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `text`: cleaned, without `!` and leading `/`; `exception`: whether it takes back in."""

    text: str
    exception: bool


class _Group(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbouring lines of one kind as one expression."""

    exception: bool
    expression: re.Pattern[str]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a path. `hits`: which groups of lines took effect on it; what is below inherits them."""

    excluded: bool = False
    hits: tuple[bool, ...] = ()


class Ignore(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of an ignore file in order."""

    patterns: tuple[Pattern, ...] = ()
    groups: tuple[_Group, ...] = ()

    @property
    def root(self) -> Verdict:
        """Of the context's own folder, which no line leaves out."""
        return Verdict(hits=(False,) * len(self.groups))

    def judge(self, path: str, folder: Verdict) -> Verdict:
        """Whether `path` (relative to the context, `/` between names) is left out; `folder`: of where it lies."""
        excluded = False
        hits = []
        for group, inherited in zip(self.groups, folder.hits, strict=True):
            # A line that could not change the verdict takes no effect, not even on what is below.
            hit = inherited or (group.exception == excluded and group.expression.fullmatch(path) is not None)
            excluded = not group.exception if hit else excluded
            hits.append(hit)
        return Verdict(excluded=excluded, hits=tuple(hits))

    def excludes(self, path: str) -> bool:
        """As `judge`, from the context's folder down."""
        verdict = self.root
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            verdict = self.judge("/".join(parts[:count]), verdict)
        return verdict.excluded

    def may_include_below(self, folder: str) -> bool:
        """Whether something in the excluded `folder` could be taken back in; False lets a walk skip it."""
        return any(pattern.exception and _reaches(pattern.text, folder) for pattern in self.patterns)


def parse_ignore(text: str, name: str = ".dockerignore") -> Ignore:
    """The patterns of an ignore file. Raises `BuildError` with the line for a pattern that means nothing."""
    patterns: list[Pattern] = []
    expressions: list[str] = []
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
            continue  # docker takes neither for the whole context
        patterns.append(Pattern(text=cleaned, exception=exception))
        expressions.append(_expression(cleaned, f"{name}:{number}"))
    return Ignore(patterns=tuple(patterns), groups=_grouped(patterns, expressions))


def _grouped(patterns: list[Pattern], expressions: list[str]) -> tuple[_Group, ...]:
    pairs = zip(patterns, expressions, strict=True)
    return tuple(
        _Group(
            exception=exception,
            expression=re.compile("|".join(f"(?:{text})" for _, text in lines), re.DOTALL),
        )
        for exception, lines in itertools.groupby(pairs, key=lambda pair: pair[0].exception)
    )


def match_component(pattern: str, name: str) -> bool:
    """Whether one path component matches a `COPY` wildcard. Raises `ValueError` for a broken pattern."""
    return re.compile(_translate(pattern), re.DOTALL).fullmatch(name) is not None


def has_wildcard(pattern: str) -> bool:
    """Whether a pattern is more than a literal name."""
    return any(character in pattern for character in "*?[\\")


def _clean(pattern: str) -> str:
    cleaned = posixpath.normpath(pattern)
    # normpath keeps exactly two leading slashes, which POSIX leaves to the system; here they mean nothing.
    return cleaned.lstrip("/") or "/"


def _expression(pattern: str, where: str) -> str:
    try:
        expression = _translate(pattern)
        re.compile(expression)
    except (ValueError, re.error) as error:
        raise BuildError(
            f"{where}: `{pattern}` is no pattern: {error}",
            hint="close the bracket, or put a backslash before a literal one",
        ) from error
    return expression


def _translate(pattern: str) -> str:
    if pattern.startswith("**") and not has_wildcard(pattern[2:]) and not pattern.startswith("**/"):
        return ".*" + re.escape(pattern[2:])  # `**.pyc`: whatever ends so, at any depth
    expression = ""
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*" and pattern[at : at + 1] == "*":
            at += 2 if pattern[at + 1 : at + 2] == "/" else 1
            expression += ".*" if at >= len(pattern) else "(?:.*/)?"
        elif character == "*":
            expression += "[^/]*"
        elif character == "?":
            expression += "[^/]"
        elif character == "[":
            piece, at = _character_class(pattern, at)
            expression += piece
        elif character == "\\" and at < len(pattern):
            expression += re.escape(pattern[at])
            at += 1
        else:
            expression += re.escape(character)
    return expression


def _character_class(pattern: str, at: int) -> tuple[str, int]:
    """`[a-z]` or `[^a-z]` as an expression that never matches `/`, and where the pattern goes on."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges = ""
    while not ranges or pattern[at : at + 1] != "]":
        low, at = _class_member(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _class_member(pattern, at + 1)
        if high < low:
            raise ValueError(f"the range `{low}-{high}` is empty")
        ranges += f"{re.escape(low)}-{re.escape(high)}"
    return f"(?!/)[{'^' if negated else ''}{ranges}]", at + 1


def _class_member(pattern: str, at: int) -> tuple[str, int]:
    member = pattern[at : at + 1]
    if member == "\\":
        at += 1
        member = pattern[at : at + 1]
    elif member in ("-", "]"):
        raise ValueError(f"`{member}` stands where a character is expected")
    if member in ("", "/"):
        raise ValueError("a bracket is not closed within its path component")
    return member, at + 1


def _reaches(pattern: str, folder: str) -> bool:
    """Whether `pattern` could match something below `folder`; in doubt, yes."""
    for wanted, name in zip(pattern.split("/"), folder.split("/"), strict=False):
        if "**" in wanted or "\\" in wanted:
            return True
        if not match_component(wanted, name):
            return False
    return True
