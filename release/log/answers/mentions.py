"""Where a log names a digest, and as what: an image, a platform, a tag and others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.log import Entry

_DIGEST = pattern(r"(?:sha256:)?([0-9a-f]{7,64})")


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the log that names a digest.

    `role`: what the entry says of the digest, such as `image`, `platform linux/arm64`, `tag 1.4.2 on ghcr.io/acme/app`
    or `before: tag 1.4.2 on ghcr.io/acme/app` (the tag held it until then).
    """

    seq: int
    at: str
    kind: str
    release: str
    digest: str
    role: str
    project: str = ""


def find(entries: Iterable[Entry], digest: str) -> tuple[Mention, ...]:
    """Every mention of `digest` in an entry, with its role: image, platform, tag and others.

    `digest` may be shortened to 7 digits. Raises `ConfigError` for text that is not a digest.
    """
    start = require_digest(digest)
    found = []
    for entry in entries:
        # Searching the raw bytes is cheap and excludes most entries; members are compared only in entries with the
        # text.
        if start.encode() in entry.raw:
            found += [mention for mention in _mentions(entry.fields) if mention.digest.startswith(start)]
    return tuple(found)


def require_digest(text: str) -> str:
    """`text` as the beginning of a digest, `sha256:` and at least 7 digits. Raises `ConfigError`."""
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"`{text}` is not a digest",
            hint="write `sha256:` and at least 7 of its hexadecimal digits; `shipmark log show` asks by version",
        )
    return f"sha256:{match[1]}"


def _mentions(fields: Mapping[str, Any]) -> Iterator[Mention]:
    for digest, role in digests_of(fields):
        yield Mention(
            seq=int(fields["seq"]),
            at=str(fields.get("at", "")),
            kind=str(fields.get("kind", "")),
            release=str(fields.get("release", "")),
            digest=digest,
            role=role,
            project=str(fields.get("project", "")),
        )


def digests_of(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every digest in an entry with its role; the digest is `""` where a member is absent."""
    image = fields.get("image")
    if isinstance(image, dict):
        yield str(image.get("digest", "")), "image"
        for platform in _dicts(image.get("platforms")):
            yield str(platform.get("digest", "")), f"platform {platform.get('platform', '')}"
    where = fields.get("target") or fields.get("to") or ""
    for tag in _dicts(fields.get("tags")):
        yield str(tag.get("digest", "")), f"tag {tag.get('name', '')} on {where}"
        yield str(tag.get("before", "")), f"before: tag {tag.get('name', '')} on {where}"
    is_part = fields.get("kind") == "built-platform"
    yield str(fields.get("digest", "")), f"platform {fields.get('platform', '')}" if is_part else "digest"
    yield str(fields.get("lost", "")), "lost"
    if isinstance(fields.get("attestations"), list):
        yield from ((str(digest), "attestation") for digest in fields["attestations"])
    if isinstance(fields.get("digests"), list):
        role = "put back" if fields.get("kind") == "unpruned" else "pruned"
        yield from ((str(digest), role) for digest in fields["digests"])


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
