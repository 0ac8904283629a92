"""The ticks of the page's time axis lie at round times, few enough to be read, for any length."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from release.log.page.axis import axis_over


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("first", "last", "labels"),
    [
        ("2026-11-29T10:02", "2026-11-29T10:02", ["10:15", "10:30", "10:45", "11:00"]),
        ("2026-11-28T20:30", "2026-11-29T07:00", ["21:00", "29 Nov", "03:00", "06:00"]),
        ("2026-11-25T20:30", "2026-11-29T07:00", ["26 Nov", "27 Nov", "28 Nov", "29 Nov"]),
        ("2026-11-01T00:00", "2026-11-29T07:00", ["2 Nov", "9 Nov", "16 Nov", "23 Nov"]),
        (
            "2026-01-15T00:00",
            "2026-06-20T07:00",
            ["Feb 2026", "Mar 2026", "Apr 2026", "May 2026", "Jun 2026"],
        ),
        ("2025-02-01T00:00", "2026-02-01T00:00", ["Apr 2025", "Jul 2025", "Oct 2025", "Jan 2026"]),
        ("2020-02-01T00:00", "2024-03-01T00:00", ["2021", "2022", "2023", "2024"]),
        ("1999-12-31T00:00", "2026-01-01T00:00", ["2000", "2005", "2010", "2015", "2020", "2025"]),
        ("0001-01-01T00:00", "9999-12-31T00:00", ["2000", "4000", "6000", "8000"]),
    ],
)
def test_ticks_are_round_times(first: str, last: str, labels: list[str]) -> None:
    assert [tick.label for tick in axis_over(_ms(first), _ms(last)).ticks()] == labels


def test_axis_of_any_length_has_one_to_six_ticks_from_left_to_right() -> None:
    start = _ms("2024-02-28T23:59")
    for exponent in range(180):
        axis = axis_over(start, start + int(60_000 * 1.12**exponent))
        places = [tick.place for tick in axis.ticks()]
        assert 1 <= len(places) <= 6, exponent
        assert places == sorted(set(places))
        assert all(0 <= place <= 100 for place in places)
        assert all(
            re.fullmatch(r"\d\d:\d\d|\d{1,2} \w{3}|\w{3} \d{4}|\d{4}", tick.label) for tick in axis.ticks()
        )


def test_moments_outside_of_the_axis_lie_at_its_ends() -> None:
    axis = axis_over(_ms("2026-01-01"), _ms("2026-01-02"))
    places = [axis.place(_ms(text)) for text in ("2020-01-01", "2026-01-01T12:00", "2030-01-01")]
    assert places == [0, 50, 100]
