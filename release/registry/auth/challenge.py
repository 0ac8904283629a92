"""Parses `WWW-Authenticate`, and writes the scopes of tokens. Pure.

Source: RFC 9110 section 11.6.1; the distribution project's token specification.
"""

from __future__ import annotations

import re

import msgspec

from release.lazy_pattern import pattern

# Characters of the header that are parsed.
# Real challenges have a few hundred; bounds the time that parsing the header of a hostile registry takes.
_LONGEST = 16 * 1024
_TOKEN = pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SPACE = pattern(r"[ \t]*")
_TOKEN68 = pattern(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))")
_QUOTED = pattern(r'"((?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*)"')


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """One way to authenticate. `scheme`: lower case; `parameters`: names in lower case."""

    scheme: str
    parameters: dict[str, str]


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """The challenges in the header's value, up to the first malformed one."""
    text = header[:_LONGEST]
    found: list[Challenge] = []
    position = 0
    while True:
        position = _skip(text, position)
        scheme = _TOKEN.match(text, position)
        if scheme is None:
            return tuple(found)
        parameters, position = _parameters(text, scheme.end())
        found.append(Challenge(scheme=scheme[0].lower(), parameters=parameters))


def choose(challenges: tuple[Challenge, ...]) -> Challenge | None:
    """The challenge to answer: the first bearer with a realm, else the first basic; None without either."""
    for challenge in challenges:
        if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
            return challenge
    return next((challenge for challenge in challenges if challenge.scheme == "basic"), None)


def scope(repository: str, *actions: str) -> str:
    """The scope of a token: `repository:acme/app:pull,push`."""
    return f"repository:{repository}:{','.join(actions)}"


def covers(held: str, wanted: str) -> bool:
    """Whether a token for the scope `held` serves for the scope `wanted`: the same repository, at least its actions."""
    place, _, actions = held.rpartition(":")
    other, _, needed = wanted.rpartition(":")
    return place == other and set(needed.split(",")) <= set(actions.split(","))


def _skip(text: str, position: int) -> int:
    """The position after spaces and empty list elements."""
    while position < len(text) and text[position] in " \t,":
        position += 1
    return position


def _parameters(text: str, position: int) -> tuple[dict[str, str], int]:
    parameters: dict[str, str] = {}
    start = _space(text, position)
    single = _TOKEN68.match(text, start) if start > position else None
    if single is not None and "=" not in single[0].rstrip("="):
        return parameters, single.end()
    position = start
    while True:
        after = _skip(text, position)
        name = _TOKEN.match(text, after)
        if name is None:
            return parameters, after
        equals = _space(text, name.end())
        if text[equals : equals + 1] != "=":
            # A name without `=` is the next scheme: parse it again from its start.
            return parameters, after
        value, end = _value(text, _space(text, equals + 1))
        if value is None:
            return parameters, len(text)
        parameters.setdefault(name[0].lower(), value)
        position = end


def _space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _value(text: str, position: int) -> tuple[str | None, int]:
    quoted = _QUOTED.match(text, position)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1]), quoted.end()
    plain = _TOKEN.match(text, position)
    return (plain[0], plain.end()) if plain is not None else (None, position)
