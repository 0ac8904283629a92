"""The release attempts of other runs for whose end `run --wait` waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from release.log import Entry
from release.log.fold import fold
from release.log.waiters import ahead, lease_end

IMAGE = "ghcr.io/acme/app"
BEGUN = 1_760_000_000_000  # 2025-10-09T08:53:20.000Z
HOUR = 3_600_000


def planned(**more: Any) -> dict[str, Any]:
    return {
        "kind": "planned",
        "release": "c" * 64,
        "attempt": "a1",
        "project": "acme",
        "commit": "a" * 40,
        "at": "2025-10-09T08:53:20.000Z",
        "lease_ms": HOUR,
        "targets": [{"target": IMAGE}],
        "ci": {"system": "github", "run_id": "7", "job": "release"},
        **more,
    }


def waits_for(*facts: dict[str, Any], now: int = BEGUN + 1, **asks: Any) -> list[str]:
    entries = [
        Entry(raw=b"", fields={"seq": number, "hash": "", **fact}) for number, fact in enumerate(facts)
    ]
    given: dict[str, Any] = {"projects": frozenset({"acme"}), "targets": frozenset(), "run": {}, **asks}
    return [one.id for one in ahead(fold(entries), entries, now=now, **given)]


@pytest.mark.parametrize(
    ("asks", "found"),
    [
        ({}, ["a1"]),
        ({"projects": frozenset({"other"})}, []),
        ({"projects": frozenset({"other"}), "targets": frozenset({IMAGE})}, ["a1"]),
        ({"run": {"system": "github", "run_id": "7", "job": "release"}}, []),
        ({"run": {"system": "github", "run_id": "8", "job": "release"}}, ["a1"]),
        ({"run": {"system": "github", "run_id": "7", "job": "other"}}, ["a1"]),
        ({"now": BEGUN + HOUR}, []),
        ({"now": BEGUN + HOUR - 1}, ["a1"]),
    ],
)
def test_only_open_attempts_at_releases_of_the_given_images_are_waited_for(
    asks: dict[str, Any], found: list[str]
) -> None:
    assert waits_for(planned(), **asks) == found


@pytest.mark.parametrize("end", ["failed", "cancelled", "abandoned", "released"])
def test_ended_release_attempts_are_not_waited_for(end: str) -> None:
    assert waits_for(planned(), planned(kind=end)) == []


def test_released_release_whose_moving_tags_are_not_recorded_is_waited_for() -> None:
    digest = "sha256:" + "1" * 64
    moves = [{"target": IMAGE, "tags": [{"name": "latest", "kind": "moving"}]}]
    begun = [planned(targets=moves), planned(kind="released", image={"digest": digest})]
    assert waits_for(*begun) == ["a1"]
    assert waits_for(*begun, planned(kind="failed")) == []
    assert waits_for(*begun, planned(kind="moved", target=IMAGE, image={"digest": digest})) == []


@pytest.mark.parametrize("odd", [{"lease_ms": 0}, {"lease_ms": 2**53 - 1}, {"at": "someday"}])
def test_release_attempt_without_an_end_that_has_a_date_is_not_waited_for(odd: dict[str, Any]) -> None:
    assert waits_for(planned(**odd)) == []


def test_attempt_of_a_run_outside_of_ci_is_waited_for_by_another_such_run() -> None:
    on_a_laptop = planned(ci={"system": "none"})
    assert waits_for(on_a_laptop, run={"system": "none", "run_id": None, "job": None}) == ["a1"]


def test_release_attempts_to_wait_for_are_returned_oldest_first() -> None:
    facts = [planned(attempt="a2"), planned(release="d" * 64, attempt="a3"), planned(attempt="a1")]
    assert waits_for(*facts) == ["a2", "a3", "a1"]


def test_lease_of_an_attempt_ends_at_its_start_plus_the_lease_time() -> None:
    state = fold([Entry(raw=b"", fields={"seq": 0, **planned()})])
    (attempt,) = state.open_attempts()
    assert lease_end(attempt) == BEGUN + HOUR


def test_only_entries_after_the_beginning_of_an_attempt_are_read() -> None:
    """A log may have a million entries, and a waiting run looks every few seconds."""

    class Read(list[Entry]):
        seen = 0

        def __iter__(self) -> Iterator[Entry]:
            raise AssertionError("every entry is read")

        def __reversed__(self) -> Iterator[Entry]:
            for entry in super().__reversed__():
                self.seen += 1
                yield entry

    moves = [{"target": IMAGE, "tags": [{"name": "latest", "kind": "moving"}]}]
    facts = [
        *(planned(release=f"{number:064}", attempt=str(number), kind="failed") for number in range(40)),
        planned(targets=moves),
        planned(kind="released", image={"digest": "sha256:" + "1" * 64}),
    ]
    entries = Read(
        Entry(raw=b"", fields={"seq": number, "hash": "", **fact}) for number, fact in enumerate(facts)
    )
    asked: dict[str, Any] = {"projects": frozenset({"acme"}), "targets": frozenset(), "run": {}}
    assert [one.id for one in ahead(fold(entries[:]), entries, now=BEGUN + 1, **asked)] == ["a1"]
    assert entries.seen <= 2
