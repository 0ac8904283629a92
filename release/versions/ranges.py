"""Ranges of versions: `>=1.0 <2.0`, `^1.4`, `~1.4.2`, `1.x`, `1.4 || >=3`. Pure.

Blanks and commas mean "and", `||` means "or". A number that is missing or `x` means any number. Prereleases belong to
the numbers that they begin with: `2.0.0-rc.1` is in `>=2.0`, and not in `<2.0`; with all three numbers, precedence
decides.
"""

from __future__ import annotations

import itertools
import re

import msgspec

from release.lazy_pattern import pattern
from release.versions.model import Version
from release.versions.semver import Key, parse, precedence_key

# No number of a real version has more digits than nine, and `int` refuses more than 4300.
_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_PART = rf"({_NUMBER}|[xX*])"
_CONDITION = pattern(
    rf"(>=|<=|>|<|==|=|\^|~)?v?{_PART}(?:\.{_PART})?(?:\.{_PART})?(-[0-9A-Za-z.-]{{1,100}})?", re.ASCII
)
_OPERATOR = pattern(r"([<>=^~])\s+", re.ASCII)
_AND = pattern(r"[\s,]+", re.ASCII)
# Characters of a range; real ones have fewer than 50.
_LONGEST = 512
_WILD = frozenset({"x", "X", "*", None})


class Condition(msgspec.Struct, frozen=True):
    """One condition: versions with a precedence from `low` (included) up to `high` (left out); None: without that end.

    `operator`: as it was written, or `""`. `wild`: whether `x` or `*` stands for a number. `prerelease`: whether the
    condition names a prerelease.
    """

    low: Key | None
    high: Key | None
    operator: str = ""
    wild: bool = False
    prerelease: bool = False

    def holds(self, version: Version) -> bool:
        """Whether the version lies between the ends. Build metadata does not count."""
        key = precedence_key(version)
        return (self.low is None or key >= self.low) and (self.high is None or key < self.high)


class VersionRange(msgspec.Struct, frozen=True):
    """A range: alternatives, each of conditions that all have to hold."""

    text: str
    alternatives: tuple[tuple[Condition, ...], ...]

    def holds(self, version: Version) -> bool:
        """Whether the version lies in the range. Build metadata does not count."""
        return any(all(one.holds(version) for one in conditions) for conditions in self.alternatives)


def parse_range(text: str) -> VersionRange | None:
    """The range that `text` writes; None if it is not a range."""
    if len(text) > _LONGEST:
        return None
    alternatives = []
    for alternative in text.split("||"):
        words = _AND.split(_OPERATOR.sub(r"\1", alternative).strip(" \t\r\n,"))
        conditions = [_condition(word) for word in words]
        if None in conditions:
            return None
        alternatives.append(tuple(one for one in conditions if one is not None))
    return VersionRange(text, tuple(alternatives))


def _condition(word: str) -> Condition | None:
    found = _CONDITION.fullmatch(word)
    if found is None:
        return None
    operator, prerelease, written = found[1] or "", found[5] or "", (found[2], found[3], found[4])
    numbers = [int(part) for part in itertools.takewhile(lambda part: part not in _WILD, written)]
    if (prerelease and len(numbers) < 3) or (not numbers and operator not in ("", "=", "==")):
        return None
    try:
        low = _key(numbers, prerelease)
    except ValueError:
        return None
    after = _after(numbers, len(numbers)) if not prerelease else _next(low)
    first, end = _between(operator, numbers, low, after)
    wild = any(part is not None and part in _WILD for part in written)
    return Condition(first, end, operator, wild, bool(prerelease))


def _between(operator: str, numbers: list[int], low: Key, after: Key | None) -> tuple[Key | None, Key | None]:
    """The ends of an operator. `low`, `after`: where the versions with these numbers begin and end."""
    match operator:
        case ">=":
            return low, None
        case "<":
            return None, low
        case ">":
            return after, None
        case "<=":
            return None, after
        case "^":
            # Source: npm's documentation of ranges: the leftmost number that is not zero must not change.
            leading = next((at for at, number in enumerate(numbers) if number), max(len(numbers) - 1, 0))
            return low, _after(numbers, leading + 1)
        case "~":
            return low, _after(numbers, min(len(numbers), 2))
    return low, after


def _key(numbers: list[int], prerelease: str) -> Key:
    """The precedence of the first version with these numbers; without all three, of its first prerelease."""
    if len(numbers) < 3:
        return (*_filled(numbers), 0, ())
    major, minor, patch = numbers
    return precedence_key(parse(f"{major}.{minor}.{patch}{prerelease}"))


def _after(numbers: list[int], places: int) -> Key | None:
    """The precedence right after every version that begins with the first `places` numbers; None: there is none."""
    if not places:
        return None
    if places == 3:
        return _next((*_filled(numbers), 1, ()))
    kept = numbers[:places]
    kept[-1] += 1
    return (*_filled(kept), 0, ())


def _next(key: Key) -> Key:
    """The smallest precedence above `key`."""
    major, minor, patch, stable, identifiers = key
    if stable:
        return (major, minor, patch + 1, 0, ())
    return (major, minor, patch, stable, (*identifiers, (-1, 0, "")))


def _filled(numbers: list[int]) -> tuple[int, int, int]:
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return (major, minor, patch)
