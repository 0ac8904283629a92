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

# Attributes of a target that are added to those that it inherits; others replace them. Source: `Target.Merge` of
# docker/buildx 0.38.
_MERGED = frozenset({"args", "contexts", "labels"})
_ADDED = frozenset({"cache-from", "secret", "ssh"})


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
        name = str(_scalar(words[position + 1], is_key=True))
        attributes, position = _mapping(words, position + 3, 0)
        blocks[(kind, name)] = _over(blocks.get((kind, name), {}), attributes)
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
        found = _over(found, target_in(blocks, str(one), (*seen, name)))
    return _over(found, {key: value for key, value in own.items() if key != "inherits"})


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a target: `below`, which it inherits or an earlier block has, and `above`, which wins."""
    found = below | above
    for name in below.keys() & above.keys():
        one, other = below[name], above[name]
        if name in _MERGED and isinstance(one, dict) and isinstance(other, dict):
            found[name] = one | other
        elif name in _ADDED and isinstance(one, list) and isinstance(other, list):
            named = {_id_of(entry) for entry in other}
            found[name] = [*(entry for entry in one if _id_of(entry) not in named), *other]
    return found


def _id_of(entry: str) -> str:
    """What tells entries of a list apart: the id of a secret or key, else the whole entry."""
    fields = dict(field.partition("=")[::2] for field in entry.split(","))
    return fields.get("id", entry)


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
        (kind, name): {key: _of_json(attribute) for key, attribute in one.items()}
        for kind, blocks in value.items()
        for name, one in (blocks.items() if isinstance(blocks, dict) else ())
        if isinstance(one, dict)
    }


def _of_json(value: Any) -> Any:
    match value:
        case dict():
            return {key: _of_json(one) for key, one in value.items()}
        case list():
            return _items([_of_json(one) for one in value])
        case str():
            return _plain(value)
        case bool() | int() | float():
            return _number(json.dumps(value))
    raise NotPlain("`null` is not a value")


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
    return _items(items), position + 1


def _items(items: list[Any]) -> list[str]:
    """A list with its objects in the form of texts: `{type = "gha", scope = "x"}` is `type=gha,scope=x`."""
    found = []
    for one in items:
        if isinstance(one, list) or (
            isinstance(one, dict) and not all(isinstance(v, str) for v in one.values())
        ):
            raise NotPlain("a list has lists in it")
        found.append(one if isinstance(one, str) else ",".join(f"{key}={v}" for key, v in one.items()))
    return found


def _at(words: list[str], position: int) -> str:
    if position >= len(words):
        raise NotPlain("the file ends within a block")
    return words[position]


def _scalar(word: str, *, is_key: bool = False) -> str:
    """The text of a value: bake writes numbers and booleans as texts where it takes them."""
    if word.startswith('"'):
        try:
            return _plain(json.loads(word, strict=False))
        except ValueError as error:
            raise NotPlain(f"{word[:60]} is not a text") from error
    if word in {"true", "false"} or is_key:
        return word
    if re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?", word):
        return _number(word)
    raise NotPlain(f"`{word[:40]}` is not a value")


def _plain(text: str) -> str:
    if "${" in text or "%{" in text:
        raise NotPlain(f"`{text[:60]}` is a template")
    return text


def _number(word: str) -> str:
    """A number as bake writes it: `1.50` is `1.5`, `1.0` is `1`."""
    if word in {"true", "false"}:
        return word
    number = float(word)
    if abs(number) >= 1e15:
        raise NotPlain(f"`{word[:40]}` is a large number: write it as a text")
    return str(int(number)) if number.is_integer() else repr(number)
