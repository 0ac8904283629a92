"""A cause of database errors, found by SQLSTATE or text, with the hint that helps there. Pure."""

from __future__ import annotations

import re

import msgspec

from release.errors import LogError
from release.lazy_pattern import pattern

#: The hint for tables that are not the log's.
FOREIGN = (
    "tables of these names belong to another program, or were changed: give the log a database of its own"
)


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A cause of errors. `states`: its SQLSTATEs, or their classes (two digits). `text`: found in an error's text.

    `error`: `LogUnavailable` if trying again in a moment may help.
    """

    hint: str
    states: tuple[str, ...] = ()
    text: re.Pattern[str] | None = None
    error: type[LogError] = LogError

    def covers(self, state: str | None, text: str) -> bool:
        """Whether an error with this SQLSTATE and text has this cause."""
        by_state = state is not None and any(state.startswith(one) for one in self.states)
        return by_state or (self.text is not None and self.text.search(text) is not None)


def cause(text: str, hint: str, *states: str, error: type[LogError] = LogError) -> Cause:
    """A cause with `hint`. `text`: a regular expression, or "" for none."""
    return Cause(text=pattern(text) if text else None, hint=hint, states=states, error=error)
