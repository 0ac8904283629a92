"""Append one fact to the version log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from release.handler import World
from release.log import Entry
from release.log.identity import fact_id
from release.plan.model import Done, Free, Judgement, Slot, Step, unbound
from release.plan.operands import Record


class Records:
    """`record`. `context`: what every fact of this run says besides: attempt, ci, actor, source, tools."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        return f"record `{cast(Record, step.operands).fact['kind']}`"

    def observe(self, step: Step, world: World) -> Entry | None:
        """The entry that holds this very fact, if the log has it."""
        if unbound(step.operands):
            return None
        return world.log.find(fact_id(whole_fact(step, self._context)))

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: Entry | None) -> Judgement:
        """Done when the log has it."""
        del bindings
        if observation is None:
            return Free(reason=self.describe(step))
        return Done(
            reason=f"log entry {observation.seq}",
            bindings={"log-entry": f"{observation.seq}:{observation.fields.get('hash', '')}"},
        )

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Append it durably."""
        del bindings
        world.log.append([whole_fact(step, self._context)])
        return {}


def whole_fact(step: Step, context: Mapping[str, Any]) -> dict[str, Any]:
    """What the step records: its own fact, and what every fact of the run says."""
    fact = cast(Record, step.operands).fact
    said = {name: value for name, value in fact.items() if not isinstance(value, Slot)}
    tools = {**context.get("tools", {}), **said.get("tools", {})}
    return {**context, **said, **({"tools": tools} if tools else {})}
