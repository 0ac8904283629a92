"""The time axis of the page: where a moment lies on it, and its ticks, from minutes to centuries. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from release.log.answers.retained import milliseconds_of

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
#: Lengths between two ticks below a month, in milliseconds.
_FIXED = (
    *(_MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY),
)
#: Lengths above, in months.
_MONTHS = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000, 24000)
#: Ticks on an axis at most: as many labels fit next to one another on a phone, 320 pixels.
_MOST = 6
# The last millisecond that Python's dates can hold. Whoever writes to the log may write any time.
_LAST = 253_402_300_799_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Not `%b`, whose names depend on the machine's language: the page must be the same everywhere.
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The epoch was a Thursday: weeks are counted from the Monday after it.
_MONDAY = 4 * _DAY


class Tick(msgspec.Struct, frozen=True):
    """A moment that the axis names. `place`: percent from the left."""

    place: float
    label: str


class Axis(msgspec.Struct, frozen=True):
    """A stretch of time in milliseconds since the epoch. `end` is later than `start`."""

    start: int
    end: int

    def place(self, moment: int) -> float:
        """Percent from the left; moments outside of the stretch lie at its ends."""
        return min(100.0, max(0.0, 100 * (moment - self.start) / (self.end - self.start)))

    def ticks(self) -> tuple[Tick, ...]:
        """At most six moments at round times in UTC."""
        length = self.end - self.start
        for step in _FIXED:
            if length <= step * _MOST:
                return tuple(
                    Tick(self.place(one), _label(one, step)) for one in _multiples(step, self.start, self.end)
                )[:_MOST]
        months = next((one for one in _MONTHS if length <= one * 30 * _DAY * _MOST), _MONTHS[-1])
        found = [(one, label) for one, label in _calendar(months, self.start, self.end)]
        return tuple(Tick(self.place(one), label) for one, label in found[:_MOST])


def axis_over(first: int, last: int) -> Axis:
    """The axis from the first to the last moment; an hour long at least, since a single moment has no length."""
    end = min(max(last, first + _HOUR), _LAST)
    return Axis(min(first, end - _HOUR), end)


def moment_of(timestamp: str) -> int:
    """Milliseconds since the epoch of a time of the log; 0 for text that is not a time, and for times before 1970."""
    return min(max(0, milliseconds_of(timestamp)), _LAST)


def _multiples(step: int, start: int, end: int) -> Iterator[int]:
    shift = _MONDAY if step >= 7 * _DAY else 0
    yield from range(start + (shift - start) % step, end + 1, step)


def _label(moment: int, step: int) -> str:
    time = _EPOCH + timedelta(milliseconds=moment)
    return f"{time:%H:%M}" if step < _DAY and moment % _DAY else f"{time.day} {_NAMES[time.month - 1]}"


def _calendar(months: int, start: int, end: int) -> Iterator[tuple[int, str]]:
    """First days of months, `months` apart, counted from January of year 0."""
    first = _EPOCH + timedelta(milliseconds=start)
    number = -(-(first.year * 12 + first.month - 1) // months) * months
    while number // 12 <= 9999:  # the last year that Python's dates know
        year, month = divmod(number, 12)
        if year >= 1:
            day = datetime(year, month + 1, 1, tzinfo=UTC)
            moment = (day - _EPOCH) // timedelta(milliseconds=1)
            if moment > end:
                return
            if moment >= start:
                yield moment, f"{year}" if months >= 12 else f"{_NAMES[month]} {year}"
        number += months
