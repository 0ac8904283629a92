"""The values of `RUN --mount=` and `RUN --device=`: `type=cache,target=/root/.cache`. Pure.

Follows BuildKit 0.34, `frontend/dockerfile/instructions/commands_runmount.go`. `read_mount` checks values that may hold
a variable, for needed stages only; `mount_form` checks only the form.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from release.build.dockerfile.truths import FALSE, TRUE
from release.hints import nearest
from release.lazy_pattern import pattern

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARING = ("shared", "private", "locked")
_SYNONYMS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_TRUTHS = ("readonly", "readwrite", "required")
_NUMBERS = {
    "mode": pattern(r"[0-7]{1,11}"),
    "uid": pattern(r"[0-9]{1,10}"),
    "gid": pattern(r"[0-9]{1,10}"),
}
_KEYS = ("type", "from", "source", "target", "id", "sharing", "size", "env", *_TRUTHS, *_NUMBERS)
# `RAMInBytes` of docker/go-units.
_SIZE = pattern(r"(?=\.?[0-9])[0-9]*\.?[0-9]* ?(b|[kmgtp](i?b)?)?", re.IGNORECASE)
_FIELD = pattern(r'"((?:[^"]|"")*)"(?:,|\Z)|([^",]*)(?:,|\Z)')


class MountError(ValueError):
    """The option cannot be read; the message says why, without its place."""


class MountNameError(MountError):
    """The name of a field cannot be read, whatever its variables hold."""


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """One mount. `type`: `bind` if the option has no `type`. `source_image`: the stage or image of `from=`."""

    type: str = "bind"
    source_image: str = ""
    source: str = ""
    target: str = ""
    id: str = ""
    env: str = ""
    read_only: bool = True
    required: bool = False


def mount_form(text: str) -> tuple[str, ...]:
    """The fields of the option, after a check of their form only. Raises `MountError`."""
    fields = _fields(text)
    for field in fields:
        key, _, value = field.partition("=")
        if key.lower() == "from" and "$" in value[:-1]:
            raise MountError("`from` takes no variable; name a stage with `FROM $VARIABLE AS name`")
    return fields


def read_mount(text: str, expand: Callable[[str], str]) -> Mount:
    """The mount with its variables replaced. Raises `MountError`, and what `expand` raises."""
    said: dict[str, str] = {}
    for field in mount_form(text):
        key, equals, value = field.partition("=")
        key = _SYNONYMS.get(key.lower(), key.lower())
        if not equals:
            if key not in _TRUTHS:
                raise MountNameError(f"`{field}` is not `name=value`")
            value = "true"
        elif key not in _KEYS:
            near = nearest(key, _KEYS, cutoff=0.6)
            raise MountNameError(f"`{key}` is not known" + (f"; did you mean `{near}`?" if near else ""))
        value = expand(value)
        _require_value(key, value, said)
        said[key] = value
    _require_together(said)
    kind = said.get("type", "bind").lower()
    return Mount(
        type=kind,
        source_image=said.get("from", ""),
        source=said.get("source", ""),
        target=said.get("target", ""),
        id=said.get("id", ""),
        env=said.get("env", ""),
        read_only=_is_read_only(said, kind),
        required=said.get("required") in TRUE,
    )


def read_device(text: str) -> str:
    """The name in `RUN --device=vendor.com/class=name,required`. Raises `MountError`."""
    name = ""
    for field in _fields(text):
        key, equals, value = field.partition("=")
        if key.lower() == "required":
            if equals and value not in TRUE | FALSE:
                raise MountError(f"`{field}` is neither `true` nor `false`")
        elif name:
            raise MountError(f"`{field}` stands after the device's name; only `required` may")
        else:
            name = value if equals and key.lower() == "name" else field
    return name


def _is_read_only(said: dict[str, str], kind: str) -> bool:
    for key in reversed(said):  # the last of several options counts, as in BuildKit
        if key in ("readonly", "readwrite"):
            return (said[key] in TRUE) == (key == "readonly")
    return kind not in ("cache", "tmpfs")


def _require_value(key: str, value: str, said: dict[str, str]) -> None:
    """`said`: the fields before this one; BuildKit reads them in order, so `type` comes before what depends on it."""
    kind = said.get("type", "bind").lower()
    if key == "type" and value.lower() not in _TYPES:
        raise MountError(f"the type `{value}` is not known; there are {', '.join(_TYPES)}")
    if key == "sharing" and value.lower() not in _SHARING:
        raise MountError(f"`sharing={value}` is not known; there are {', '.join(_SHARING)}")
    if key in _TRUTHS and value not in TRUE | FALSE:
        raise MountError(f"`{key}={value}` is neither `true` nor `false`")
    if key == "required" and kind not in ("secret", "ssh"):
        raise MountError(f"`required` does not go with the type `{kind}`")
    if key == "size" and (kind != "tmpfs" or not _SIZE.fullmatch(value)):
        raise MountError(f"`size={value}` does not go with the type `{kind}`, or is not a size")
    if key in _NUMBERS and not (
        _NUMBERS[key].fullmatch(value) and int(value, 8 if key == "mode" else 10) < 2**32
    ):
        raise MountError(f"`{key}={value}` is not a number")


def _require_together(said: dict[str, str]) -> None:
    kind = said.get("type", "bind").lower()
    for key in _NUMBERS:
        if key in said and kind not in ("secret", "ssh", "cache"):
            raise MountError(f"`{key}` does not go with the type `{kind}`")
    if said.get("sharing") and kind != "cache":
        raise MountError(f"`sharing` does not go with the type `{kind}`")
    if kind == "secret":
        if said.get("from"):
            raise MountError("`from` does not go with the type `secret`")
        if not any(said.get(key) for key in ("source", "target", "id")):
            raise MountError("a secret needs an `id` or a `target`")
        if said.get("source") and said.get("id"):
            raise MountError("a secret takes `id` or `source`, not both")


def _fields(text: str) -> tuple[str, ...]:
    """The fields between commas; one in double quotes may hold commas."""
    fields: list[str] = []
    at = 0
    while True:
        match = _FIELD.match(text, at) if text else None
        if match is None:
            raise MountError("quotes must go around a whole field" if text else "it is empty")
        fields.append(match[1].replace('""', '"') if match[1] is not None else match[2])
        at = match.end()
        if not match[0].endswith(","):
            return tuple(fields)
