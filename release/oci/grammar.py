"""Which texts are valid tags, digests and repositories, and what is wrong with others. Pure.

Source: OCI distribution-spec v1.1 (names, tags) and image-spec v1.1 (digests, reference names).
"""

from __future__ import annotations

import re

from release.errors import ConfigError
from release.lazy_pattern import pattern

_TAG = pattern(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
#: One name between the slashes of a repository's path.
COMPONENT = pattern(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", re.ASCII)
# OCI image-spec v1.1, "Pre-Defined Annotation Keys".
_REF_NAME = pattern(r"[A-Za-z0-9]+(?:(?:--|[-._:@+/])[A-Za-z0-9]+)*", re.ASCII)
_HEX = pattern(r"[0-9a-f]+", re.ASCII)
# Hex digits of the algorithms that image-spec v1.1 registers (descriptor, "Registered Algorithms").
_HEX_LENGTH = {"sha256": 64, "sha512": 128}
#: Characters of `REGISTRY/REPOSITORY`. Many clients accept no more (distribution-spec v1.1, "Pulling manifests"), so an
#: image with a longer name could not be pulled by them.
LONGEST_NAME = 255


def is_tag(text: str) -> bool:
    """Whether `text` is a valid tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`."""
    return _TAG.fullmatch(text) is not None


def is_ref_name(text: str) -> bool:
    """Whether `text` may be the annotation `org.opencontainers.image.ref.name`, also `1.0+build` or `release/1.0`."""
    return _REF_NAME.fullmatch(text) is not None


def is_repository(text: str) -> bool:
    """Whether `text` is a valid path of a repository, without its registry."""
    return len(text) <= LONGEST_NAME and all(COMPONENT.fullmatch(one) for one in text.split("/"))


def is_digest(text: str) -> bool:
    """Whether `text` is a SHA-256 or SHA-512 digest in lower-case hex, which is safe in URLs and paths."""
    return digest_fault(text) is None


def require_tag(text: str) -> str:
    """Return `text` if it is a valid tag. Raises `ConfigError`."""
    if not is_tag(text):
        raise ConfigError(
            f"tag `{shown(text)}` is invalid: {tag_fault(text)}",
            hint="a tag begins with a letter, digit or `_`, and has at most 128 of `A-Za-z0-9._-`",
        )
    return text


def require_digest(text: str) -> str:
    """Return `text` if it is a valid digest. Raises `ConfigError`."""
    fault = digest_fault(text)
    if fault is not None:
        raise ConfigError(
            f"digest `{shown(text)}` is invalid: {fault}",
            hint="write `sha256:` and 64 hex digits in lower case; `shipmark image digest IMAGE` prints one",
        )
    return text


def shown(text: str) -> str:
    """`text` for a message: at most 200 characters, without control characters."""
    short = text if len(text) <= 200 else text[:200] + "…"
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in short
    )


def tag_fault(tag: str) -> str:
    """What is wrong with a text that is not a valid tag."""
    if not tag:
        return "it is empty"
    if len(tag) > 128:
        return f"{len(tag)} characters, at most 128 are allowed"
    if tag[0] in ".-":
        return f"it starts with `{tag[0]}`"
    if "+" in tag:
        return "`+` is not allowed"
    return "only letters, digits, `_`, `.` and `-` are allowed"


def digest_fault(digest: str) -> str | None:
    """What is wrong with a digest; None if it is valid."""
    algorithm, separator, value = digest.partition(":")
    if not separator:
        return "it has no `algorithm:`"
    length = _HEX_LENGTH.get(algorithm)
    if length is None:
        return "the algorithm is neither sha256 nor sha512"
    if len(value) != length:
        return f"{algorithm} has {length} hex digits, not {len(value)}"
    if not _HEX.fullmatch(value):
        return "only lower-case hex digits are allowed"
    return None
