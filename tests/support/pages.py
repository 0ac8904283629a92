"""Finds code blocks, links, repository paths and command lines on the documentation's pages."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
#: Folders at the top whose files pages name; `<x>` and `*` stand for any name.
_PATH = re.compile(r"(?<![\w/.@:-])(?:release|ci|shipmark|tests|docs|\.github|\.ci)/[\w./<>*-]*(?:::\w+)?")
#: At the start of code, behind a prompt, or behind the folder that it is installed in.
_COMMAND = re.compile(r"(?:^|\$ |/bin/)(shipmark .+)")


def pages() -> list[str]:
    """Return the documentation's pages, without the changelog, which also names things that were removed."""
    docs = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    return ["README.md", "CONTRIBUTING.md", "SECURITY.md", *docs]


def text_of(page: str) -> str:
    """Return the Markdown text of a documentation page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the contents of a page's fenced code blocks in the language `language`."""
    return [match[2] for match in _FENCE.finditer(text_of(page)) if match[1] == language]


def paths(page: str) -> list[str]:
    """Return the repository paths that a page names, such as `release/runner.py` or `release/runner.py::Runner`."""
    return [match[0].rstrip(".") for match in _PATH.finditer(text_of(page))]


def links(page: str) -> list[str]:
    """Return the targets of a page's links that are not URLs: paths of this repository, or anchors."""
    return [match[1] for match in _LINK.finditer(text_of(page)) if "://" not in match[1]]


def command_lines(page: str) -> list[str]:
    """Return each `shipmark …` in code of a page: without square brackets, one line for each alternative of `a|b`."""
    text = text_of(page)
    spans = [match[1] for match in _SPAN.finditer(_FENCE.sub("", text))]
    lines = [line for match in _FENCE.finditer(text) for line in match[2].splitlines()]
    found = [match[1] for code in (*spans, *lines) if (match := _COMMAND.search(code))]
    return [one for line in found for one in _alternatives(line)]


def words_of(line: str) -> list[str]:
    """Return the words of a command line after `shipmark`."""
    return shlex.split(line, comments=True)[1:]


def _alternatives(line: str) -> list[str]:
    words = line.replace("\\|", "|").replace("[", " ").replace("]", " ").split()
    several = next((at for at, word in enumerate(words) if "|" in word), None)
    # Alternatives behind an option (`--format text|json`) are its values.
    if several is None or words[several - 1].startswith("-"):
        return [" ".join(words)]
    return [" ".join((*words[:several], one, *words[several + 1 :])) for one in words[several].split("|")]
