"""Explains what msgspec refused in `shipmark.yml`: the place, the key, and the key that was probably meant."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args, get_origin

import msgspec

from release.build_spec import BuildSpec
from release.config.document import Document, without_empty
from release.config.model import (
    BumpPart,
    BumpSection,
    CheckSection,
    ComponentSection,
    ConfigFile,
    LogSection,
    TargetSection,
)
from release.config.retention import (
    DeleteSection,
    InUseSection,
    KeepSection,
    LimitsSection,
    LogWindowSection,
    RetentionSection,
    TrashSection,
)
from release.decoding import convert
from release.errors import ConfigError
from release.hints import did_you_mean
from release.lazy_pattern import pattern

_UNKNOWN_KEY = pattern(r"unknown field `([^`]*)`")
_PATH = pattern(r" - at `(\$[^`]*)`$")
_PARTS = pattern(r"\.[a-z_]+|\[[0-9]+\]|\[\.\.\.\]")


def explained(document: Document, error: msgspec.ValidationError) -> ConfigError:
    """The error for what msgspec refused, with `file:line:column` and the key."""
    text = str(error)
    found = _PATH.search(text)
    path = _real_path(document, found[1]) if found else "$"
    reason = text[: found.start()] if found else text
    unknown = _UNKNOWN_KEY.search(reason)
    if unknown is None:
        text = f"{document.at(path)}: `{path.removeprefix('$.')}`"
        if _is_empty(document, path):
            return ConfigError(f"{text} has no value", hint=_hint_for_empty(path, reason))
        return ConfigError(f"{text}: {_lower(reason)}", hint=_hint(path, reason))
    key = unknown[1]
    where = document.keys.get(f"{path}.{key}") or document.at(path)
    section = section_at(path)
    known = section.__struct_fields__
    if section is ComponentSection and key in ConfigFile.__struct_fields__:
        return ConfigError(f"{where}: `{key}` in a component", hint=f"`{key}` is a key of the top level only")
    hint = did_you_mean(key, known, f"known here: {', '.join(known)}", cutoff=0.5)
    return ConfigError(f"{where}: unknown key `{key}`", hint=hint)


def _hint(path: str, reason: str) -> str | None:
    """What to write in place of a value of the wrong type: a list, or one of the values that the key has."""
    key = path.rpartition(".")[2]
    if reason.startswith("Expected `array`"):
        return f"write a list: `{key}: [...]`"
    if key == "image" and reason.endswith("got `array`"):
        return "several repositories are `images: [...]`"
    if reason.startswith("Expected `object"):
        return f"write keys and values: {_example(path, key)}"
    if reason.startswith("Expected `bool"):
        return f"write `{key}: true` or `{key}: false`"
    if reason.startswith(("Expected `int", "Expected `float")):
        return f"write a number: `{key}: {'3' if reason.startswith('Expected `int') else '0.5'}`"
    if "matching regex" in reason:
        return f"write a letter or digit, then at most 62 of `a-z`, `0-9`, `.`, `_` and `-`: `{key}: smoke`"
    if reason.startswith("Expected `str | array`"):
        example = "latest=true" if key == "flavor" else "…"
        return f"write a text or a list of lines: `{key}: [{example}]`"
    if reason.startswith("Expected `str"):
        return "write a text here" if key.endswith("]") else f"write a text: `{key}: …`"
    if not reason.startswith("Invalid enum value"):
        return "`shipmark config schema` describes every key"
    section, _, name = re.sub(r"\[[^\]]*\]", "", path).rpartition(".")
    fields = {one.name: one.type for one in msgspec.structs.fields(section_at(section))}
    values = _literals(BumpPart if section.endswith(".bump.types") else fields.get(name))
    listed = ", ".join(f"`{value}`" for value in values)
    return f"write {'one of ' * (len(values) > 1)}{listed}" if values else None


def _hint_for_empty(path: str, reason: str) -> str | None:
    """What to write where nothing stands behind the colon; a key that has a default can be left out, too."""
    hint, (section, _, key) = _hint(path, reason), path.rpartition(".")
    fields = {one.name: one for one in msgspec.structs.fields(section_at(section))}
    needed = key not in fields or fields[key].required
    return hint if hint is None or needed else f"{hint}; or remove `{key}`"


def _is_empty(document: Document, path: str) -> bool:
    """Whether the value at `path` is the empty text, as YAML reads `build:` with nothing behind it."""
    value = document.value
    for part in _PARTS.findall(path.removeprefix("$")):
        try:
            value = value[int(part[1:-1]) if part.startswith("[") else part[1:]]
        except (LookupError, TypeError, ValueError):
            return False
    return bool(value == "")


def _example(path: str, key: str) -> str:
    """What keys and values look like at this place."""
    if path.startswith("$.log"):
        return "`log: {store: git}`; stores are `file`, `git` and `sql`"
    if path.startswith("$.checks["):
        return '`{name: smoke, run: [docker, run, --rm, "{{image}}"]}`'
    if path == "$.components":
        return "`components: {api: {image: ghcr.io/acme/api}}`"
    if path.startswith("$.components.") and path.count(".") == 2:
        return f"`{key}: {{image: ghcr.io/acme/{key}}}`"
    return "`{…}`" if key.endswith("]") else f"`{key}: {{…}}`"


def _literals(kind: Any) -> list[str]:
    """The values of every `Literal` in a type, in order."""
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return [value for inner in get_args(kind) for value in _literals(inner)]


def _real_path(document: Document, path: str) -> str:
    """`path` with a real key in place of msgspec's `[...]`: the first key whose value has the wrong type."""
    value, real = document.value, "$"
    for part in _PARTS.findall(path):
        if part == "[...]":
            wanted: Any = ComponentSection if real == "$.components" else str
            if real.endswith(".bump.types"):
                wanted = BumpPart
            step = next((key for key, item in value.items() if _fails(item, wanted)), None)
        else:
            step = int(part[1:-1]) if part.startswith("[") else part[1:]
        try:
            value = value[step]
        except LookupError:
            break  # not a path: the message quotes a key that looks like one
        real += part if isinstance(step, int) else f".{step}"
    return real


def _fails(value: Any, wanted: Any) -> bool:
    try:
        convert(without_empty(value), wanted, strict=False)
    except msgspec.ValidationError:
        return True
    return False


def section_at(path: str) -> type[msgspec.Struct]:
    """The section of the config at `path`, which is without the key."""
    last = re.sub(r"\[[^\]]*\]", "", path).rsplit(".", 1)[-1]
    sections: dict[str, type[msgspec.Struct]] = {
        "$": ConfigFile,
        "build": BuildSpec,
        "log": LogSection,
        "images": TargetSection,
        "bump": BumpSection,
        "retention": RetentionSection,
        "delete": DeleteSection,
        "keep": KeepSection,
        "limits": LimitsSection,
        "in_use": InUseSection,
        "trash": TrashSection,
        "checks": CheckSection,
    }
    if re.search(r"\.keep(\[\d+\])?\.log$", path):
        return LogWindowSection
    return sections.get(last, ComponentSection)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
