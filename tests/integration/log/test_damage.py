"""Commands that read or append to a damaged log report the damage, in every kind of store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from release.app.help_topics import topic_of
from release.app.log.anchor import warn_of_lost_entries
from release.app.log.verify import fault, verify
from release.app.log.verify_report import VerifyRequest
from release.app.session import Session
from release.errors import LogCorrupt, LogUnavailable, RefusedError, ReleaseError
from release.log import Head
from release.log.replicate import copy
from release.log.sealing import seal
from release.log.torn import Torn
from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.facts import planned, whole_release
from tests.support.logs.tampering import cut, disarm, execute, replace
from tests.support.logs.workspaces import Notes, section, workspace

FACTS = [fact for number in range(4) for fact in whole_release(f"r{number}", f"1.4.{number}")]


@pytest.fixture(params=STORES)
def description(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Give a log of 20 entries: four appends of five."""
    described = describe(str(request.param), request, tmp_path)
    session = workspace(tmp_path / "work", described)
    for first in range(0, 20, 5):
        session.log.append(FACTS[first : first + 5])
    return described


def test_log_verify_finds_a_cut_tail_only_with_an_anchor(description: dict[str, Any], tmp_path: Path) -> None:
    head = verify(workspace(tmp_path / "work", description), VerifyRequest()).head
    assert head.startswith("19:")
    told = verify(workspace(tmp_path / "work", description), VerifyRequest(anchor=head))
    assert told.anchor == head
    cut(description, 15, 20)
    fresh = tmp_path / "another machine"
    assert verify(workspace(fresh, description), VerifyRequest()).entries == 15
    for session, anchor in (
        (workspace(fresh, description), head),
        (workspace(fresh, description, env={"SHIPMARK_LOG_ANCHOR": head}), None),
    ):
        with pytest.raises(LogCorrupt, match="ends with entry 14: 5 entries or more were cut off") as caught:
            verify(session, VerifyRequest(anchor=anchor))
        assert "restore the log" in str(caught.value.hint)
    workspace(fresh, description).log.append([planned("other")] + [planned("x", f"a{n}") for n in range(9)])
    with pytest.raises(LogCorrupt, match="has another entry 19: its hash is"):
        verify(workspace(fresh, description), VerifyRequest(anchor=head))


def test_log_verify_compares_every_copy_with_the_log(description: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "first.jsonl"
    first = {"store": "file", "path": str(path)}
    log = [first, section(description)]

    def found(machine: str) -> tuple[str, type[ReleaseError] | None]:
        report = verify(workspace(tmp_path / machine, description, log=log), VerifyRequest())
        (one,) = report.copies
        error = fault(report)
        if error is not None:
            assert topic_of(error) in {"log-copies", "log-corrupt"}
            assert error.hint
        return one.finding, type(error) if error is not None else None

    workspace(tmp_path / "other", first).log.append([planned("other")])
    assert found("a") == ("differs", RefusedError)
    path.unlink()
    assert found("a") == ("ahead", LogCorrupt)
    copy(workspace(tmp_path / "a", description).log.store, workspace(tmp_path / "a", first).log.store)
    assert found("a") == ("same", None)
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:15]))
    assert found("a") == ("ahead", LogCorrupt)
    path.write_bytes(whole.replace(b"1.4.3", b"1.4.9", 1))
    with pytest.raises(LogCorrupt) as damaged:
        found("a")
    assert "is whole and has 20 entries" in str(damaged.value.hint)
    path.write_bytes(whole)
    cut(description, 15, 20)
    assert found("b") == ("behind", None)
    workspace(tmp_path / "b", description, log=log).log.append([planned("next")])
    assert found("b") == ("same", None)


def test_log_verify_names_a_copy_that_is_damaged_or_away(tmp_path: Path) -> None:
    first, copied = ({"store": "file", "path": str(tmp_path / name)} for name in ("a.jsonl", "b.jsonl"))
    away = {"store": "git", "remote": f"file://{tmp_path}/none.git"}
    session = workspace(tmp_path / "work", first, log=[first, copied, away])
    session.log.append(FACTS[:5])
    Path(copied["path"]).write_text("not a log\n")
    report = verify(workspace(tmp_path / "work", first, log=[first, copied, away]), VerifyRequest())
    assert [(one.log, one.finding) for one in report.copies] == [
        (copied["path"], "corrupt"),
        (f"refs/shipmark/log at {away['remote']}", "unknown"),
    ]
    error = fault(report)
    assert isinstance(error, LogCorrupt)
    assert "move it away" in str(error.hint)
    only_away = msgspec.structs.replace(report, copies=report.copies[1:])
    assert type(fault(only_away)) is LogUnavailable


def test_a_run_warns_of_an_anchor_that_the_log_lacks(description: dict[str, Any], tmp_path: Path) -> None:
    head = verify(workspace(tmp_path / "work", description), VerifyRequest()).head
    said = {head: "", "19": "is not the head of a log", head[:-1] + "z": "is not the head of a log"}
    said[f"19:{'0' * 64}"] = "has another entry 19"
    said[f"23:{'0' * 64}"] = "ends with entry 19: 4 entries or more were cut off"
    for anchor, text in said.items():
        sink = Notes()
        env = {"SHIPMARK_LOG_ANCHOR": anchor}
        warn_of_lost_entries(workspace(tmp_path / "work", description, sink=sink, env=env))
        assert [text in warning for warning in sink.warnings] == ([True] if text else [])


def test_several_damaged_appends_of_a_log_are_reported_and_not_repaired(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    session = workspace(tmp_path / "work", {"store": "file", "path": str(path)})
    for fact in FACTS:
        session.log.append([fact])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:15], *(line[:-2] + b"x\n" for line in lines[15:])]))
    damaged = path.read_bytes()

    def again(sink: Notes | None = None) -> Session:
        return workspace(tmp_path / "work", {"store": "file", "path": str(path)}, sink=sink)

    with pytest.raises(LogCorrupt, match="entry 15 and entries after it are damaged"):
        verify(again(), VerifyRequest())
    with pytest.raises(LogCorrupt, match="entry 15 and entries after it are damaged"):
        again().log.append([planned("later")])
    assert path.read_bytes() == damaged
    assert [one.name for one in tmp_path.glob("log.jsonl.torn-*")] == []


def test_log_verify_reports_a_torn_append_with_its_offset_size_and_copy(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    described = {"store": "file", "path": str(path)}
    workspace(tmp_path / "work", described).log.append(FACTS[:5])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"at":"2026')
    offset = len(whole)
    found = verify(workspace(tmp_path / "work", described), VerifyRequest())
    assert (found.entries, found.torn) == (5, (Torn(offset=offset, size=11),))
    sink = Notes()
    workspace(tmp_path / "work", described, sink=sink).log.append(FACTS[5:10])
    (told,) = sink.warnings
    assert f"11 bytes from byte {offset} on were put aside in `log.jsonl.torn-{offset}-0`" in told
    found = verify(workspace(tmp_path / "work", described), VerifyRequest())
    assert (found.entries, found.torn) == (
        10,
        (Torn(offset=offset, size=11, copy=f"log.jsonl.torn-{offset}-0"),),
    )
    sink = Notes()
    workspace(tmp_path / "work", described, sink=sink).log.append(FACTS[10:15])
    assert sink.warnings == []


def without_one_tag(line: bytes) -> bytes:
    """The line, sealed again: only the next line tells that it is another one."""
    fields = json.loads(line)
    rest = {name: value for name, value in fields.items() if name not in ("hash", "tags")}
    return seal(rest, Head(seq=fields["seq"] - 1, hash=fields["prev"]), fields["at"])


Lines = list[bytes]
#: What was done to the lines of a log, and the first entry that is told to be wrong.
DAMAGES: dict[str, tuple[Callable[[Lines], Lines], int]] = {
    "a byte changed": (lambda on: [*on[:7], on[7].replace(b"1.4.1", b"1.4.7"), *on[8:]], 7),
    "an entry sealed again": (lambda on: [*on[:7], without_one_tag(on[7]), *on[8:]], 8),
    "two entries in another order": (lambda on: [*on[:7], on[8], on[7], *on[9:]], 7),
    "an entry removed": (lambda on: [*on[:7], *on[8:]], 7),
    "an entry twice": (lambda on: [*on[:8], *on[7:]], 8),
    "members in another order": (
        lambda on: [*on[:7], json.dumps(dict(reversed(json.loads(on[7]).items()))).encode(), *on[8:]],
        7,
    ),
    "every later entry changed": (
        lambda on: [*on[:5], *[one.replace(b"1.4.", b"1.5.") for one in on[5:]]],
        5,
    ),
}


def test_every_kind_of_damage_in_the_middle_of_a_log_is_told_with_its_place(
    description: dict[str, Any], tmp_path: Path
) -> None:
    lines = [entry.raw for entry in workspace(tmp_path / "work", description).log.entries()]
    for name, (damage, place) in DAMAGES.items():
        damaged = damage(lines)
        replace(description, damaged)
        for ask in (
            lambda on: verify(on, VerifyRequest()),
            lambda on: on.log.append([planned("later")]),
        ):
            with pytest.raises(LogCorrupt) as caught:
                ask(workspace(tmp_path / name, description))
            assert f"entry {place} " in str(caught.value), name
            assert caught.value.hint, name
    replace(description, lines)
    assert verify(workspace(tmp_path / "healed", description), VerifyRequest()).entries == 20


#: What somebody with access did to the tables, and what is told. On PostgreSQL, the first and the last suffice.
CHANGES = {
    "DELETE FROM log_entry WHERE seq = 19": "lost entries: `log_head` says that entry 19 .* end with 18",
    "DELETE FROM log_entry": "lost entries: `log_head` says that entry 19 .* there are none",
    f"UPDATE log_head SET hash = '{'1' * 64}'": "lost entries: .* entry 19 is another one",
    "UPDATE log_head SET seq = 17": "lost entries: .* entry 17 is another one",
    "DELETE FROM log_entry WHERE seq = 7": "entry 7 is missing or out of place",
    "UPDATE log_entry SET line = '{}' WHERE seq = 19": "entry 19 is not a record",
}
ROWS = [("sqlite", change) for change in CHANGES] + [("postgresql", one) for one in [*CHANGES][::5]]


@pytest.mark.parametrize(("kind", "change"), ROWS)
def test_log_verify_reports_damage_to_a_database(
    kind: str, change: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    described = describe(kind, request, tmp_path)
    session = workspace(tmp_path / "work", described)
    session.log.append(FACTS)
    disarm(described["url"])
    execute(described["url"], change)
    with pytest.raises(LogCorrupt, match=CHANGES[change]) as caught:
        verify(workspace(tmp_path / "work", described), VerifyRequest())
    assert caught.value.hint
