"""Removes the keys of the config that are `null` or `~`: they count as not given. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from release.config.document import Document
from release.config.mistakes import section_at
from release.errors import ConfigError
from release.lazy_pattern import pattern

# Mappings with names of the user's own, whose values are texts: `args: {MODE: null}` is the text `null`.
_TEXTS = pattern(
    r"\$(?:\.components\..+?)?\.(?:labels|annotations|tags\[\d+\]|build\.args|build\.contexts|bump\.types)\..*"
)
# Without a key, a rule of `retention` would match other tags: `older_than: null` would delete of any age.
_RULES = pattern(r"\$(?:\.components\..+?)?\.retention\.(?:delete|keep)\[\d+\]\.([a-z_]+)")


def without_nulls(document: Document) -> Document:
    """`document` without the keys that are null. Raises `ConfigError` for such a key of a rule of `retention`."""
    removed = [path for path in document.nulls if _is_key(path) and not _TEXTS.fullmatch(path)]
    for path in removed:
        if found := _RULES.fullmatch(path):
            raise ConfigError(
                f"{document.at(path)}: `{found[1]}` of a rule has no value",
                hint="write the value, or remove the key: then it restricts nothing",
            )
    if not removed:
        return document
    value = _without(document.value, "$", frozenset(removed))
    kept = {path: place for path, place in document.positions.items() if path not in removed}
    return msgspec.structs.replace(document, value=value, positions=kept)


def _is_key(path: str) -> bool:
    """Whether the config has the key. Another one stays, for the error about it."""
    section, _, key = path.rpartition(".")
    return section != "$.components" and key in section_at(section).__struct_fields__


def _without(value: Any, path: str, removed: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _without(inner, f"{path}.{key}", removed)
            for key, inner in value.items()
            if f"{path}.{key}" not in removed
        }
    if isinstance(value, list):
        return [_without(inner, f"{path}[{number}]", removed) for number, inner in enumerate(value)]
    return value
