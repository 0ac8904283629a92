"""The handler of a step kind: what a kind implements (`Observer`, `Actor`), and what the runner calls (`Handler`).

A kind's class is generic over its operands and over what it observes, so that it needs no casts; the ports that it
uses are arguments of its constructor. `acting` and `checking` turn it into the untyped `Handler` of the runner's table.
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
    """A step as its handler gets it. `operands`: every slot that is bound is filled; `bound`: all bindings so far."""

    id: str
    scope: str
    operands: O
    bound: Bindings


class Observer(Protocol[O, S]):
    """A step kind that only looks: a check, or the first half of an `Actor`."""

    kind: type[O]

    def describe(self, operands: O) -> str:
        """One line for the preview: what the step will do."""

    def observe(self, work: Work[O]) -> S:
        """Read the state that the step is about, and change nothing.

        Raising a `ReleaseError` means that it could not be found out: the step is judged unknown.
        """

    def judge(self, work: Work[O], seen: S) -> Judgement:
        """Whether the step is to be done, is done, or must not be done. Pure."""


class Actor(Observer[O, S], Protocol[O, S]):
    """A step kind that changes something."""

    def act(self, work: Work[O], seen: S) -> Bindings:
        """Do it, and return what later steps need. `seen`: the observation that was judged free, made right before."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a step. `step`: with its slots filled. `act`: None where the step is a check, or was not observed."""

    step: Step
    judgement: Judgement
    act: Callable[[], Bindings] | None = None


class Handler(msgspec.Struct, frozen=True, kw_only=True):
    """What the runner knows of a step kind."""

    describe: Callable[[Step], str]
    look: Callable[[Step, Bindings], Look]


Handlers = Mapping[str, Handler]


def acting(actor: Actor[O, S]) -> Handler:
    """The handler of a kind that changes something. The runner calls look, `act`, and then look again."""
    return _handler(actor, actor.act)


def checking(observer: Observer[O, S]) -> Handler:
    """The handler of a check: it is never acted on, so it never comes out free."""
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
