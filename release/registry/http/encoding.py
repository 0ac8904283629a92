"""Undoes a `Content-Encoding` of an answer that was asked for without one.

Every request says `Accept-Encoding: identity`. A cache or proxy that compresses all the same is read, as by clients in
Go. Digests are those of the decoded bytes. Source: RFC 9110, section 8.4.
"""

from __future__ import annotations

from collections.abc import Mapping

from release.errors import Invalid
from release.hints import ODD_ANSWER

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = frozenset({"gzip", "x-gzip"})
# Codings that cannot be undone here. Others are no compression, such as `aws-chunked`, which S3 stores with an object.
_UNREADABLE = frozenset({"br", "compress", "deflate", "zstd"})


def is_encoded(headers: Mapping[str, str]) -> bool:
    """Whether the body may be encoded, so that its length is not that of the content."""
    return _coding(headers) not in ("", "identity")


def decoded(raw: bytes, headers: Mapping[str, str], most: int, what: str) -> bytes:
    """The content of the body `raw`. Raises `Invalid` if it is damaged, longer than `most` bytes, or not readable.

    `what`: the body's name and host, for messages.
    """
    coding = _coding(headers)
    if coding in _UNREADABLE:
        raise Invalid(
            f"the {what} has the `Content-Encoding` `{coding}`, which was not asked for",
            hint="have the proxy or cache in front of the registry heed `Accept-Encoding: identity`",
        )
    # A body that is not gzip is read as it is: storage keeps the header of the upload, right or wrong.
    if coding not in _GZIP or not raw.startswith(_GZIP_MAGIC):
        return raw
    import zlib  # imported late: registries do not encode answers

    decoder = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = decoder.decompress(raw, most + 1)
    except zlib.error as error:
        raise Invalid(f"the {what} cannot be decompressed: {error}", hint=ODD_ANSWER) from error
    if len(content) > most:
        raise Invalid(f"the {what} is larger than {most} bytes", hint=ODD_ANSWER)
    if not decoder.eof:
        raise Invalid(f"the {what} ends early", hint=ODD_ANSWER)
    return content


def _coding(headers: Mapping[str, str]) -> str:
    return (headers.get("Content-Encoding") or "").strip().lower()
