"""Writers of the artifact `shipmark-status` that overwrite each other pause for different times."""

from __future__ import annotations

from typing import Any

import pytest

from release.control import Cancel
from release.effects.version_status import VersionStatuses
from release.errors import NotFound, PartialError
from release.handler import Work
from release.plan.model import Bindings
from release.plan.operands import PutStatus
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
    assert pauses.seconds == [0.05 * 2**number * (0.5 + jitter) for number in range(6)]
