"""Appends one fact to the version log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from release.handler import Work
from release.log import Entry, LogWriter
from release.plan.model import Bindings, Done, Free, Judgement, Slot, binding, unbound
from release.plan.operands import LOG_ENTRY, Record


class Records:
    """The handler of `record` steps. `context`: members for every fact of this run: attempt, CI, actor, tools."""

    kind = Record

    def __init__(self, log: LogWriter, context: Mapping[str, Any]) -> None:
        self._log = log
        self._context = context

    def describe(self, operands: Record) -> str:
        """The line that `preview` prints for the step."""
        return f"record `{operands.fact['kind']}`"

    def observe(self, work: Work[Record]) -> Entry | None:
        """The log entry with the fact's id; None if there is none, or if the fact has unbound slots."""
        if unbound(work.operands):
            return None
        return self._log.find(whole_fact(work.operands, self._context))

    def judge(self, work: Work[Record], seen: Entry | None) -> Judgement:
        """Done if the log has the fact, else free."""
        if seen is None:
            return Free(reason=self.describe(work.operands))
        entry = f"{seen.seq}:{seen.fields.get('hash', '')}"
        return Done(reason=f"log entry {seen.seq}", bindings=binding(LOG_ENTRY, entry))

    def act(self, work: Work[Record], seen: Entry | None) -> Bindings:
        """Append the fact durably."""
        del seen
        self._log.append([whole_fact(work.operands, self._context)])
        return Bindings()


def whole_fact(operands: Record, context: Mapping[str, Any]) -> dict[str, Any]:
    """The step's fact together with the members that every fact of the run has."""
    said = {name: value for name, value in operands.fact.items() if not isinstance(value, Slot)}
    tools = {**context.get("tools", {}), **said.get("tools", {})}
    image = said.get("image")
    if isinstance(image, Mapping) and "context" in image:
        # A separate slot for the build context would change the hash of every plan.
        said["image"] = {name: value for name, value in image.items() if name != "context"}
        said["context"] = image["context"]
    return {**context, **said, **({"tools": tools} if tools else {})}
