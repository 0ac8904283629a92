"""Finds and replaces passwords and tokens in URLs within any text. Pure; linear in the length of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from release.lazy_pattern import pattern
from release.secrets.names import looks_secret

# A scheme ends at `://`. At most 32 characters before that are searched: without a limit the time would grow with the
# square of the length of a text without blanks.
_SCHEME = pattern(r"[A-Za-z][A-Za-z0-9+.-]{0,31}\Z")
_LONGEST_SCHEME = 32
# A URL is taken to end at white space only: quotes may be part of a password.
_END = pattern(r"\s")
_AUTHORITY_END = pattern(r"[/?#\s]")
_HOST_AND_PORT = pattern(
    r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\.?|localhost|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?"
)
# A user part that hints show as an example, with a variable in place of the password: `user:${PASSWORD}`. The name is
# too short for a token.
_EXAMPLE = pattern(r"[A-Za-z]{1,16}:\$\{[A-Za-z_][A-Za-z0-9_]{0,63}\}")
_DIGESTS = ("sha256:", "sha512:")
_PARAMETER = pattern(r"([?&;]([A-Za-z0-9_.%-]{1,64})=)([^&;#\s\"'`<>]+)")
HIDDEN = "***"


def redact(text: str) -> str:
    """`text` with the user part of each URL replaced by `***` where it may hold a secret.

    The user part ends at the URL's last `@`, so a password may contain raw `@`, `/`, `#`, `?` and `%`; but an `@` in
    the path counts only if the text before the path is not a plain host. A user name without a password
    (`ssh://git@host`) is kept, except over http and https, where it may be a token. In doubt more is replaced. In
    queries the values of parameters that look secret are replaced too (`?password=…`, `X-Amz-Signature=…`). A variable
    that is not replaced (`user:${PASSWORD}@`), as hints show it, is no secret, and stays.
    """
    if "://" not in text:
        return text
    parts = []
    shown = 0
    for start, end in _user_parts(text, generous=True):
        parts += [text[shown:start], HIDDEN]
        shown = end
    text = "".join([*parts, text[shown:]])
    return _PARAMETER.sub(_without_value, text) if "=" in text else text


def secrets_of(url: str) -> Iterator[str]:
    """The password or token in the user part of `url`, and the values of its parameters that look secret."""
    for start, end in _user_parts(url, generous=True):
        user, separator, password = url[start:end].partition(":")
        yield password if separator else user
    if "=" in url:
        yield from (match[3] for match in _PARAMETER.finditer(url) if _names_secret(match[2]))


def _without_value(match: re.Match[str]) -> str:
    return f"{match[1]}{HIDDEN}" if _names_secret(match[2]) else match[0]


def _names_secret(parameter: str) -> bool:
    return parameter.lower() == "sig" or looks_secret(parameter)


def holds_credentials(text: str) -> bool:
    """Whether a URL in `text` has a password or token in its user part, as RFC 3986, section 3.2 defines it."""
    return "://" in text and any(_user_parts(text, generous=False))


def _user_parts(text: str, *, generous: bool) -> Iterator[tuple[int, int]]:
    """Positions (start, end) of user parts that may hold a secret, without the `@`.

    `generous`: also accept characters that end a user part by RFC 3986.
    """
    at = 0
    end = last = -1  # the end of the URL at the present position, and the position of its last `@`
    while (mark := text.find("://", at)) >= 0:
        at = start = mark + 3
        scheme = _SCHEME.search(text, max(0, mark - _LONGEST_SCHEME), mark)
        if scheme is None:
            continue
        if start > end:
            found = _END.search(text, start)
            end = found.start() if found else len(text)
            last = text.rfind("@", start, end)
        authority = _AUTHORITY_END.search(text, start, end)
        border = authority.start() if authority else end
        close = text.rfind("@", start, border)
        if generous and last >= start and (close >= 0 or _is_cut(text, start, border, last)):
            close = last
        if close >= 0 and _is_secret(scheme[0], text[start:close]):
            yield start, close
            at = close


def _is_cut(text: str, start: int, border: int, last: int) -> bool:
    """Whether the apparent authority is the start of a user part that contains a raw `/`, `#` or `?`."""
    return not (_HOST_AND_PORT.fullmatch(text, start, border) or text.startswith(_DIGESTS, last + 1))


def _is_secret(scheme: str, user_part: str) -> bool:
    if not user_part or user_part == HIDDEN or _EXAMPLE.fullmatch(user_part):
        return False
    return ":" in user_part or scheme.lower() in ("http", "https")
