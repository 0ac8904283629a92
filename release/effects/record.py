"""Append one fact to the version log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from release.handler import Work
from release.log import Entry, LogWriter
from release.log.identity import fact_id
from release.plan.model import Bindings, Done, Free, Judgement, Slot, binding, unbound
from release.plan.operands import LOG_ENTRY, Record


class Records:
    """`record`. `context`: what every fact of this run says besides: attempt, ci, actor, source, tools."""

    kind = Record

    def __init__(self, log: LogWriter, context: Mapping[str, Any]) -> None:
        self._log = log
        self._context = context

    def describe(self, operands: Record) -> str:
        """One line for the preview."""
        return f"record `{operands.fact['kind']}`"

    def observe(self, work: Work[Record]) -> Entry | None:
        """The entry that holds this very fact, if the log has it."""
        if unbound(work.operands):
            return None
        return self._log.find(fact_id(whole_fact(work.operands, self._context)))

    def judge(self, work: Work[Record], seen: Entry | None) -> Judgement:
        """Done when the log has it."""
        if seen is None:
            return Free(reason=self.describe(work.operands))
        entry = f"{seen.seq}:{seen.fields.get('hash', '')}"
        return Done(reason=f"log entry {seen.seq}", bindings=binding(LOG_ENTRY, entry))

    def act(self, work: Work[Record], seen: Entry | None) -> Bindings:
        """Append it durably."""
        del seen
        self._log.append([whole_fact(work.operands, self._context)])
        return Bindings()


def whole_fact(operands: Record, context: Mapping[str, Any]) -> dict[str, Any]:
    """What the step records: its own fact, and what every fact of the run says."""
    said = {name: value for name, value in operands.fact.items() if not isinstance(value, Slot)}
    tools = {**context.get("tools", {}), **said.get("tools", {})}
    return {**context, **said, **({"tools": tools} if tools else {})}
