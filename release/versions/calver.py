"""Calendar versions: `2024.10.3`, `24.04`, `2024-10-03`, `2024.10.03.1-rc1`. Zeros in front are kept as written.

Source: calver.org. One version does not show which tokens of calver.org the project uses, so the numbers after the
year are compared one after another.
"""

from __future__ import annotations

import re
from functools import cache

from release.versions.model import Version

_CALVER = (
    r"(?P<year>(?:19|2[01])[0-9]{2}|[0-9]{2})(?P<dot>[.-])(?P<second>[0-9]{1,4})"
    r"(?:(?P=dot)(?P<third>[0-9]{1,9})(?:(?P=dot)(?P<fourth>[0-9]{1,6}))?)?"
    r"(?:[-_](?P<modifier>[A-Za-z][0-9A-Za-z-]*(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
# The third and fourth number are compared as one, so that `2024.10.3` < `2024.10.3.1` < `2024.10.4`. The pattern gives
# the fourth at most six digits, so it never reaches this factor.
_FOURTH = 1_000_000


@cache  # compiled when it is needed: few projects use calendar versions, and every command imports this module
def _calver() -> re.Pattern[str]:
    return re.compile(_CALVER, re.ASCII)


def parse_calver(text: str) -> Version:
    """Parse a calendar version: a year of four or two digits, and one to three more numbers.

    A modifier (`-rc1`) makes it a prerelease. `Version.text` keeps what was written. Raises `ValueError`.
    """
    match = _calver().fullmatch(text)
    if match is None:
        raise ValueError(f"`{text[:255]}` is not a calendar version")
    return Version(
        major=int(match["year"]),
        minor=int(match["second"]),
        patch=int(match["third"] or 0) * _FOURTH + int(match["fourth"] or 0),
        prerelease=match["modifier"] or "",
        build_metadata=match["build"] or "",
        text=text,
    )


def last_numbers(version: Version) -> tuple[int, int]:
    """The third and the fourth number of a version of any scheme, 0 where it has none.

    `Version.patch` of a calendar version is one number made of both, so it can be compared, but not shown.
    """
    return divmod(version.patch, _FOURTH) if version.text else (version.patch, 0)


def line_names(version: Version) -> tuple[str, str]:
    """The moving tags of a version: year with second number, and year alone. `24.04.1` gives `24.04` and `24`."""
    match = _calver().fullmatch(version.text) if version.text else None
    if match is None:
        return f"{version.major}.{version.minor}", f"{version.major}"
    return f"{match['year']}{match['dot']}{match['second']}", match["year"]


def after(base: Version, suffix: str) -> Version:
    """The version of a commit after `base`: the last number of `base` plus one, and `suffix` as a prerelease.

    `2024.10.03` gives `2024.10.04-<suffix>`. A version of two numbers gets a third: `24.04` gives `24.04.1-<suffix>`. A
    prerelease keeps its numbers: `24.04-rc1` gives `24.04-rc1.<suffix>`. The result sorts above `base`.
    """
    if base.prerelease:
        match = _match(base)
        numbers = match["dot"].join(_numbers(match))
        return parse_calver(f"{numbers}-{base.prerelease}.{suffix}")
    return parse_calver(f"{raised(base)}-{suffix}")


def raised(base: Version) -> Version:
    """The version of `base` with its last number plus one: `2024.10.04` for `2024.10.03`, `24.04.1` for `24.04`."""
    match = _match(base)
    numbers = _numbers(match)
    if len(numbers) == 2:
        numbers.append("1")
    else:
        numbers[-1] = f"{int(numbers[-1]) + 1:0{len(numbers[-1])}}"
    return parse_calver(match["dot"].join(numbers))


def _match(version: Version) -> re.Match[str]:
    match = _calver().fullmatch(version.text)
    if match is None:
        raise ValueError(f"`{version.text}` is not a calendar version")
    return match


def _numbers(match: re.Match[str]) -> list[str]:
    return [match[name] for name in ("year", "second", "third", "fourth") if match[name]]
