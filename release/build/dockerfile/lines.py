"""A Dockerfile's text as logical lines: directives, comments, continuations and here-documents. Pure.

Follows BuildKit 0.34, `frontend/dockerfile/parser/parser.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from release.build.dockerfile.heredocs import Opening, has_heredocs, openings_in
from release.build.dockerfile.instructions import Heredoc
from release.build.dockerfile.white_space import SPACE, first_word
from release.errors import BuildError
from release.lazy_pattern import pattern

_DIRECTIVE = pattern(r"([A-Za-z][A-Za-z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*")
_KNOWN_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
# The bytes of one line that Go's `bufio.Scanner` can hold. BuildKit, the Engine and Buildah read Dockerfiles with it.
_LINE_BYTES = 65_535
_SHOWN_CHARACTERS = 120  # characters of an instruction that an error quotes; about one line of a terminal


class Directives(msgspec.Struct, frozen=True, kw_only=True):
    """The parser directives at the start of a Dockerfile.

    `count`: the number of physical lines that the directives take.
    """

    syntax: str | None = None
    escape: str = "\\"
    check: str | None = None
    check_line: int = 0
    count: int = 0


class LogicalLine(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction before its operands are read.

    `keyword`: in upper case; `rest`: the text after it, with continued lines joined.
    """

    line: int
    end_line: int
    keyword: str
    rest: str
    heredocs: tuple[Heredoc, ...] = ()

    @property
    def shown(self) -> str:
        """The instruction as errors quote it."""
        text = f"{self.keyword} {self.rest}".rstrip()
        return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


class _Directive(msgspec.Struct, frozen=True, kw_only=True):
    """One directive. `line`: from 1. `indented`: white space stands in front of the `#`."""

    line: int
    key: str
    value: str
    indented: bool

    @property
    def first_word(self) -> str:
        """What BuildKit reads of the value where it looks for the directive itself."""
        return self.value.split(" ")[0]


def read_directives(text: str, name: str) -> Directives:
    """The `# syntax=`, `# escape=` and `# check=` lines at the start of the file. Raises `BuildError`."""
    lines = _physical(text)
    found: dict[str, str] = {}
    for each in _directives(lines):
        if each.key in found:
            raise BuildError(
                f"{name}:{each.line}: the directive `{each.key}` stands twice: `{lines[each.line - 1].strip()}`",
                hint="remove one of the two lines",
            )
        if each.key == "escape" and each.value not in ("\\", "`"):
            raise BuildError(
                f"{name}:{each.line}: `{each.value}` cannot be the escape character",
                hint="use `\\` or a backtick in `# escape=`",
            )
        found[each.key] = each.value
    check = _own_pass(lines, "check")
    syntax = _own_pass(lines, "syntax")
    return Directives(
        syntax=syntax.first_word if syntax is not None else None,
        escape=found.get("escape", "\\"),
        check=check.first_word if check is not None else None,
        check_line=check.line if check is not None else 0,
        count=len(found),
    )


def _directives(lines: list[str]) -> Iterator[_Directive]:
    for number, line in enumerate(lines, 1):
        comment = line.rstrip("\r").lstrip(SPACE)
        match = _DIRECTIVE.fullmatch(comment[1:].lstrip(SPACE)) if comment.startswith("#") else None
        if match is None or match[1].lower() not in _KNOWN_DIRECTIVES:
            return
        yield _Directive(line=number, key=match[1].lower(), value=match[2], indented=not line.startswith("#"))


def _own_pass(lines: list[str], key: str) -> _Directive | None:
    """The frontend's image or the options of its checks, for which BuildKit looks in a pass of its own.

    A first line `#!…` does not end that pass; a directive with white space before the `#` ends it.
    """
    is_program = bool(lines) and lines[0].startswith("#!")
    for each in _directives(lines[1:] if is_program else lines):
        if each.indented:
            return None
        if each.key == key:
            return msgspec.structs.replace(each, line=each.line + is_program)
    return None


def logical_lines(text: str, name: str, directives: Directives) -> Iterator[LogicalLine]:
    """The instructions of the file in order. Raises `BuildError` for a here-document without an end."""
    lines = _physical(text)
    for number, line in enumerate(lines, 1):
        if len(line) > _LINE_BYTES // 4 and len(line.encode("utf-8", "surrogateescape")) > _LINE_BYTES:
            raise BuildError(
                f"{name}:{number}: the line is longer than {_LINE_BYTES:,} bytes, the most that builders read",
                hint="break the line with the escape character, or put the text into a file and `COPY` it",
            )
    continues = re.compile(rf"(^|[^{re.escape(directives.escape)}]){re.escape(directives.escape)}[ \t]*\Z")
    at = directives.count
    while at < len(lines):
        if _is_empty(lines[at]):
            at += 1
            continue
        start = at
        joined, at = _join(lines, at, continues)
        keyword, rest = first_word(joined.strip(SPACE))
        logical = LogicalLine(line=start + 1, end_line=at, keyword=keyword.upper(), rest=rest)
        heredocs: list[Heredoc] = []
        if "<<" in joined and has_heredocs(logical.keyword, logical.rest, directives.escape):
            for opening in openings_in(joined):
                heredoc, at = _read_heredoc(lines, at, opening, name, logical)
                heredocs.append(heredoc)
        yield msgspec.structs.replace(logical, end_line=at, heredocs=tuple(heredocs))


def _physical(text: str) -> list[str]:
    """The lines without their line feeds. Carriage returns stay: a here-document keeps them."""
    lines = text.removeprefix(_BYTE_ORDER_MARK).split("\n")
    return lines if lines[-1] else lines[:-1]


def _is_empty(line: str) -> bool:
    stripped = line.lstrip(SPACE)
    return not stripped or stripped.startswith("#")


def _join(lines: list[str], at: int, continues: re.Pattern[str]) -> tuple[str, int]:
    """The logical line that starts at the index `at`, and the index of the physical line after it.

    Comments and empty lines between continued lines are dropped, as in the classic builder and BuildKit.
    """
    joined = ""
    start = at
    while at < len(lines):
        line = lines[at].rstrip("\r")
        at += 1
        if at - 1 > start and _is_empty(line):
            continue
        match = continues.search(line)
        if match is None:
            return joined + line, at
        joined += line[: match.end(1)]
    return joined, at


def _read_heredoc(
    lines: list[str], at: int, opening: Opening, name: str, logical: LogicalLine
) -> tuple[Heredoc, int]:
    body: list[str] = []
    for position in range(at, len(lines)):
        line = lines[position].lstrip("\t") if opening.tabs else lines[position]
        if line.rstrip("\r") == opening.name:
            return opening.heredoc("".join(body)), position + 1
        body.append(line + "\n")
    raise BuildError(
        f"{name}:{logical.line}: the here-document `{opening.name}` has no end: `{logical.shown}`",
        hint=f"add a line that says only `{opening.name}`; `<<` in a shell's arithmetic needs quotes around it",
    )
