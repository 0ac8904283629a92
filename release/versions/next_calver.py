"""Computes the next calendar version from the date and the versions that exist. Pure.

Source: calver.org. The tokens of a version come from the config, else from the form of the versions that exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime

from release.lazy_pattern import pattern
from release.versions.calver import parse_calver, raised
from release.versions.model import Version
from release.versions.semver import precedence_key

_TOKEN = pattern(r"YYYY|YY|0Y|MM|0M|WW|0W|DD|0D|MICRO")
_PATTERN = pattern(rf"(?:YYYY|YY|0Y)(?P<dot>[.-])(?:{_TOKEN.pattern})(?:(?P=dot)(?:{_TOKEN.pattern})){{0,2}}")
#: The pattern of the first version if the config has none; the most frequent one in calver.org's examples.
DEFAULT_PATTERN = "YYYY.MM.MICRO"
# Patterns of calver.org's examples, behind the year, that a hint proposes where the versions do not show theirs.
_USUAL = ("MM.MICRO", "WW.MICRO", "MM.DD", "MM.DD.MICRO")
_DECEMBER = 12


class UnclearPatternError(ValueError):
    """The versions that exist do not show what their numbers mean. `usual`: a pattern that gives a higher version."""

    def __init__(self, highest: str, usual: str) -> None:
        super().__init__(f"the versions that exist, such as {highest}, do not show what their numbers mean")
        self.usual = usual


class LaterVersionError(ValueError):
    """A version exists that is not lower than the one that the date gives.

    `version`: the highest such version. `above`: the version that follows it, whatever the date.
    """

    def __init__(self, today: Version, version: Version) -> None:
        super().__init__(f"today gives {today}, and {version} exists, which is not lower")
        self.version = version
        self.above = raised(version)


def require_pattern(pattern: str) -> None:
    """Raise `ValueError` unless the pattern begins with a year, has 2 to 4 tokens, and MICRO at its end only."""
    if _PATTERN.fullmatch(pattern) is None or "MICRO" in _tokens(pattern)[:-1]:
        raise ValueError(f"`{pattern}` is not a pattern such as `{DEFAULT_PATTERN}` or `YY.0M`")


def next_calver(known: Sequence[Version], now: int, pattern: str = "") -> Version:
    """The next stable version. `now`: milliseconds since the epoch, taken in UTC.

    `known`: all versions of the component. `pattern`: tokens of calver.org; empty: taken from `known`. A second release
    with the same date raises the last number, or gets one: `24.04`, `24.04.1`. A version whose prerelease exists is not
    raised. Raises `UnclearPatternError` if `known` shows no pattern, `LaterVersionError` if its highest version is
    later than `now`.
    """
    pattern = pattern or _pattern_of(known, now)
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    tokens = _tokens(pattern)
    dot = _dot(pattern)
    numbers = [_written(token, today) for token in tokens if token != "MICRO"]  # noqa: S105  # not a password
    made = None
    if "MICRO" not in tokens:
        made = parse_calver(dot.join(numbers))
        if any(one.is_stable and precedence_key(one) >= precedence_key(made) for one in known):
            made = None
    if made is None:
        micro = _micro(known, numbers, dot, first=0 if "MICRO" in tokens else 1)
        made = parse_calver(dot.join([*numbers, str(micro)]))
    later = [one for one in known if one.is_stable and precedence_key(one) >= precedence_key(made)]
    if later:
        raise LaterVersionError(made, max(later, key=precedence_key))
    return made


def _micro(known: Iterable[Version], numbers: Sequence[str], dot: str, *, first: int) -> int:
    """The number behind `numbers`: one more than the highest stable version has; a prerelease keeps its number."""
    taken = [(first, False)]
    for one in known:
        text = one.text.partition("+")[0].removesuffix(one.prerelease).rstrip("-_")
        parts = text.split(dot)
        same = [int(text) for text in parts[: len(numbers)]] == [int(text) for text in numbers]
        if same and len(parts) == len(numbers) + 1:
            taken.append((int(parts[-1]), one.is_stable))
    number, is_stable = max(taken)
    return number + 1 if is_stable else number


def _pattern_of(known: Sequence[Version], now: int) -> str:
    texts = [one.text for one in known if one.is_stable and one.text]
    if not texts:
        return DEFAULT_PATTERN
    highest = max((one for one in known if one.is_stable and one.text), key=precedence_key).text
    dot = "." if "." in highest else "-"
    year = "YYYY" if len(highest.split(dot)[0]) == 4 else "YY"
    rows = [text.split("+")[0].split(dot) for text in texts]
    seconds, thirds = [row[1] for row in rows], [row[2] for row in rows if len(row) > 2]
    if any(int(text) > _DECEMBER for text in seconds) or any(len(row) > 3 for row in rows):
        raise UnclearPatternError(highest, _usual(known, now, rows, year, dot))
    is_padded = any(text.startswith("0") for text in seconds)
    if not is_padded and not any(len(text) == 1 for text in seconds):
        is_padded = (
            year == "YY"
        )  # 10, 11 and 12 fit both; two digits of a year are mostly followed by two of a month
    month = "0M" if is_padded else "MM"
    if not thirds:
        return dot.join([year, month])
    return dot.join(
        [year, month, "0D" if any(len(text) > 1 and text[0] == "0" for text in thirds) else "MICRO"]
    )


def _usual(known: Sequence[Version], now: int, rows: Sequence[Sequence[str]], year: str, dot: str) -> str:
    """The usual pattern of the form of the versions, if it gives a higher version, else the first that does."""
    length = max(map(len, rows))
    is_week = any(int(row[1]) > _DECEMBER for row in rows)
    order = sorted(_USUAL, key=lambda rest: (is_week != rest.startswith("WW"), rest.count(".") + 2 != length))
    patterns = [dot.join([year, *rest.split(".")]) for rest in order]
    for one in patterns:
        with suppress(LaterVersionError):
            next_calver(known, now, one)
            return one
    return patterns[0]


def _written(token: str, today: date) -> str:
    year, week, _ = today.isocalendar()
    values = {
        "YYYY": str(today.year),
        "YY": str(today.year % 100),
        "0Y": f"{today.year % 100:02}",
        "MM": str(today.month),
        "0M": f"{today.month:02}",
        # The first days of January may belong to the last week of the year before; so that versions do not fall,
        # that week is then called 0.
        "WW": str(week if year == today.year else 0 if year < today.year else 53),
        "0W": f"{week if year == today.year else 0 if year < today.year else 53:02}",
        "DD": str(today.day),
        "0D": f"{today.day:02}",
    }
    return values[token]


def _tokens(pattern: str) -> list[str]:
    return pattern.split(_dot(pattern))


def _dot(pattern: str) -> str:
    return "." if "." in pattern else "-"
