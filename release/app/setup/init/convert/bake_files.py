"""Reads bake files: JSON, and the part of HCL that only states values. Pure.

Functions, variables and templates (`"${TAG}"`) are not evaluated: a target that uses them is not converted.
"""

from __future__ import annotations

import json
import re
from typing import Any

from release.lazy_pattern import pattern

_TOKEN = pattern(
    r"""(?P<blank>\s+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:[^"\\\n]|\\.)*")
    |(?P<word>[A-Za-z_][\w-]*|-?[0-9][0-9.]*)
    |(?P<sign>[{}\[\]=,:])""",
    re.VERBOSE | re.DOTALL,
)
# Nested lists and mappings of a bake file; real files have three levels.
_DEEPEST = 20


class NotPlain(Exception):
    """The file uses more of HCL than values. Becomes `CannotConvert` with the step's line."""


Blocks = dict[tuple[str, str], dict[str, Any]]


def bake_blocks(path: str, text: str) -> Blocks:
    """(`target` or `group`, name) -> attributes. Raises `NotPlain`."""
    if path.endswith(".json"):
        return _json_blocks(text)
    words = _words(text)
    blocks: Blocks = {}
    position = 0
    while position < len(words):
        kind = words[position]
        if kind not in {"target", "group"} or words[position + 2 : position + 3] != ["{"]:
            raise NotPlain(f"`{kind[:40]}` is no `target` or `group` block")
        name = _scalar(words[position + 1])
        attributes, position = _mapping(words, position + 3, 0)
        blocks[(kind, str(name))] = attributes
    return blocks


def target_in(blocks: Blocks, name: str, seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """The attributes of a target, with those that it inherits; later ones win. Raises `NotPlain`."""
    if name in seen or ("target", name) not in blocks:
        raise NotPlain(
            f"there is no target `{name}`" if name not in seen else f"`{name}` inherits from itself"
        )
    own = blocks[("target", name)]
    found: dict[str, Any] = {}
    for one in own.get("inherits", []):
        found |= target_in(blocks, str(one), (*seen, name))
    return found | {key: value for key, value in own.items() if key != "inherits"}


def targets_of(blocks: Blocks, names: list[str]) -> list[str]:
    """The targets that the names of targets and groups stand for; `default` if none is given."""
    found: list[str] = []
    for name in names or ["default"]:
        group = blocks.get(("group", name))
        found += [str(one) for one in group.get("targets", [])] if group is not None else [name]
    return list(dict.fromkeys(found))


def _json_blocks(text: str) -> Blocks:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotPlain("the file is not JSON") from error
    if not isinstance(value, dict) or set(value) - {"target", "group"}:
        raise NotPlain("the file has more than targets and groups")
    return {
        (kind, name): one
        for kind, blocks in value.items()
        for name, one in (blocks.items() if isinstance(blocks, dict) else ())
        if isinstance(one, dict)
    }


def _words(text: str) -> list[str]:
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotPlain(f"`{text[position : position + 20].strip()}` is more than a value")
        if match.lastgroup != "blank":
            found.append(match[0])
        position = match.end()
    return found


def _mapping(words: list[str], position: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while _at(words, position) != "}":
        key = _scalar(words[position], is_key=True)
        if _at(words, position + 1) not in {"=", ":"}:
            raise NotPlain(f"`{key}` has no value")
        found[str(key)], position = _value(words, position + 2, depth + 1)
        position += _at(words, position) == ","
    return found, position + 1


def _value(words: list[str], position: int, depth: int) -> tuple[Any, int]:
    word = _at(words, position)
    if depth > _DEEPEST:
        raise NotPlain("nested too deeply")
    if word == "{":
        return _mapping(words, position + 1, depth)
    if word != "[":
        return _scalar(word), position + 1
    items = []
    position += 1
    while _at(words, position) != "]":
        item, position = _value(words, position, depth + 1)
        items.append(item)
        position += _at(words, position) == ","
    return items, position + 1


def _at(words: list[str], position: int) -> str:
    if position >= len(words):
        raise NotPlain("the file ends within a block")
    return words[position]


def _scalar(word: str, *, is_key: bool = False) -> Any:
    if word.startswith('"'):
        if "${" in word or "%{" in word:
            raise NotPlain(f"{word[:60]} is a template")
        return json.loads(word)
    if word in {"true", "false"}:
        return word == "true"
    if is_key or re.fullmatch(r"-?[0-9][0-9.]*", word):
        return word
    raise NotPlain(f"`{word[:40]}` is not a value")
