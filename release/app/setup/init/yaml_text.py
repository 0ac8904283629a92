"""Writes values as YAML for people: short mappings and lists on one line, plain scalars where they are safe. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from release.lazy_pattern import pattern

# Plain scalars that YAML reads as another type than text. The config converts by its own types, GitHub does not.
_TYPED = pattern(
    r"(?i:true|false|yes|no|on|off|y|n|null|~|[-+.]?[0-9][0-9_.:eE+-]*|0x[0-9a-f_]+|0o?[0-7_]+|[-+]?\.(?:inf|nan))"
)
# What begins something else than a plain scalar; `<<` and `=` are YAML 1.1's merge key and default key.
_OPENING = frozenset("!&*-?{}[],#|>@`\"'%:=< ")
# In flow style more signs have a meaning, and parsers differ about them next to each other.
_IN_FLOW = pattern(r"[\w./@+=~^$%-][\w./@+=~^$% -]*", re.ASCII)
# Columns of a line with a whole mapping or list. Longer ones are easier to read, and to change, line by line.
_WIDEST = 110
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def scalar(text: str, *, in_flow: bool = False) -> str:
    """`text` as a YAML scalar: plain where YAML reads exactly this text, else in double quotes."""
    safe = (
        text
        and text[0] not in _OPENING
        and ": " not in text
        and " #" not in text
        and not text.endswith((":", " "))
        and text.isprintable()
        and not _TYPED.fullmatch(text)
        and not (in_flow and not _IN_FLOW.fullmatch(text))
    )
    return text if safe else f'"{"".join(_escaped(one) for one in text)}"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    return (
        f"\\x{number:02x}"
        if number < 0x100
        else f"\\u{number:04x}"
        if number < 0x10000
        else f"\\U{number:08x}"
    )


def mapping_lines(value: Mapping[str, Any], indent: str = "") -> list[str]:
    """A mapping as lines: each key on its own, with its value on the same line where that is short."""
    lines: list[str] = []
    for key, one in value.items():
        start = f"{indent}{scalar(key)}:"
        short = f"{start} {_flow(one)}"
        if isinstance(one, Mapping) and one and (len(short) > _WIDEST or _is_deep(one)):
            lines += [start, *mapping_lines(one, f"{indent}  ")]
        elif (
            isinstance(one, list | tuple)
            and one
            and (len(short) > _WIDEST or any("," in item for item in one))
        ):
            # Rules such as `type=ref,event=pr` are read best one a line.
            lines += [start, *(f"{indent}  - {scalar(item)}" for item in one)]
        elif isinstance(one, str):
            lines.append(f"{start} {scalar(one)}")
        else:
            lines.append(short)
    return lines


def _is_deep(value: Mapping[str, Any]) -> bool:
    """Whether a mapping holds mappings of mappings."""
    inner = [one for one in value.values() if isinstance(one, Mapping)]
    return any(isinstance(one, Mapping) for mapping in inner for one in mapping.values())


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{scalar(key, in_flow=True)}: {_flow(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_flow(one) for one in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return scalar(str(value), in_flow=True)
