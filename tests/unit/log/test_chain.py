"""Sealing facts into lines, and verifying stored lines."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from release.canonical_json import digest_of
from release.errors import LogCorrupt, LogError
from release.log import LINE_LIMIT, Head
from release.log.chain import Malformed, head_of, read_line, verify_line, verify_lines
from release.log.sealing import seal, seal_all
from tests.support.logs.facts import independently_verified, planned

AT = "2026-11-20T10:00:00.000Z"
NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=6)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
FACTS = st.dictionaries(NAMES, VALUES, max_size=5).map(lambda extra: {**extra, "kind": "note"})


def sealed(*facts: dict[str, Any]) -> list[bytes]:
    lines, head = [], Head()
    for fact in facts:
        lines.append(seal(fact, head, AT))
        head = head_of(verify_line(lines[-1], head))
    return lines


@given(FACTS)
def test_sealed_lines_are_canonical_json_by_rfc_8785(fact: dict[str, Any]) -> None:
    line = seal(fact, Head(), AT)
    assert line == rfc8785.dumps(json.loads(line))


@given(st.lists(FACTS, max_size=4))
def test_sealed_log_entries_are_verified_by_an_independent_implementation(
    facts: list[dict[str, Any]],
) -> None:
    assert len(independently_verified(sealed(*facts))) == len(facts)


@given(FACTS)
def test_members_of_a_sealed_fact_are_read_back_unchanged(fact: dict[str, Any]) -> None:
    entry = verify_line(seal(fact, Head(), AT), Head())
    ours = ("schema", "seq", "prev", "hash", "id", "at", "batch")
    kept = {name: value for name, value in fact.items() if name not in ours}
    assert {name: value for name, value in entry.fields.items() if name not in ours} == kept
    assert entry.fields["schema"] == "shipmark.log/1"


def test_first_line_of_a_log_has_the_documented_bytes() -> None:
    line = seal({"kind": "note", "project": "p", "text": "é\n"}, Head(), AT)
    identity = hashlib.sha256(
        b'shipmark.log/1 id\n{"kind":"note","project":"p","text":"\xc3\xa9\\n"}'
    ).hexdigest()
    without = (
        f'{{"at":"{AT}","id":"{identity[:32]}","kind":"note","prev":"{"0" * 64}","project":"p",'
        '"schema":"shipmark.log/1","seq":0,"text":"é\\n"}'
    )
    digest = hashlib.sha256(b"shipmark.log/1\n" + without.encode()).hexdigest()
    assert line == without.replace('"id"', f'"hash":"{digest}","id"').encode()


def test_member_batch_of_a_log_entry_holds_the_first_and_last_seq() -> None:
    entries = seal_all({name: planned(attempt=name) for name in "abc"}, Head(seq=4, hash="1" * 64), AT)
    assert [json.loads(entry.raw)["batch"] for entry in entries] == [{"first": 5, "last": 7}] * 3
    (alone,) = seal_all({"a": planned()}, Head(), AT)
    assert "batch" not in json.loads(alone.raw)


@given(st.data())
def test_verify_line_detects_any_changed_byte(data: st.DataObject) -> None:
    (line,) = sealed(planned())
    position = data.draw(st.integers(0, len(line) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != line[position]))
    with pytest.raises((LogCorrupt, LogError)):
        verify_line(line[:position] + bytes([byte]) + line[position + 1 :], Head())


@given(st.lists(FACTS, min_size=1, max_size=4), st.data())
def test_lines_verified_at_once_are_sound_if_each_of_them_is(
    facts: list[dict[str, Any]], data: st.DataObject
) -> None:
    lines = sealed(*facts)
    entries, head = [], Head()
    for line in lines:
        entries.append(verify_line(line, head))
        head = head_of(entries[-1])
    assert verify_lines(lines, Head()) == entries
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != lines[number][at]))
    changed = lines[number][:at] + bytes([byte]) + lines[number][at + 1 :]
    assert verify_lines([*lines[:number], changed, *lines[number + 1 :]], Head()) is None
    assert verify_lines([*lines, b""], Head()) is None
    assert verify_lines(lines, Head(hash="1" * 64)) is None
    assert verify_lines(lines[1:] + lines[:1], Head()) in (None, entries[:1])  # the latter for one line


@given(st.binary())
def test_read_line_refuses_random_bytes_as_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_line(raw)


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"", "truncated"),
        (b"[]", "missing"),
        (b'{"seq":0}', "missing"),
        (b'{"a":NaN}', "invalid"),
        (b"\xff\xfe", "invalid"),
        (b"[" * 100_000, ""),
        (b'{"a":' * 100_000, ""),
        (b'{"a":"' + b"x" * LINE_LIMIT + b'"}', "bytes in one line"),
    ],
)
def test_verify_line_names_the_position_of_a_malformed_line(raw: bytes, cause: str) -> None:
    with pytest.raises(LogCorrupt, match=f"entry 0 is not a record: .*{cause}"):
        verify_line(raw, Head())
    assert verify_lines([raw], Head()) is None


def rehashed(text: str) -> bytes:
    """Return `text` with the hash that fits it, as a forged log line would have."""
    digest = hashlib.sha256(b"shipmark.log/1\n" + text.encode()).hexdigest()
    return text.replace('"kind"', f'"hash":"{digest}","kind"', 1).encode()


@pytest.mark.parametrize(
    "text",
    [
        '{{"at":"x","kind":"a","kind":"b","prev":"{0}","schema":"shipmark.log/1","seq":0}}',
        '{{"at":"x","kind":"a", "prev":"{0}","schema":"shipmark.log/1","seq":0}}',
        '{{"kind":"a","at":"x","prev":"{0}","schema":"shipmark.log/1","seq":0}}',
        '{{"at":"\\u0041","kind":"a","prev":"{0}","schema":"shipmark.log/1","seq":0}}',
    ],
    ids=["duplicate member", "space", "order", "escape"],
)
def test_log_line_with_a_valid_hash_in_non_canonical_form_is_refused(text: str) -> None:
    forged = rehashed(text.format("0" * 64))
    with pytest.raises(LogCorrupt, match="not in canonical form"):
        verify_line(forged, Head())
    assert verify_lines([forged], Head()) is None


@pytest.mark.parametrize(
    "text",
    [
        '{{"kind":"a","prev":"{0}","schema":"shipmark.log/1","seq":0}}',
        '{{"kind":"a","prev":"{0}","schema":"shipmark.log/2","seq":0}}',
        '{{"kind":"a","prev":"{0}","schema":"shipmark.log/1","seq":0.0}}',
        '{{"kind":"a","prev":"{0}","schema":"shipmark.log/1","seq":false}}',
        '{{"kind":"a","prev":0,"schema":"shipmark.log/1","seq":0}}',
        '{{"kind":"a","schema":"shipmark.log/1","seq":0}}',
        '{{"kind":"a","prev":"{0}","schema":"shipmark.log/1","seq":1}}',
        '[{{"kind":"a","prev":"{0}","schema":"shipmark.log/1","seq":0}}]',
    ],
)
def test_forged_lines_are_refused_alone_and_at_once_alike(text: str) -> None:
    forged = rehashed(text.format("0" * 64))
    try:
        expected = [verify_line(forged, Head())]
    except LogError:
        expected = None
    assert (expected is not None) == (text == '{{"kind":"a","prev":"{0}","schema":"shipmark.log/1","seq":0}}')
    assert verify_lines([forged], Head()) == expected


def test_json_value_over_two_lines_is_refused() -> None:
    (line,) = sealed(planned())
    first, second = line.split(b",", 1)
    assert verify_lines([first + b",", second], Head()) is None
    assert verify_lines([line + b" ", line], Head()) is None


def test_nested_members_named_hash_do_not_disturb_verification() -> None:
    inner = {"kind": "note", "a": {"hash": "1" * 64}, "text": '"hash":"' + "2" * 64}
    line = seal(inner, Head(), AT)
    entry = verify_line(line, Head())
    assert entry.fields["a"] == {"hash": "1" * 64}
    assert verify_lines([line], Head()) == [entry]


def test_missing_log_entry_is_reported_with_its_position() -> None:
    lines = sealed(planned(attempt="a"), planned(attempt="b"), planned(attempt="c"))
    head = head_of(verify_line(lines[0], Head()))
    with pytest.raises(LogCorrupt, match="entry 1 is missing or out of place: entry 2 stands there"):
        verify_line(lines[2], head)
    assert verify_lines([lines[0], lines[2]], Head()) is None


def test_log_entry_that_does_not_continue_the_one_before_it_is_reported() -> None:
    other = seal(planned(), Head(seq=0, hash="1" * 64), AT)
    head = head_of(verify_line(sealed(planned())[0], Head()))
    with pytest.raises(LogCorrupt, match="entry 1 does not continue the entry before it"):
        verify_line(other, head)


def test_line_of_a_later_schema_asks_to_upgrade_shipmark() -> None:
    line = sealed(planned())[0].replace(b"shipmark.log/1", b"shipmark.log/2")
    with pytest.raises(LogError, match=r"`shipmark\.log/2`, which this shipmark cannot read") as caught:
        verify_line(line, Head())
    assert not isinstance(caught.value, LogCorrupt)
    assert caught.value.hint == "upgrade shipmark"


@pytest.mark.parametrize(
    "wrong",
    [{"a": 1.5}, {"a": None}, {"a": "\0"}, {"a": "\ud800"}, {"a": 2**53}, {"é": 1}, {"a": b"x"}],
    ids=repr,
)
def test_fact_without_canonical_form_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LogError, match="record `planned` cannot be written"):
        seal({"kind": "planned", **wrong}, Head(), AT)


def test_fact_too_long_for_a_log_line_is_refused() -> None:
    with pytest.raises(LogError, match=f"bytes long, at most {LINE_LIMIT} fit"):
        seal({"kind": "note", "text": "x" * LINE_LIMIT}, Head(), AT)


@pytest.mark.parametrize("value", [{"ü": "1", "a": [{"😀": "2", "\ufb01": "3"}]}, {"b": "ä", "a": 1}])
def test_digest_of_a_plan_with_any_keys_is_that_of_canonical_json_by_rfc_8785(value: dict[str, Any]) -> None:
    """Names of components and folders are keys of a plan. Code units order `😀` before `\ufb01`."""
    expected = hashlib.sha256(b"s/1\n" + rfc8785.dumps(value)).hexdigest()
    assert digest_of("s/1", value, any_keys=True) == expected
