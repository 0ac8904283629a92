"""Checks facts before they are written, and computes their `id`: equal for the same fact, whoever writes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

from release.canonical_json import is_plain, require_canonical
from release.decoding import convert
from release.errors import LogError
from release.hints import UNWRITABLE
from release.secrets.redaction import holds_credentials, redact

ENVELOPE = frozenset({"schema", "seq", "prev", "hash", "id", "at", "batch"})
# Bytes of an error's message in a record.
# Enough for a sentence that quotes a server's reply.
# The log is never shortened, so the page of a proxy must not be recorded whole.
MESSAGE_LIMIT = 2048
_PROSE = frozenset({"message", "reason", "evidence"})

# Members about the writer and the time. They do not enter the id: two runs that record the same fact get the same id.
_WHO_AND_WHEN = frozenset({"at", "ci", "actor", "attempt", "duration_ms", "tools"}) | ENVELOPE
_OF_ATTEMPT = frozenset({"planned", "failed", "cancelled", "abandoned"})
# Hashed before the identifying members: an id never equals a hash of the same bytes for another purpose or schema.
_DOMAIN = b"shipmark.log/1 id\n"
_ENCODER = msgspec.json.Encoder()
_SORTED = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder()


def fact_id(fact: dict[str, Any]) -> str:
    """The id of a fact, 32 hexadecimal digits: the first half of SHA-256 over the members that distinguish it.

    Raises `LogError` for a fact that has no canonical form.
    """
    fact = _without_none(fact)
    identity = _identity(fact)
    try:
        require_canonical(identity)
    except ValueError as error:
        raise _unwritable(fact, error) from error
    return _id_of(identity)


def id_of_checked(fact: dict[str, Any]) -> str:
    """`fact_id` without its checks, for a fact that `checked` returned."""
    return _id_of(_identity(fact))


def require_writable(fact: dict[str, Any]) -> None:
    """Raise `LogError` for a fact that has no canonical form."""
    try:
        require_canonical(fact)
    except ValueError as error:
        raise _unwritable(fact, error) from error


def _unwritable(fact: dict[str, Any], error: Exception) -> LogError:
    return LogError(f"record `{fact.get('kind', '')}` cannot be written: {error}", hint=UNWRITABLE)


def _id_of(identity: Any) -> str:
    return hashlib.sha256(_DOMAIN + _SORTED.encode(identity)).hexdigest()[:32]


def _identity(fact: dict[str, Any]) -> Any:
    kind, release = fact.get("kind", ""), fact.get("release", "")
    if kind in _OF_ATTEMPT:
        # `lost` enters the id: an abandoned attempt gets a second record when its image's bytes turn out to be lost.
        return [kind, release, fact.get("attempt", ""), *([fact["lost"]] if fact.get("lost") else [])]
    if kind in ("built", "released"):
        return [kind, release, _image_digest(fact)]
    if kind == "built-platform":
        return [kind, release, fact["platform"], fact["digest"]]
    if kind == "pushed":
        names = sorted(tag["name"] for tag in fact.get("tags", ()))
        return [kind, release, fact["target"], _image_digest(fact), names]
    if kind == "moved":
        tags = sorted(
            [tag["name"], tag.get("before", ""), tag.get("digest", ""), tag.get("result", "")]
            for tag in fact.get("tags", ())
        )
        return [kind, release, fact["target"], tags, *([fact["follows"]] if "follows" in fact else [])]
    if kind == "saved-manifest":
        return [kind, *(fact.get(name, 0) for name in ("target", "digest", "part", "follows"))]
    return {name: value for name, value in fact.items() if name not in _WHO_AND_WHEN}


def _image_digest(fact: dict[str, Any]) -> str:
    return str(fact["image"]["digest"])


def checked(fact: dict[str, Any]) -> dict[str, Any]:
    """A copy of the fact that may be sealed: plain JSON values, and no members that are None.

    Raises `LogError` for a fact without a JSON form or without `kind`, with a member whose type is wrong for the kind,
    with a member that only the log sets, or with a URL that contains credentials.
    """
    kind = fact.get("kind")
    try:
        plain = _ENCODER.encode(fact)
    except (TypeError, ValueError) as error:
        raise _unwritable(fact, error) from error
    fact = _DECODER.decode(plain)
    is_sound = is_plain(fact)
    if not is_sound:
        fact = _without_none(fact)
    if not isinstance(kind, str) or not kind:
        raise LogError("a record without a `kind` cannot be written", hint=UNWRITABLE)
    if not ENVELOPE.isdisjoint(fact):
        raise LogError(
            f"record `{kind}` sets `{min(ENVELOPE & fact.keys())}`, which only the log itself sets",
            hint=UNWRITABLE,
        )
    shape = _shape(kind)
    if shape is not None:
        try:
            convert(fact, shape)
        except msgspec.ValidationError as error:
            raise LogError(f"record `{kind}` is malformed: {error}", hint=UNWRITABLE) from error
    if not is_sound:
        require_writable(fact)
    if b"@" in plain and b"://" in plain:
        require_safe(fact)
    return fact


@lru_cache(maxsize=64)  # more than there are kinds
def _shape(kind: str) -> type[msgspec.Struct] | None:
    """The type of a fact of `kind`: the record without the members that sealing adds; None for an unknown kind."""
    from release.log.records.kinds import KINDS  # imported late: only writers need the types

    if kind not in KINDS:
        return None
    members = []
    for field in msgspec.structs.fields(KINDS[kind]):
        if field.name not in ENVELOPE:
            given = {"default": field.default, "default_factory": field.default_factory}
            given = {name: value for name, value in given.items() if value is not msgspec.NODEFAULT}
            members.append((field.name, field.type, msgspec.field(name=field.encode_name, **given)))
    return msgspec.defstruct(kind, members, kw_only=True)


def with_masked_prose(fact: dict[str, Any], mask: Callable[[str], str]) -> dict[str, Any]:
    """A copy of `fact` with `mask` applied to its prose (`message`, `reason`, `evidence`), which may quote a server."""
    return {name: _masked(name, value, mask) for name, value in fact.items()}


def _masked(name: str, value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value) if name in _PROSE else value
    if isinstance(value, dict):
        return with_masked_prose(value, mask)
    if isinstance(value, list | tuple):
        return [_masked(name, item, mask) for item in value]
    return value


def require_safe(fact: dict[str, Any]) -> None:
    """Raise `LogError` naming the member that holds a URL with credentials; the value itself is not shown."""
    for where, text in _texts(fact, ""):
        if holds_credentials(text):
            raise LogError(
                f"record `{fact.get('kind', '')}` holds a URL with credentials in `{where}`",
                hint="take user name and password out of that URL",
            )


def safe_message(text: str) -> str:
    """`text` for `error.message`: without NUL, credentials in URLs replaced by `***`, cut to 2 KiB of UTF-8."""
    text = text.replace("\0", "").encode("utf-8", "replace").decode()
    # Redact before cutting: `redact` would not recognise a URL that was cut inside its password.
    return redact(text).encode()[:MESSAGE_LIMIT].decode("utf-8", "ignore")


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key, where)
            yield from _texts(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _texts(item, f"{where}[{position}]")
