"""Writers of the artifact `shipmark-status` that overwrite each other: every status is there at the end."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from release.control import Cancel
from release.effects.version_status import VersionStatuses
from release.errors import NotFound, PartialError
from release.handler import Work
from release.plan.model import Bindings
from release.plan.operands import PutStatus
from release.versions.status import KnownStatus, merged
from tests.support.releases.status_model import told_after
from tests.support.releases.statuses import yanked


class Forgetful:
    """A repository, and the registry that opens it, that accepts everything and stores nothing."""

    name = "r.example/acme/app"

    def open(self, _: str) -> Forgetful:
        return self

    def manifest(self, _: str) -> Any:
        raise NotFound("nothing is here")

    def put_blob(self, *_: Any) -> bool:
        return True

    def put_manifest(self, *_: Any, **__: Any) -> None:
        pass


class Pauses(Cancel):
    """Keeps the pauses instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_pauses_between_writes_of_a_version_status_are_spread(jitter: float) -> None:
    pauses = Pauses()
    handler = VersionStatuses(Forgetful(), cancel=pauses, jitter=lambda: jitter)  # type: ignore[arg-type]  # no registries
    operands = PutStatus(target="r.example/acme/app", statuses=yanked(["1.5.0"]))
    work = Work(id="put-status", scope="app", operands=operands, bound=Bindings())
    with pytest.raises(PartialError, match="others overwrite it all the time"):
        handler.act(work, ())
    assert pauses.seconds[1::2] == [0.05 * 2**number * (0.5 + jitter) for number in range(6)]
    assert set(pauses.seconds[::2]) == {0.25}


def restored(version: str, number: int) -> tuple[KnownStatus, ...]:
    return (KnownStatus(version=version, number=number, status="restored"),)


#: Which reply of either writer is lost: of its first write, which was stored or not.
LOST = [(None, None), ((1, True), None), (None, (1, True)), ((1, False), None), ((1, True), (1, False))]
PAIRS = {
    "two versions": (yanked(["1.5.0"]), yanked(["1.6.0", "1.6.1"])),
    "one version at once": (yanked(["1.5.0"]), restored("1.5.0", 1)),
    "one version after the other": (yanked(["1.5.0"]), restored("1.5.0", 2)),
}


# A command that meets no other makes eight requests: it observes, reads, puts two blobs, reads, writes and reads twice.
REQUESTS = 8


@pytest.mark.parametrize("pair", PAIRS)
def test_statuses_of_two_writers_are_there_wherever_both_are_stopped(pair: str) -> None:
    """One writer is stopped after some requests, the other one after some, the first one again, and so on."""
    statuses = PAIRS[pair]
    wanted = {name: (one.number, one.status) for name, one in merged(*statuses).items()}
    for first, second, third in itertools.product(range(REQUESTS + 1), range(REQUESTS + 1), (0, 1, 3, 8)):
        order = [*[0] * first, *[1] * second, *[0] * third, *[1] * REQUESTS]
        for lost in LOST if first == second else LOST[:1]:
            told = merged(told_after(statuses, order, lost))
            assert {name: (one.number, one.status) for name, one in told.items()} == wanted, (order, lost)
