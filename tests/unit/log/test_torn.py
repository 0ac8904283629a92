"""Which damage at a log's end can be one torn append, and which is reported as corruption."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from release.errors import LogCorrupt
from release.log import Head
from release.log.chain import head_of, read_line
from release.log.jsonl import scan
from release.log.sealing import seal_all
from tests.support.logs.facts import built, moved, planned, pushed, released, whole_release

AT = "2026-11-20T10:00:00.000Z"

Damage = Callable[[bytes], bytes]


def log(*batches: int) -> list[bytes]:
    """Return the lines of a log of releases, with newlines; `batches`: the number of facts in each append."""
    head, lines, number = Head(), [], 0
    facts = [fact for each in range(sum(batches)) for fact in whole_release(f"r{each}", f"1.4.{each}")]
    for size in batches:
        sealed = seal_all({f"{number + each:032}": facts[number + each] for each in range(size)}, head, AT)
        number += size
        head = head_of(sealed[-1])
        lines += [entry.raw + b"\n" for entry in sealed]
    return lines


#: Ten appends of one entry, and the same entries as three appends, the last of five.
SINGLE, BATCHES = log(*[1] * 10), log(4, 1, 5)

DAMAGE: dict[str, Damage] = {
    "last byte before the newline": lambda line: line[:-2] + b"x\n",
    "last byte before the newline zeroed": lambda line: line[:-2] + b"\0\n",
    "newline": lambda line: line[:-1] + b"x",
    "newline zeroed": lambda line: line[:-1] + b"\0",
    "first byte": lambda line: b"x" + line[1:],
    "a byte in the middle": lambda line: line[: len(line) // 2] + b"\x01" + line[len(line) // 2 + 1 :],
    "a hundred bytes at the end": lambda line: line[:-101] + b"#" * 100 + b"\n",
    "everything but the newline": lambda line: b"#" * (len(line) - 1) + b"\n",
    "a second newline": lambda line: line[:-2] + b"\n" + line[-1:],
}


def seqs(lines: list[bytes]) -> list[int]:
    return [entry.seq for entries in scan([b"".join(lines)], Head()) for entry in entries]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_to_several_appends_at_the_end_is_corruption(damage: Damage) -> None:
    for hit in range(2, 6):
        lines = [*SINGLE[:-hit], *map(damage, SINGLE[-hit:])]
        with pytest.raises(LogCorrupt, match=f"^entry {10 - hit} .*damage") as caught:
            seqs(lines)
        assert "restore the log from a copy" in str(caught.value.hint)
    # A torn last append, and an entry of the append before.
    with pytest.raises(LogCorrupt, match=r"^entry 4 .*damage"):
        seqs([*BATCHES[:4], *map(damage, BATCHES[4:])])


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_to_the_last_append_alone_is_a_torn_append(damage: Damage) -> None:
    assert seqs([*SINGLE[:-1], damage(SINGLE[-1])]) == list(range(9))
    for hit in range(1, 6) if damage is not DAMAGE["everything but the newline"] else range(1, 2):
        assert seqs([*BATCHES[:-hit], *map(damage, BATCHES[-hit:])]) == list(range(5))


@pytest.mark.parametrize("size", [1 << 25, 1 << 26])
def test_more_damage_than_an_append_can_have_is_corruption(size: int) -> None:
    line = b"\0" * 4095 + b"\n"
    with pytest.raises(LogCorrupt, match=r"^entry 10 and entries after it are damaged"):
        list(scan([b"".join(SINGLE), *[line] * (size // 4096)], Head()))


def test_text_inside_an_entry_is_not_taken_for_another_entry() -> None:
    reason = 'it said {"at":"x","schema":"shipmark.log/1","seq":3}'
    facts = {f"{0:032}": planned(), f"{1:032}": planned(attempt="b", reason=reason)}
    lines = [entry.raw + b"\n" for entry in seal_all(facts, Head(), AT)]
    assert reason.replace('"', '\\"').encode() in lines[1]
    assert seqs([lines[0], lines[1][:-2] + b"x\n"]) == []


def test_log_lines_begin_with_a_member_that_the_scan_expects() -> None:
    for fact in (planned(), built(), pushed(), released(), moved(), planned(actor="a")):
        (entry,) = seal_all({f"{0:032}": fact}, Head(), AT)
        assert read_line(entry.raw).raw.startswith((b'{"actor":', b'{"at":'))
