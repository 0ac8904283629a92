"""Times in the version log: as it writes them, and as questions to it give them."""

from __future__ import annotations

import pytest

from release.errors import ConfigError
from release.log.timestamps import moment, timestamp


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_795_216_315_123, "2026-11-20T23:11:55.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
    ],
)
def test_timestamp_of_a_log_entry_has_milliseconds_and_is_utc(milliseconds: int, text: str) -> None:
    assert timestamp(milliseconds) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-10-09", "2025-10-09T23:59:59.999Z"),
        ("20251009", "2025-10-09T23:59:59.999Z"),
        ("2025-W41-4", "2025-10-09T23:59:59.999Z"),
        ("9999-12-31", "9999-12-31T23:59:59.999Z"),
        ("2025-10-09t08:53z", "2025-10-09T08:53:00.000Z"),
        ("2025-10-09T08:53", "2025-10-09T08:53:00.000Z"),
        ("2025-10-09 08:53:20.5", "2025-10-09T08:53:20.500Z"),
        ("2025-10-09T08:53:20Z", "2025-10-09T08:53:20.000Z"),
        ("2025-10-09T01:30:00+02:00", "2025-10-08T23:30:00.000Z"),
    ],
)
def test_moment_parses_dates_and_times(text: str, expected: str) -> None:
    assert moment(text) == expected


def test_span_of_time_begins_with_the_first_moment_of_its_first_day() -> None:
    assert moment("2025-10-09", begins=True) == "2025-10-09T00:00:00.000Z"
    assert moment("2025-10-09T08:53", begins=True) == "2025-10-09T08:53:00.000Z"


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2025-13-01", "2025-02-30", "10:00", "2025-10-09+02:00", "2025-10-09-08:53"]
)
def test_moment_refuses_text_that_does_not_begin_with_a_valid_date(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a time") as caught:
        moment(text)
    assert caught.value.hint
