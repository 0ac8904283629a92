"""Formats dates like moment.js (`YYYYMMDD-HHmmss`), in English, in UTC or an IANA time zone.

Source: the tokens of `format` in moment.js 2.30. Other text is copied; `[text]` and a backslash protect text from being
read as tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from types import MappingProxyType

from release.errors import ConfigError
from release.lazy_pattern import pattern

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

_LOCAL: Mapping[str, str] = MappingProxyType(
    {
        "LT": "h:mm A",
        "LTS": "h:mm:ss A",
        "L": "MM/DD/YYYY",
        "LL": "MMMM D, YYYY",
        "LLL": "MMMM D, YYYY h:mm A",
        "LLLL": "dddd, MMMM D, YYYY h:mm A",
        "l": "M/D/YYYY",
        "ll": "MMM D, YYYY",
        "lll": "MMM D, YYYY h:mm A",
        "llll": "ddd, MMM D, YYYY h:mm A",
    }
)
# Most rounds in which local tokens (`LLL`) are expanded: moment.js counts its rounds down from 5 (`expandFormat`). No
# English format contains a local token, so one round is enough; the bound ends a token that would contain itself.
_LOCAL_DEPTH = 5
_DEFAULT = "YYYY-MM-DDTHH:mm:ss"


# Characters of a time zone's name. IANA's longest has 32. `zoneinfo` searches the file system for a name, so text from
# a pull request must not be arbitrarily long.
_LONGEST_ZONE = 100


def format_moment(moment: datetime, pattern: str = "") -> str:
    """Format `moment`, which must have a time zone, by `pattern`; without a pattern as ISO 8601 with seconds."""
    pattern = pattern or _DEFAULT + ("Z" if moment.utcoffset() else "[Z]")
    for _ in range(_LOCAL_DEPTH):
        expanded = _LOCAL_SPLIT.sub(lambda match: _LOCAL.get(match[0], match[0]), pattern)
        if expanded == pattern:
            break
        pattern = expanded
    return "".join(_piece(match[0], moment) for match in _SPLIT.finditer(pattern))


def find_zone(name: str) -> tzinfo | None:
    """The IANA time zone called `name`, in upper or lower case; None if there is none.

    Raises `ConfigError` if the machine has no time zone data at all.
    """
    if name.upper() == "UTC":
        return timezone(timedelta(0), "UTC")
    if len(name) > _LONGEST_ZONE:
        return None
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        known = zoneinfo.available_timezones()
    if not known:
        raise ConfigError(
            f"time zone `{name}`: this machine has no time zone data",
            hint="install the operating system's `tzdata`, or `pip install tzdata` beside shipmark",
        )
    wanted = name.lower().replace("/", "_")
    found = next((zone for zone in sorted(known) if zone.lower().replace("/", "_") == wanted), None)
    return None if found is None else zoneinfo.ZoneInfo(found)


def _piece(piece: str, moment: datetime) -> str:
    token = _TOKENS.get(piece)
    if token is not None:
        return token(moment)
    if piece.startswith("[") and piece.endswith("]"):
        return piece[1:-1]
    return piece.replace("\\", "")


def _ordinal(number: int) -> str:
    if number // 10 % 10 == 1:
        return f"{number}th"
    return f"{number}" + {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _weekday(moment: datetime) -> int:
    return moment.isoweekday() % 7


def _day_of_year(moment: datetime) -> int:
    return moment.timetuple().tm_yday


def _week(moment: datetime) -> tuple[int, int]:
    """Year and number of the week by US rules: weeks begin on Sunday, and week 1 contains 1 January."""
    saturday = _day_of_year(moment) + 6 - _weekday(moment)
    days = _day_of_year(moment.replace(month=12, day=31))
    if saturday > days:
        return moment.year + 1, 1
    return moment.year, (saturday - 1) // 7 + 1


def _quarter(moment: datetime) -> int:
    return (moment.month + 2) // 3


def _twelve(moment: datetime) -> int:
    return moment.hour % 12 or 12


def _offset(moment: datetime, separator: str) -> str:
    minutes = int((moment.utcoffset() or timedelta(0)).total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}{separator}{abs(minutes) % 60:02}"


def _millisecond(moment: datetime) -> int:
    return moment.microsecond // 1000


def _epoch_ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _number(
    value: Callable[[datetime], int], *, ordinal: str | None = None, **widths: int
) -> dict[str, Callable[[datetime], str]]:
    """The tokens of one number: each name in `widths`, zero-filled to its width, and `ordinal` (`1st`, `2nd`)."""

    def padded(width: int) -> Callable[[datetime], str]:
        return lambda moment: f"{value(moment):0{width}}"

    tokens = {name: padded(width) for name, width in widths.items()}
    if ordinal is not None:
        tokens[ordinal] = lambda moment: _ordinal(value(moment))
    return tokens


def _fraction(digits: int) -> Callable[[datetime], str]:
    return lambda moment: f"{_millisecond(moment):03}".ljust(digits, "0")[:digits]


_TOKENS: Mapping[str, Callable[[datetime], str]] = MappingProxyType(
    {
        **_number(lambda moment: moment.month, ordinal="Mo", M=1, MM=2),
        "MMM": lambda moment: _MONTHS[moment.month - 1][:3],
        "MMMM": lambda moment: _MONTHS[moment.month - 1],
        **_number(_quarter, ordinal="Qo", Q=1),
        **_number(lambda moment: moment.day, ordinal="Do", D=1, DD=2),
        **_number(_day_of_year, ordinal="DDDo", DDD=1, DDDD=3),
        **_number(_weekday, ordinal="do", d=1, e=1),
        "dd": lambda moment: _DAYS[_weekday(moment)][:2],
        "ddd": lambda moment: _DAYS[_weekday(moment)][:3],
        "dddd": lambda moment: _DAYS[_weekday(moment)],
        **_number(lambda moment: moment.isoweekday(), E=1),
        **_number(lambda moment: _week(moment)[1], ordinal="wo", w=1, ww=2),
        **_number(lambda moment: moment.isocalendar().week, ordinal="Wo", W=1, WW=2),
        **_number(lambda moment: moment.year % 100, YY=2),
        **_number(lambda moment: moment.year, ordinal="yo", y=1, yy=2, yyy=3, yyyy=4, Y=4, YYYY=4, YYYYY=5),
        "YYYYYY": lambda moment: f"+{moment.year:06}",
        **dict.fromkeys(("N", "NN", "NNN", "NNNNN"), lambda _: "AD"),
        "NNNN": lambda _: "Anno Domini",
        **_number(lambda moment: _week(moment)[0] % 100, gg=2),
        **_number(lambda moment: _week(moment)[0], gggg=4, ggggg=5),
        **_number(lambda moment: moment.isocalendar().year % 100, GG=2),
        **_number(lambda moment: moment.isocalendar().year, GGGG=4, GGGGG=5),
        "A": lambda moment: "AM" if moment.hour < 12 else "PM",
        "a": lambda moment: "am" if moment.hour < 12 else "pm",
        **_number(lambda moment: moment.hour, H=1, HH=2),
        **_number(_twelve, h=1, hh=2),
        **_number(lambda moment: moment.hour or 24, k=1, kk=2),
        "hmm": lambda moment: f"{_twelve(moment)}{moment.minute:02}",
        "hmmss": lambda moment: f"{_twelve(moment)}{moment.minute:02}{moment.second:02}",
        "Hmm": lambda moment: f"{moment.hour}{moment.minute:02}",
        "Hmmss": lambda moment: f"{moment.hour}{moment.minute:02}{moment.second:02}",
        **_number(lambda moment: moment.minute, m=1, mm=2),
        **_number(lambda moment: moment.second, s=1, ss=2),
        **{"S" * digits: _fraction(digits) for digits in range(1, 10)},
        **dict.fromkeys(("z", "zz"), lambda moment: moment.tzname() or ""),
        "Z": lambda moment: _offset(moment, ":"),
        "ZZ": lambda moment: _offset(moment, ""),
        "X": lambda moment: str(_epoch_ms(moment) // 1000),
        "x": lambda moment: str(_epoch_ms(moment)),
    }
)


def _names(tokens: Mapping[str, object]) -> str:
    return "|".join(sorted(tokens, key=lambda name: (-len(name), name)))


# Matches `[text]`, or a token or other character with an optional backslash before it. Longer tokens come first: `MM`
# is not two `M`.
_SPLIT = pattern(rf"\[[^\[]*\]|\\?(?:{_names(_TOKENS)}|.)")
_LOCAL_SPLIT = pattern(rf"\[[^\[]*\]|\\?(?:{_names(_LOCAL)})")
