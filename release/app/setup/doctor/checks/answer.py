"""The answer of one check, and short ways to make one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from release.app.setup.doctor.report import State
from release.app.setup.doctor.scene import Broken, Scene, Unasked


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A finding without the check's name, see `Finding`. `exit_code`: of the command, if this is the first problem."""

    state: State
    seen: str
    fix: str | None = None
    place: str | None = None
    exit_code: int = 0


#: A check: it yields one answer for each thing that it looks at, and at least one.
Judge = Callable[[Scene], Iterator[Answer]]


def ok(seen: str) -> Answer:
    """Nothing has to be done."""
    return Answer(state="ok", seen=seen)


def warning(seen: str, fix: str, place: str | None = None) -> Answer:
    """A release works, and something can still go wrong."""
    return Answer(state="warning", seen=seen, fix=fix, place=place)


def problem(seen: str, fix: str | None, exit_code: int, place: str | None = None) -> Answer:
    """A release would fail, or do something else than its author means."""
    return Answer(state="problem", seen=seen, fix=fix, place=place, exit_code=exit_code)


def unchecked(facts: Unasked) -> Answer:
    """The check did not look."""
    return Answer(state="not checked", seen=facts.reason)


def broken(facts: Broken, about: str = "") -> Answer:
    """The error that a release would end with."""
    return problem(f"{about}{facts.message}", facts.hint, facts.exit_code)
