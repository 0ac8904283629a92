"""Converts `HEALTHCHECK` to the object in Docker's image config. Pure. The OCI specification lacks this object."""

from __future__ import annotations

import re
from typing import Any

from release.build.dockerfile.instructions import Healthcheck
from release.digits import number_in
from release.errors import BuildError

_NANOSECONDS = {
    "h": 3600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "µs": 10**3,
    "ns": 1,
}
# Largest `--retries`: far more than anybody uses, and small enough for every integer type of a reader of the config.
_MOST = 1_000_000
_PART = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?(h|ms|us|µs|ns|m|s)")
_TIMES = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}


def read_healthcheck(instruction: Healthcheck, where: str) -> dict[str, Any]:
    """The health check of the image config, with times in nanoseconds. Raises `BuildError`. `where`: `Dockerfile:7`."""
    command = instruction.command
    if command is None:
        return {"Test": ["NONE"]}
    # Whoever runs a `CMD-SHELL` takes the image's `Shell` for it.
    kind = "CMD-SHELL" if command.form == "shell" else "CMD"
    check: dict[str, Any] = {"Test": [kind, *command.words]}
    for flag in instruction.flags:
        if flag.name in _TIMES:
            check[_TIMES[flag.name]] = _duration(flag.value or "", where)
        elif flag.name == "retries" and (number := number_in(flag.value or "", most=_MOST)) is not None:
            check["Retries"] = number
        else:
            raise BuildError(
                f"{where}: `HEALTHCHECK --{flag.name}` cannot be read", hint="see the Dockerfile reference"
            )
    return check


def _duration(text: str, where: str) -> int:
    parts = list(_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise BuildError(f"{where}: `{text}` is not a duration", hint="write it like `30s` or `1m30s`")
    return sum(
        int(part[1]) * _NANOSECONDS[part[3]]
        + int((part[2] or "0").ljust(9, "0")) * _NANOSECONDS[part[3]] // 10**9
        for part in parts
    )
