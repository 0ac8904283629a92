"""A record of moving tags says what they hold when it is appended, also if the log was away in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from release.control import Cancel
from release.effects.held_now import HeldNow
from release.effects.record import Records
from release.errors import LogUnavailable
from release.handler import Work
from release.log import Head
from release.log.writer import Writer
from release.plan.model import Bindings
from release.plan.operands import Record
from tests.support.logs.facts import MemoryStore, TickingClock, moved, planned, writer


class Tags:
    """Stands in for the registry: `withheld` once another run has moved the tag."""

    def __init__(self) -> None:
        self.taken = False

    def as_held(self, fact: Mapping[str, Any]) -> dict[str, Any]:
        if not self.taken:
            return dict(fact)
        return {
            **fact,
            "tags": [{"name": "latest", "result": "withheld", "reason": "another run changed it"}],
        }


@pytest.mark.parametrize("is_written", [False, True])
def test_tags_that_another_run_moves_while_the_log_is_away_are_recorded_as_withheld(is_written: bool) -> None:
    tags = Tags()

    class Restarting(MemoryStore):
        restarts = 0

        def append(self, lines: Sequence[bytes], expected: Head) -> None:
            if self.restarts:
                self.restarts -= 1
                if is_written:  # and the reply is lost
                    super().append(lines, expected)
                tags.taken = True
                rival = MemoryStore()
                rival.lines = self.lines
                writer(rival).append([moved("higher", "image-of-higher", attempt="b")])
                raise LogUnavailable("the database system is starting up")
            super().append(lines, expected)

    store = Restarting()
    log = Writer(store, clock=TickingClock(), cancel=Cancel(), jitter=lambda: 0.0)
    log.append([planned()])
    store.restarts = 1
    fact = {name: value for name, value in moved().items() if name != "attempt"}
    work = Work(id="record:moved", scope="", operands=Record(fact=fact), bound=Bindings())
    handler = Records(log, {"attempt": "a"}, cast("HeldNow", tags))
    handler.act(work, None)
    mine = [one.fields for one in log.entries() if one.kind == "moved" and one.fields["attempt"] == "a"]
    results = [one["tags"][0]["result"] for one in mine]
    # What was written before the other run moved the tag was right then.
    assert results == (["moved"] if is_written else ["withheld"])
    assert handler.observe(work) is not None
