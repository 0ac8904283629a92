"""Reading a log file: torn tails are skipped, corruption is reported, and every entry before them is returned."""

from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from release.errors import LogCorrupt, LogError
from release.log import Head
from release.log.chain import head_of, read_line
from release.log.jsonl import last_entry, scan
from release.log.sealing import seal_all
from tests.support.logs.facts import planned

AT = "2026-11-20T10:00:00.000Z"


def log(*batches: int) -> list[bytes]:
    """Return the lines of a log, with newlines, to which batches of the given numbers of facts were appended."""
    head, lines, number = Head(), [], 0
    for size in batches:
        facts = {f"{number + each:032}": planned(attempt=str(number + each)) for each in range(size)}
        sealed = seal_all(facts, head, AT)
        number += size
        head = head_of(sealed[-1])
        lines += [entry.raw + b"\n" for entry in sealed]
    return lines


SIX = log(1, 1, 1, 1, 1, 1)
WITH_BATCH = log(1, 2, 3)  # entries 0 | 1 2 | 3 4 5


def seqs(data: bytes, head: Head = Head()) -> list[int]:  # noqa: B008 - frozen
    return [entry.seq for entries in scan([data], head) for entry in entries]


def test_scanning_a_log_may_continue_after_any_entry() -> None:
    for start in range(6):
        head = head_of(read_line(SIX[start - 1][:-1])) if start else Head()
        assert seqs(b"".join(SIX[start:]), head) == list(range(start, 6))


@given(st.lists(st.integers(0, len(b"".join(SIX))), max_size=9))
def test_scanning_a_log_accepts_chunks_that_end_anywhere(cuts: list[int]) -> None:
    data = b"".join(SIX)
    edges = [0, *sorted(cuts), len(data)]
    chunks = [data[start:end] for start, end in itertools.pairwise(edges)]
    found = [entry for entries in scan(chunks, Head()) for entry in entries]
    assert [entry.seq for entry in found] == list(range(6))
    assert [entry.raw + b"\n" for entry in found] == SIX


@given(st.integers(0, 5), st.data())
def test_truncated_log_keeps_every_whole_entry(kept: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, len(SIX[kept]) - 1))
    assert seqs(b"".join(SIX[:kept]) + SIX[kept][:part]) == list(range(kept))


@given(st.integers(0, 6), st.binary(max_size=300))
@example(6, b"\n")
@example(6, b"\0" * 200 + b"\n" + b"\0" * 50)
def test_garbage_at_the_end_of_a_log_hides_no_entry(kept: int, garbage: bytes) -> None:
    assert seqs(b"".join(SIX[:kept]) + garbage) == list(range(kept))


@given(st.integers(0, 5), st.data())
def test_zeroed_sectors_in_the_last_line_are_a_torn_tail(kept: int, data: st.DataObject) -> None:
    line = SIX[kept]
    start = data.draw(st.integers(0, len(line) - 2))
    end = data.draw(st.integers(start + 1, len(line) - 1))
    assert seqs(b"".join(SIX[:kept]) + line[:start] + b"\0" * (end - start) + line[end:]) == list(range(kept))


@given(st.integers(0, 4), st.data())
def test_damaged_entry_followed_by_others_is_corruption(hit: int, data: st.DataObject) -> None:
    line = SIX[hit]
    start = data.draw(st.integers(0, len(line) - 2))
    damaged = line[:start] + data.draw(st.binary(min_size=1, max_size=9)) + line[start + 1 :]
    if damaged == line or damaged.startswith(b"\n"):
        return
    with pytest.raises((LogCorrupt, LogError), match=r"entry \d"):
        seqs(b"".join([*SIX[:hit], damaged, *SIX[hit + 1 :]]))


@given(st.integers(0, 5), st.data())
def test_edited_line_at_the_end_of_a_log_is_never_returned_as_an_entry(hit: int, data: st.DataObject) -> None:
    line = SIX[hit]
    digits = [place for place, byte in enumerate(line) if chr(byte) in "abcdef"]
    place = data.draw(st.sampled_from(digits))
    edited = line[:place] + (b"x" if data.draw(st.booleans()) else b"y") + line[place + 1 :]
    # Where a member's name was hit, what is left is no record, and torn as far as anybody can tell.
    with suppress(LogCorrupt):
        assert seqs(b"".join([*SIX[:hit], edited])) == list(range(hit))


def test_edited_log_entry_followed_by_others_is_reported_with_its_position() -> None:
    edited = [*SIX[:3], SIX[3].replace(b'"latest"', b'"oldest"'), *SIX[4:]]
    with pytest.raises(LogCorrupt, match=r"^entry 3 was changed after it was written"):
        seqs(b"".join(edited))


@pytest.mark.parametrize("hit", range(5))
def test_missing_line_of_a_log_is_reported_with_its_position(hit: int) -> None:
    with pytest.raises(LogCorrupt, match=f"^entry {hit} is missing"):
        seqs(b"".join([*SIX[:hit], *SIX[hit + 1 :]]))


def test_swapped_and_repeated_lines_of_a_log_are_reported() -> None:
    with pytest.raises(LogCorrupt, match=r"^entry 2 is missing or out of place: entry 3 stands there"):
        seqs(b"".join([*SIX[:2], SIX[3], SIX[2], *SIX[4:]]))
    with pytest.raises(LogCorrupt, match=r"^entry 3 is missing or out of place: entry 2 stands there"):
        seqs(b"".join([*SIX[:3], SIX[2], *SIX[3:]]))


def test_blank_line_is_damage_in_the_middle_of_a_log_and_ignored_at_its_end() -> None:
    with pytest.raises(LogCorrupt, match=r"^entry 3 is damaged, and entries follow it"):
        seqs(b"".join([*SIX[:3], b"\n", *SIX[3:]]))
    assert seqs(b"".join([*SIX, b"\n", b"\n"])) == list(range(6))


def test_incomplete_batch_at_the_end_of_a_log_is_dropped_as_a_whole() -> None:
    data = b"".join(WITH_BATCH)
    assert seqs(data) == [0, 1, 2, 3, 4, 5]
    for lines, expected in ((5, 3), (4, 3), (3, 3), (2, 1), (1, 1)):
        assert seqs(b"".join(WITH_BATCH[:lines])) == list(range(expected))
        assert seqs(b"".join(WITH_BATCH[:lines]) + b"{") == list(range(expected))


@pytest.mark.parametrize("lost", [[3], [4], [3, 4], [5], [3, 5], [4, 5], [3, 4, 5]])
def test_last_batch_with_any_lost_lines_is_a_torn_tail(lost: list[int]) -> None:
    lines = [b"\0" * len(line) if place in lost else line for place, line in enumerate(WITH_BATCH)]
    assert seqs(b"".join(lines)) == [0, 1, 2]


@pytest.mark.parametrize("lost", [1, 2])
def test_damaged_batch_followed_by_entries_is_corruption(lost: int) -> None:
    lines = [b"\0" * len(line) if place == lost else line for place, line in enumerate(WITH_BATCH)]
    with pytest.raises(LogCorrupt, match=f"^entry {lost} is damaged"):
        seqs(b"".join(lines))


def test_last_log_entry_is_found_in_the_last_bytes_of_the_file() -> None:
    data = b"".join(SIX)
    found = last_entry(data[-700:], whole=False)
    assert found is not None
    assert found.seq == 5
    only = last_entry(SIX[0], whole=True)
    assert only is not None
    assert only.seq == 0


@pytest.mark.parametrize(
    ("tail", "whole"),
    [
        (b"", True),
        (SIX[5][:-1], True),
        (SIX[5], False),
        (b"\n" + SIX[5] + b"{", False),
        (b"\n" + b"".join(WITH_BATCH[:2]), False),
        (b"\n\0\0\0\n", False),
    ],
    ids=["empty", "no newline", "perhaps half a line", "torn", "half a batch", "zeros"],
)
def test_last_entry_is_none_when_the_tail_is_damaged_or_too_short(tail: bytes, whole: bool) -> None:
    assert last_entry(tail, whole=whole) is None
