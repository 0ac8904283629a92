"""Converts `HEALTHCHECK` to the object in Docker's image config. Pure. The OCI specification lacks this object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from release.build.dockerfile.instructions import Flag, Healthcheck
from release.digits import number_in
from release.errors import BuildError
from release.lazy_pattern import pattern

_NANOSECONDS = {
    "h": 3600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "µs": 10**3,  # U+00B5, the micro sign
    "μs": 10**3,  # U+03BC, the Greek letter: Go takes both
    "ns": 1,
}
_LEAST = 10**6  # nanoseconds (1 ms): the Docker daemon refuses a container with a shorter time
_LONGEST = 2**63 - 1  # nanoseconds that Go's `time.Duration` can hold
_MOST = 2**31 - 1  # largest `--retries`: BuildKit parses it with 32 bits
# Go's `time.ParseDuration`, with at most 19 digits, which is what 64 bits hold.
_PART = pattern(r"(?=\.?[0-9])([0-9]{0,19})(?:\.([0-9]{0,19}))?(h|ms|us|µs|μs|ns|m|s)")  # U+00B5, U+03BC
_TIMES = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}


def read_healthcheck(instruction: Healthcheck, where: str) -> dict[str, Any]:
    """The health check of the image config, with times in nanoseconds. Raises `BuildError`. `where`: `Dockerfile:7`.

    A command in shell form gets `CMD-SHELL`, for which the container engine adds the image's shell.
    """
    command = instruction.command
    if command is None:
        return {"Test": ["NONE"]}
    kind = "CMD-SHELL" if command.form == "shell" else "CMD"
    return {"Test": [kind, *command.words], **times_of(instruction.flags, where, instruction.text)}


def times_of(flags: Iterable[Flag], where: str, shown: str) -> Mapping[str, int]:
    """The members of the health check for the flags; a flag whose value is 0 is left out.

    Raises `BuildError`, which quotes `shown`.
    """
    found: dict[str, int] = {}
    for flag in flags:
        text = flag.value or ""
        if flag.name == "retries":
            digits = text[1:] if text[:1] in ("+", "-") else text or "0"
            number = number_in(digits, most=_MOST)
            if number is None or (number and text.startswith("-")):
                raise BuildError(
                    f"{where}: `--retries={text}` is not a number: `{shown}`", hint="write `--retries=3`"
                )
            found["Retries"] = number
        else:
            found[_TIMES[flag.name]] = _duration(flag.name, text, where, shown)
    return {member: value for member, value in found.items() if value}


def _duration(name: str, text: str, where: str, shown: str) -> int:
    nanoseconds = parse_duration(text)
    if nanoseconds is None:
        raise BuildError(
            f"{where}: `--{name}={text}`: `{text}` is not a duration: `{shown}`",
            hint="write it with its unit, like `30s` or `1m30s`",
        )
    if nanoseconds and nanoseconds < _LEAST:
        raise BuildError(
            f"{where}: `--{name}={text}` is less than a millisecond: `{shown}`", hint="write it like `30s`"
        )
    return nanoseconds


def parse_duration(text: str) -> int | None:
    """The nanoseconds that a text like `1m30s` or `1.5h` says; 0 for no text; None for any other text."""
    sign, digits = (text[0], text[1:]) if text[:1] in ("+", "-") and text[1:] else ("", text)
    if digits in ("", "0"):
        return 0
    parts = list(_PART.finditer(digits))
    if "".join(part[0] for part in parts) != digits:
        return None
    total = sum(
        int(part[1] or "0") * _NANOSECONDS[part[3]]
        + int((part[2] or "0").ljust(19, "0")) * _NANOSECONDS[part[3]] // 10**19
        for part in parts
    )
    return None if total > _LONGEST else -total if sign == "-" else total
