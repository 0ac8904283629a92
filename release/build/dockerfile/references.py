"""The grammar of the names of images in a Dockerfile. Pure.

Follows github.com/distribution/reference 0.6 (`ParseNormalizedNamed`) and github.com/opencontainers/go-digest.
"""

from __future__ import annotations

from release.lazy_pattern import pattern

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_REFERENCE = pattern(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PART}(?:/{_PART})*)"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@(?P<digest>.+))?"
)
_DIGEST = pattern(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_IDENTIFIER = pattern(r"[0-9a-f]{64}")  # of a container or an image; the grammar keeps it from being a name
_LONGEST = 255  # characters of the name without its registry


def is_reference(text: str) -> bool:
    """Whether the text names an image: `alpine:3`, `ghcr.io/acme/app@sha256:…`."""
    match = _REFERENCE.fullmatch(text)
    if match is None or _IDENTIFIER.fullmatch(text):
        return False
    return len(match["path"]) <= _LONGEST and (match["digest"] is None or is_digest(match["digest"]))


def is_digest(text: str) -> bool:
    """Whether the text is a digest of an algorithm that Go's programs know."""
    return _DIGEST.fullmatch(text) is not None


def hint_for(text: str) -> str:
    """What helps where a text is not the name of an image."""
    name, at, digest = text.partition("@")
    if "://" in name:
        return f"write it without `{name.partition('://')[0]}://`"
    if at and not is_digest(digest):
        return "a digest is `sha256:` and 64 of the characters `0-9a-f`"
    if name != name.lower() and is_reference(name.lower()):
        return "names of images are in lower case"
    return "write it like `alpine:3.22` or `ghcr.io/acme/app:1.4`"
