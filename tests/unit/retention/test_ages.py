"""Spans of time: how they are read and written."""

from __future__ import annotations

from release.retention.ages import parse_span, span_text


def test_spans_are_read_and_written_in_their_units() -> None:
    assert [parse_span(text) for text in ("0s", "90m", "24h", "30d", "2w")] == [
        0,
        5_400_000,
        86_400_000,
        2_592_000_000,
        1_209_600_000,
    ]
    assert [parse_span(text) for text in ("", "30", "d", "1.5d", "-1d", "1 d", "9999999d")] == [None] * 7
    assert [span_text(one) for one in (-5, 5_000, 120_000, 7_200_000, 200_000_000)] == [
        "0s",
        "5s",
        "2m",
        "2h",
        "2d",
    ]
