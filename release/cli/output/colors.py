"""Colours the word or mark with which a line begins, for a terminal: one colour for one meaning. Pure."""

from __future__ import annotations

from collections.abc import Mapping

#: How a line begins -> the parameter of its colour (ECMA-48, SGR). Red: failed. Yellow: withheld, or look at it. Green:
#: done now, or to do. Cyan: what helps. Faint: as it was before, or what another program printed.
_COLORS = {
    **dict.fromkeys(("error:", "!", "?", "problem"), "1;31"),
    **dict.fromkeys(("warning:", "-", "warning"), "33"),
    **dict.fromkeys(("+", "ok"), "32"),
    "hint:": "36",
    "fix:": "36",
    **dict.fromkeys(("more:", "=", "|"), "2"),
}


def colored(line: str) -> str:
    """The line, which must be escaped already, with its first word in the colour of its meaning, if it has one."""
    text = line.lstrip(" ")
    word, blank, rest = text.partition(" ")
    color = _COLORS.get(word)
    if color is None or not blank:
        return line
    return f"{line[: len(line) - len(text)]}\x1b[{color}m{word}\x1b[0m{blank}{rest}"


def wants_colors(option: str, env: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether a stream gets colours. `option`: the value of `--color`. Source: no-color.org, force-color.org."""
    if option != "auto":
        return option == "always"
    if env.get("NO_COLOR"):
        return False
    return (terminal and env.get("TERM") != "dumb") or env.get("FORCE_COLOR", "0") not in ("", "0")
