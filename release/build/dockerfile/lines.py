"""A Dockerfile's text as logical lines: directives, comments, continuations and here-documents. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from release.build.dockerfile.instructions import Heredoc
from release.errors import BuildError

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S.*)")  # matches a line after strip()
_KNOWN_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_HEREDOC = re.compile(r"^\d*<<(-?)([^<]+)$")
_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})
_KEYWORD = re.compile(r"^\s*([^\s]+)\s*(.*)$", re.DOTALL)


class Directives(msgspec.Struct, frozen=True, kw_only=True):
    """The parser directives at the start of a Dockerfile. `count`: the number of their physical lines."""

    syntax: str | None = None
    escape: str = "\\"
    count: int = 0


class LogicalLine(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction before its operands are read. `keyword`: upper case; `rest`: what follows, joined."""

    line: int
    end_line: int
    keyword: str
    rest: str
    heredocs: tuple[Heredoc, ...] = ()


def read_directives(text: str, name: str) -> Directives:
    """The `# syntax=`, `# escape=` and `# check=` lines at the start of the file. Raises `BuildError`."""
    found: dict[str, str] = {}
    count = 0
    for number, line in enumerate(_physical(text), 1):
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None or match[1].lower() not in _KNOWN_DIRECTIVES:
            break
        key = match[1].lower()
        if key in found:
            raise BuildError(
                f"{name}:{number}: the directive `{key}` stands twice", hint="remove one of the two lines"
            )
        found[key] = match[2]
        count = number
    escape = found.get("escape", "\\")
    if escape not in ("\\", "`"):
        raise BuildError(
            f"{name}: `{escape}` cannot be the escape character", hint="use `\\` or a backtick in `# escape=`"
        )
    return Directives(syntax=found.get("syntax"), escape=escape, count=count)


def logical_lines(text: str, name: str, directives: Directives) -> Iterator[LogicalLine]:
    """The instructions of the file in order. Raises `BuildError` for a here-document without an end."""
    lines = _physical(text)
    continues = re.compile(rf"(^|[^{re.escape(directives.escape)}]){re.escape(directives.escape)}[ \t]*$")
    at = directives.count
    while at < len(lines):
        if _is_empty(lines[at]):
            at += 1
            continue
        start = at
        joined, at = _join(lines, at, continues)
        match = _KEYWORD.match(joined)
        if match is None:
            continue
        keyword, rest = match[1].upper(), match[2].rstrip()
        heredocs: list[Heredoc] = []
        if keyword in _WITH_HEREDOCS and "<<" in rest:
            for opening in heredoc_openings(rest, directives.escape):
                heredoc, at = _read_heredoc(lines, at, opening, f"{name}:{start + 1}")
                heredocs.append(heredoc)
        yield LogicalLine(line=start + 1, end_line=at, keyword=keyword, rest=rest, heredocs=tuple(heredocs))


def heredoc_openings(rest: str, escape: str) -> tuple[str, ...]:
    """The words of `rest` that open a here-document: `<<EOF`, `<<-"EOF"`."""
    return tuple(word for word in split_words(rest, escape) if is_heredoc(word))


def is_heredoc(word: str) -> bool:
    """Whether a word opens a here-document."""
    match = _HEREDOC.match(word)
    return match is not None and re.fullmatch(r"\w+", match[2].strip("\"'")) is not None


def split_words(text: str, escape: str) -> list[str]:
    """Split at white space outside of quotes; quotes and escapes stay in the words."""
    words: list[str] = []
    word = ""
    quote = ""
    characters = iter(text)
    for character in characters:
        if character == escape and quote != "'":
            word += character + next(characters, "")
        elif quote:
            word += character
            quote = "" if character == quote else quote
        elif character.isspace():
            words += [word] if word else []
            word = ""
        else:
            quote = character if character in "\"'" else ""
            word += character
    return [*words, word] if word else words


def _physical(text: str) -> list[str]:
    return [
        line.removesuffix("\r") for line in text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").split("\n")
    ]


def _is_empty(line: str) -> bool:
    stripped = line.strip()
    return not stripped or stripped.startswith("#")


def _join(lines: list[str], at: int, continues: re.Pattern[str]) -> tuple[str, int]:
    """The logical line that starts at the index `at`, and the index of the physical line after it.

    Comments and empty lines between continued lines are dropped, as in the classic builder and BuildKit.
    """
    joined = ""
    while at < len(lines):
        line = lines[at]
        at += 1
        if joined and _is_empty(line):
            continue
        match = continues.search(line)
        if match is None:
            return joined + line, at
        joined += line[: match.end(1)]
    return joined, at


def _read_heredoc(lines: list[str], at: int, opening: str, where: str) -> tuple[Heredoc, int]:
    match = _HEREDOC.match(opening)
    assert match is not None, opening  # noqa: S101 - the caller found this word by the same expression
    tabs, quoted = match[1] == "-", match[2]
    end = quoted.strip("\"'")
    body = ""
    for position in range(at, len(lines)):
        line = lines[position].lstrip("\t") if tabs else lines[position]
        if line == end:
            return Heredoc(name=end, body=body, expand=quoted == end), position + 1
        body += line + "\n"
    raise BuildError(
        f"{where}: the here-document `{end}` has no end", hint=f"add a line that says only `{end}`"
    )
