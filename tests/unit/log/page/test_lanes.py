"""Bars of moving tags: what each tag held when, with what is too short to be seen put together."""

from __future__ import annotations

from typing import Any

from release.log.page.axis import axis_over
from release.log.page.lanes import SHOWN, Lane, MovingTags
from release.log.timestamps import timestamp

_DAY = 86_400_000
_START = 1_750_000_000_000


def _moved(seq: int, day: float, digest: str, tag: str = "latest", **fields: Any) -> dict[str, Any]:
    return {
        "seq": seq,
        "at": timestamp(int(_START + day * _DAY)),
        "kind": "moved",
        "project": "p",
        "target": "r/p",
        "tags": [{"name": tag, "digest": digest, "result": "moved"}],
        **fields,
    }


def _lane(*entries: dict[str, Any]) -> Lane:
    tags = MovingTags()
    for fields in entries:
        tags.add(fields)
    return tags.shown()[0]


def _bar(lane: Lane, days: float) -> list[tuple[float, float, int, int]]:
    axis = axis_over(_START, int(_START + days * _DAY))
    return [
        ((one.start - _START) / _DAY, (one.end - _START) / _DAY, one.seq, one.count)
        for one in lane.stretches(axis)
    ]


def test_bar_has_a_stretch_for_each_image_until_the_next() -> None:
    lane = _lane(_moved(1, 0, "a"), _moved(2, 30, "b"), _moved(3, 40, "b"), _moved(4, 70, "a"))
    assert _bar(lane, 100) == [(0, 30, 1, 1), (30, 70, 2, 1), (70, 100, 4, 1)]
    assert (lane.count, lane.last, lane.digest) == (3, 4, "a")


def test_short_stretches_side_by_side_become_one_but_never_the_last() -> None:
    entries = [_moved(number, number / 10, f"d{number}") for number in range(100)]
    lane = _lane(*entries, _moved(200, 50, "long"), _moved(201, 99.9, "now"))
    assert _bar(lane, 100) == [(0, 9.9, 0, 99), (9.9, 50, 99, 1), (50, 99.9, 200, 1), (99.9, 100, 201, 1)]


def test_deleted_tag_is_gone_from_then_on() -> None:
    lane = _lane(_moved(1, 0, "a"), {**_moved(2, 50, ""), "kind": "pruned"})
    axis = axis_over(_START, _START + 100 * _DAY)
    assert [one.is_gone for one in lane.stretches(axis)] == [False, True]
    assert lane.is_gone


def test_clock_that_runs_backwards_gives_no_negative_stretch() -> None:
    lane = _lane(_moved(1, 50, "a"), _moved(2, 20, "b"), {**_moved(3, 0, "c"), "at": "yesterday"})
    assert all(start <= end for start, end, _, _ in _bar(lane, 100))
    assert [one.seq for one in lane.newest(9)] == [3, 2, 1]


def test_fixed_tags_are_not_moving_tags() -> None:
    tags = MovingTags()
    tags.add({**_moved(1, 0, "a", "1.4.2"), "kind": "pushed"})
    for name in ("1.4.2", "1.4.2_r1", "stable"):
        tags.add({**_moved(2, 1, "a", name), "kind": "promoted", "to": "r/prod", "version": "1.4.2"})
    assert [(one.target, one.tag) for one in tags.shown()] == [("r/prod", "stable")]


def test_latest_comes_first_then_versions_from_the_highest_then_names() -> None:
    tags = MovingTags()
    for seq, name in enumerate(("main", "1", "1.9", "1.10", "2", "latest", "edge", "2.0")):
        tags.add(_moved(seq, seq, "a", name))
    assert [one.tag for one in tags.shown()] == ["latest", "2", "2.0", "1", "1.10", "1.9", "edge", "main"]


def test_only_the_tags_that_changed_last_are_shown() -> None:
    tags = MovingTags()
    for seq in range(3 * SHOWN):
        tags.add(_moved(seq, seq, "a", f"branch-{seq}"))
    assert {one.last for one in tags.shown()} == set(range(2 * SHOWN, 3 * SHOWN))
    assert tags.count == 3 * SHOWN
