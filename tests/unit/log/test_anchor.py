"""Anchors, which are heads of a log stored outside of it: how they are parsed, and which logs contradict them."""

from __future__ import annotations

import pytest

from release.errors import ConfigError
from release.log import Head
from release.log.anchor import anchor_text, contradiction, newest, parse_anchor
from tests.support.logs.facts import MemoryStore, whole_release, writer

HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize("text", [f"12:{HASH}", f" 12:{HASH}\n"])
def test_anchor_is_parsed_into_position_and_hash(text: str) -> None:
    assert parse_anchor(text, given="--anchor") == Head(seq=12, hash=HASH)


def test_newest_anchor_has_the_highest_position() -> None:
    assert anchor_text(Head()) == ""
    nine, ten = anchor_text(Head(seq=9, hash=HASH)), anchor_text(Head(seq=10, hash=HASH))
    assert newest(nine, ten, "") == newest(ten, "", nine) == f"10:{HASH}"
    assert newest("", "") == ""


@pytest.mark.parametrize(
    "text", ["", "12", HASH, f"12:{HASH[:-1]}", f"-1:{HASH}", f"12:{HASH.upper()}", f"1{'0' * 30}:{HASH}"]
)
def test_text_that_is_not_an_anchor_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ConfigError, match="`--anchor` is not the head of a log") as caught:
        parse_anchor(text, given="--anchor")
    assert "N:HASH" in str(caught.value.hint)


def test_a_log_contradicts_an_anchor_that_it_lacks() -> None:
    log = writer(MemoryStore())
    log.append(whole_release("r", "1.4.2"))
    entries = list(log.entries())
    for entry in entries:
        anchor = Head(seq=entry.seq, hash=entry.fields["hash"])
        assert contradiction(anchor, entry, 5) is None
    assert contradiction(Head(seq=4, hash=HASH), entries[4], 5) == (
        f"has another entry 4: its hash is {entries[4].fields['hash'][:12]}…, and it was {HASH[:12]}…"
    )
    assert contradiction(Head(seq=5, hash=HASH), None, 5) == "ends with entry 4: 1 entry or more were cut off"
    assert (
        contradiction(Head(seq=9, hash=HASH), None, 5) == "ends with entry 4: 5 entries or more were cut off"
    )
    assert contradiction(Head(seq=9, hash=HASH), None, 0) == "is empty, and had 10 entries or more"
