"""Times as the version log writes them, and as people write them in questions to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from release.errors import ConfigError

# What stands between a date and a time. Python takes any character, and `2025-10-09+02:00` for the time 02:00.
_SEPARATORS = ("T", " ")


def timestamp(milliseconds: int) -> str:
    """`milliseconds` since the epoch as RFC 3339 UTC with exactly three decimals."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def moment(text: str, *, begins: bool = False) -> str:
    """`text` as a timestamp of the log; a time without offset means UTC.

    A date alone means the end of that day, or its beginning if it `begins` a span of time. Raises `ConfigError` for
    text that is not a time.
    """
    try:
        upper = text.upper()  # RFC 3339, section 5.6: `t` and `z` mean the same
        if any(one in upper for one in _SEPARATORS):
            time = datetime.fromisoformat(upper)
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        else:
            day = date.fromisoformat(upper)
            time = datetime(day.year, day.month, day.day, tzinfo=UTC)
            time += timedelta(0) if begins else timedelta(days=1, milliseconds=-1)
        return timestamp((time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"`{text}` is not a time",
            hint="write `2026-11-20`, `2026-11-20T14:30` or `2026-11-20T14:30:00+01:00`",
        ) from error
