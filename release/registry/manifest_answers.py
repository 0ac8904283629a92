"""What a registry's answers about manifests say: the descriptor in the headers of a HEAD, the manifest of a GET."""

from __future__ import annotations

from collections.abc import Mapping

from release.errors import DigestMismatch, Invalid
from release.oci import ACCEPTED_TYPES, Descriptor, Manifest
from release.oci.grammar import is_digest
from release.oci.manifest import digest_bytes, read_manifest
from release.registry.http.encoding import is_encoded

# The hint for a wrong host or port, such as the address of the registry's web pages, and for a proxy that requires a
# login.
_NO_IMAGE = "what is stored there is no image: check the tag, and that this is the registry's own address"
_WEB_PAGE = "a web page was answered: check the registry's host and port, and whether a proxy wants a login"

# Media types with which servers of plain files, and proxies that answer a HEAD by themselves, say nothing.
_UNTYPED = frozenset({"", "application/octet-stream", "application/json", "text/plain"})


def described(headers: Mapping[str, str], name: str, reference: str) -> Descriptor | None:
    """The descriptor in a HEAD's headers; None when they are incomplete, so that a GET is needed.

    `name`: the repository's. Raises `Invalid` for what is no image, and `DigestMismatch`.
    """
    media_type = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if media_type in _UNTYPED:
        return None  # the GET that follows says what it is, or that it is not an image
    if media_type not in ACCEPTED_TYPES:
        raise Invalid(
            f"{named(name, reference)} is of media type `{printable(media_type)}`, "
            "which is not an image manifest or index",
            hint=_WEB_PAGE if media_type == "text/html" else _NO_IMAGE,
        )
    digest = headers.get("Docker-Content-Digest") or ""
    size = headers.get("Content-Length") or ""
    if is_digest(reference) and digest and digest != reference:
        raise DigestMismatch(f"`{name}@{reference}` is answered as `{printable(digest)}`")
    if (
        not is_digest(digest)
        or not (size.isascii() and size.isdigit())
        or len(size) > 12
        or not int(size)  # proxies answer a HEAD with a length of their own; no manifest is empty
        or is_encoded(headers)
    ):
        return None
    return Descriptor(media_type=media_type, digest=digest, size=int(size))


def manifest_in(headers: Mapping[str, str], raw: bytes, name: str, reference: str) -> Manifest:
    """The manifest in an answer, checked. Raises `Invalid` and `DigestMismatch`."""
    where = named(name, reference)
    expected = reference if is_digest(reference) else None
    stated = headers.get("Docker-Content-Digest") or ""
    # Compared before the bytes are parsed: what was damaged is mostly no manifest any more.
    found = digest_bytes(raw, algorithm(expected or "sha256:"))
    if expected in (None, found) and algorithm(stated) == algorithm(found) and stated != found:
        raise DigestMismatch(f"{where} is said to be `{printable(stated)}` but its bytes are `{found}`")
    return read_manifest(raw, headers.get("Content-Type") or "", expected=expected, source=where)


def named(name: str, reference: str) -> str:
    """`ghcr.io/acme/app:1.2` or `ghcr.io/acme/app@sha256:…`, for messages."""
    return f"`{name}{'@' if is_digest(reference) else ':'}{reference}`"


def algorithm(digest: str) -> str:
    """`sha256` of `sha256:…`."""
    return digest.partition(":")[0]


def printable(text: str) -> str:
    """What a registry wrote, short and without control characters."""
    return "".join(character if character.isprintable() else " " for character in text[:100])
