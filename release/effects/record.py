"""Appends one fact to the version log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from release.effects.held_now import OF_MOVING_TAGS, HeldNow
from release.errors import LogUnavailable
from release.handler import Work
from release.log import Entry, LogWriter
from release.plan.model import Bindings, Done, Free, Judgement, Slot, binding, unbound
from release.plan.operands import LOG_ENTRY, Record

# Times that a fact of moving tags is made anew because other runs appended in the meantime. Sixteen writers at once
# lose a few races each; with no limit a busy log would keep a run from ending. The last fact is appended whatever came.
_MOST_RACES = 8


class Records:
    """The handler of `record` steps. `context`: members for every fact of this run: attempt, CI, actor, tools.

    `held`: reads the moving tags of a fact before it is appended.
    """

    kind = Record

    def __init__(self, log: LogWriter, context: Mapping[str, Any], held: HeldNow) -> None:
        self._log = log
        self._context = context
        self._held = held
        # Step -> the fact as it was appended: it may say that a tag was taken by another run, and has then another id.
        self._appended: dict[str, dict[str, Any]] = {}

    def describe(self, operands: Record) -> str:
        """The line that `preview` prints for the step."""
        return f"record `{operands.fact['kind']}`"

    def observe(self, work: Work[Record]) -> Entry | None:
        """The log entry with the fact's id; None if there is none, or if the fact has unbound slots."""
        if unbound(work.operands):
            return None
        fact = self._appended.get(work.id)
        return self._log.find(whole_fact(work.operands, self._context) if fact is None else fact)

    def judge(self, work: Work[Record], seen: Entry | None) -> Judgement:
        """Done if the log has the fact, else free."""
        if seen is None:
            return Free(reason=self.describe(work.operands))
        entry = f"{seen.seq}:{seen.fields.get('hash', '')}"
        return Done(reason=f"log entry {seen.seq}", bindings=binding(LOG_ENTRY, entry))

    def act(self, work: Work[Record], seen: Entry | None) -> Bindings:
        """Append the fact durably. A fact of moving tags says what they hold when it is appended."""
        del seen
        fact = whole_fact(work.operands, self._context)
        if fact["kind"] not in OF_MOVING_TAGS:
            self._log.append([fact])
            return Bindings()
        for _ in range(_MOST_RACES):
            # The head is taken before the tags are read: if another run moves them after that and records it, the
            # append is refused, and the tags are read again.
            head = self._log.head
            said = self._appended[work.id] = self._held.as_held(fact)
            try:
                if self._log.append_at([said], head):
                    return Bindings()
            except LogUnavailable:
                # The fact may be there or not, and other runs may have moved the tags in the meantime: `find` waits
                # for the log, and then the tags are read again.
                if self._log.find(said) is not None:
                    break  # `append` makes it durable
        self._log.append([said])
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
