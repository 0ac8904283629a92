"""Turns a registry's status and error document into an error of ours. Pure.

Source: OCI distribution-spec v1.1, "Error Codes".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from release.errors import Denied, Invalid, NotFound, RegistryError, Unreachable
from release.lazy_pattern import pattern
from release.registry.http.retry import TRANSIENT

#: Bytes of an error answer that are read.
#: Error documents have a few hundred; bounds the memory that a hostile registry can fill.
#: Of a larger answer only the status is reported.
LARGEST_ERROR = 64 * 1024
# Characters of the registry's code and message in our one-line error; the rest is cut.
# A proxy's or a registry's text may be as long as the whole answer. The specification's longest code has 21 characters
# (`MANIFEST_BLOB_UNKNOWN`), and messages are a sentence or two: real ones are hardly ever cut.
_SHOWN_CODE = 60
_SHOWN = 300
# What `ratelimit-limit` holds: a number, and the seconds for which it counts.
_RATE = pattern(r"\d{1,9}(?:;w=\d{1,9})?", re.ASCII)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The first error of a registry's error document; empty where there is none."""

    code: str = ""
    message: str = ""


def read_refusal(body: bytes, scrub: Callable[[str], str], *, any_form: bool = False) -> Refusal:
    """Read an error document; empty for any other body. `scrub`: removes secrets from its text.

    `any_form`: also read the forms of token servers: OAuth2's, one text in a member, or a line of plain text.
    """
    found = _first_error(body, scrub)
    if found is None and any_form:
        found = Refusal(message=scrub(_told(body))[:_SHOWN])
    return found or Refusal()


def _first_error(body: bytes, scrub: Callable[[str], str]) -> Refusal | None:
    """The first error of a document as the specification has it; None for another body."""
    try:
        document = msgspec.json.decode(body)
        first = document["errors"][0]
        # Scrub before cutting: `scrub` would not recognise half a secret.
        return Refusal(
            code=scrub(_text(first.get("code")))[:_SHOWN_CODE], message=scrub(_message(first))[:_SHOWN]
        )
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError, RecursionError, UnicodeDecodeError):
        return None


def _told(body: bytes) -> str:
    """The words of a token server: as in RFC 6749 section 5.2, as Docker Hub (`details`), or as others (`message`)."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        text = body.decode(errors="replace").strip()
        # The page of a proxy says nothing in one line.
        return text if len(text) <= _SHOWN and text.isprintable() and not text.startswith("<") else ""
    if isinstance(document, str):
        return document
    members = document if isinstance(document, dict) else {}
    texts = (
        _text(members.get(name)) for name in ("error_description", "details", "detail", "message", "error")
    )
    return next((text for text in texts if text), "")


def fault_of(
    status: int, refusal: Refusal, *, what: str, host: str, hint: str, wait: float | None = None
) -> RegistryError:
    """The error for an answer that is not a success. `what`: the request's purpose (`reading tag \\`1.0\\``).

    `Denied` for 401 and 403, `NotFound` for 404, `Unreachable` where a retry may help, `Invalid` for the rest.
    """
    said = ": ".join(part for part in (refusal.code, refusal.message) if part)
    text = f"`{host}` answered {status}{f' ({said})' if said else ''} to {what}"
    kind = _kind(status)
    return kind(text, hint=hint, status=status, code=refusal.code or None, retry_after=wait)


def rate_limit(status: int, headers: Mapping[str, str]) -> str | None:
    """A hint with the limit that Docker Hub and others name in the header `ratelimit-limit` of a 429; else None."""
    limit = headers.get("RateLimit-Limit") or ""
    if status != 429 or not _RATE.fullmatch(limit):
        return None
    count, _, window = limit.partition(";w=")
    return f"the limit is {count} reads{f' in {window} seconds' if window else ''}: log in for a higher one, or wait"


def _kind(status: int) -> type[RegistryError]:
    if status in (401, 403):
        return Denied
    if status == 404:
        return NotFound
    if status == 501:
        return Invalid  # not implemented: a retry will not help, unlike other 5xx
    return Unreachable if status in TRANSIENT or status >= 500 else Invalid


def _message(error: dict[str, Any]) -> str:
    detail = error.get("detail")
    # Some registries give the cause only in `detail`.
    more = f" ({detail})" if isinstance(detail, str) and detail else ""
    return _text(error.get("message")) + more


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
