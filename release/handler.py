"""The interfaces of a step kind: its class implements `Observer` or `Actor`, and the runner calls a `Handler`.

The class of a step kind is generic over its operands and its observation, so that it needs no casts; the ports that it
uses are arguments of its constructor. `acting` and `checking` make an untyped `Handler` of such a class, for the
runner's table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

import msgspec

from release.errors import Interrupted, ReleaseError
from release.plan.model import Bindings, Judgement, Operands, Step, Unknown

O = TypeVar("O", bound=Operands)  # noqa: E741 - a type variable, never beside a zero
S = TypeVar("S")


class Work(msgspec.Struct, Generic[O], frozen=True, kw_only=True):
    """A step as its handler gets it. `operands`: bound slots are replaced by values. `bound`: all bindings so far."""

    id: str
    scope: str
    operands: O
    bound: Bindings


class Observer(Protocol[O, S]):
    """The methods of every step kind: reading and judging. `Actor` adds `act`, for kinds that change something."""

    kind: type[O]

    def describe(self, operands: O) -> str:
        """One line for the preview: what the step will do."""

    def observe(self, work: Work[O]) -> S:
        """Read the state that the step is about, and change nothing.

        If it raises a `ReleaseError`, the step is judged `Unknown`; `Interrupted` ends the step.
        """

    def judge(self, work: Work[O], seen: S) -> Judgement:
        """Judge from `seen` whether the step is to be done, is done, must not be done, or cannot be judged. Pure."""


class Actor(Observer[O, S], Protocol[O, S]):
    """A step kind that changes something."""

    def act(self, work: Work[O], seen: S) -> Bindings:
        """Carry the step out, and return the values that later steps need.

        `seen`: the observation made right before, which was judged `Free`.
        """


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One observation of a step and its judgement. `step`: with bound slots filled.

    `act`: carries the step out; None for a check, and when the observation failed.
    """

    step: Step
    judgement: Judgement
    act: Callable[[], Bindings] | None = None


class Handler(msgspec.Struct, frozen=True, kw_only=True):
    """The functions that the runner calls for steps of one kind."""

    describe: Callable[[Step], str]
    look: Callable[[Step, Bindings], Look]


Handlers = Mapping[str, Handler]


def acting(actor: Actor[O, S]) -> Handler:
    """The handler of a kind that changes something. If `look` judges a step free, the runner acts and looks again."""
    return _handler(actor, actor.act)


def checking(observer: Observer[O, S]) -> Handler:
    """The handler of a check, which has nothing to carry out, so its judgement must never be `Free`."""
    return _handler(observer, None)


def _handler(observer: Observer[O, S], act: Callable[[Work[O], S], Bindings] | None) -> Handler:
    def work_of(step: Step, bound: Bindings) -> Work[O]:
        operands = bound.fill(step.operands)
        if not isinstance(operands, observer.kind):
            raise AssertionError(
                f"step `{step.id}` of kind `{step.kind}` has {type(operands).__name__} for operands"
            )
        return Work(id=step.id, scope=step.scope, operands=operands, bound=bound)

    def look(step: Step, bound: Bindings) -> Look:
        work = work_of(step, bound)
        filled: Step = msgspec.structs.replace(step, operands=work.operands)
        try:
            seen = observer.observe(work)
        except Interrupted:
            raise
        except ReleaseError as error:
            return Look(step=filled, judgement=Unknown(reason=error.message, hint=error.hint, error=error))
        judgement = observer.judge(work, seen)
        return Look(step=filled, judgement=judgement, act=None if act is None else lambda: act(work, seen))

    return Handler(describe=lambda step: observer.describe(work_of(step, Bindings()).operands), look=look)
