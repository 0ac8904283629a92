"""Times as the version log writes them, and as people write them in questions to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from release.errors import ConfigError
from release.lazy_pattern import pattern

_DATE = pattern(r"\d{4}-\d\d-\d\d")


def timestamp(milliseconds: int) -> str:
    """`milliseconds` since the epoch as RFC 3339 UTC with exactly three decimals."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def moment(text: str) -> str:
    """`text` as a timestamp of the log. A date alone means the end of that day; a time without offset means UTC.

    Raises `ConfigError` for text that is not a time.
    """
    try:
        if _DATE.fullmatch(text):
            time = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1, milliseconds=-1)
        else:
            time = datetime.fromisoformat(text)
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        return timestamp((time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"`{text}` is not a time",
            hint="write `2026-11-20`, `2026-11-20T14:30` or `2026-11-20T14:30:00+01:00`",
        ) from error
