"""Steps, slots, judgements and the plan: data that preview prints and the runner executes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from release.canonical_json import digest_of
from release.tagging.model import Decision

PLAN_SCHEMA = "shipmark.plan/1"

T = TypeVar("T")


class Slot(msgspec.Struct, Generic[T], frozen=True, kw_only=True, omit_defaults=True):
    """A value of type T that an earlier step will bind, by its name: `image:app`.

    Plans hold the name only. `optional`: dropped from lists when nothing bound it.
    """

    slot: str
    optional: bool = False


def duration_of(step_id: str, *, optional: bool = False) -> Slot[int]:
    """How many milliseconds a step took; the runner binds it for every step."""
    return Slot(slot=f"ms:{step_id}", optional=optional)


class Bindings:
    """The values that steps have bound to slots. Immutable; the only way to a value is its typed slot."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def get(self, slot: Slot[T]) -> T | None:
        """The value of the slot, or None when nothing bound it."""
        return self._values.get(slot.slot)

    def with_value(self, slot: Slot[T], value: T) -> Bindings:
        """These and one more."""
        more = Bindings()
        more._values = {**self._values, slot.slot: value}
        return more

    def __or__(self, other: Bindings) -> Bindings:
        """Both; where both bind a slot, the value of `other`."""
        both = Bindings()
        both._values = self._values | other._values
        return both

    def fill(self, value: Any) -> Any:
        """`value` with every slot that is bound replaced; the others stay, optional ones leave their list."""
        match value:
            case Slot():
                return self._values.get(value.slot, value)
            case msgspec.Struct():
                changed = {name: self.fill(getattr(value, name)) for name in value.__struct_fields__}
                return msgspec.structs.replace(value, **changed)
            case dict():
                return {key: self.fill(item) for key, item in value.items()}
            case list() | tuple():
                filled = (self.fill(item) for item in value)
                return tuple(item for item in filled if not _left_out(item))
            case _:
                return value


def binding(slot: Slot[T], value: T) -> Bindings:
    """A single binding."""
    return Bindings().with_value(slot, value)


class Operands(msgspec.Struct, frozen=True, kw_only=True):
    """What a step works on. Each step kind has its own subclass; any field may hold a `Slot` until it is bound."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a plan.

    `needs`: steps that must be done first; `after`: steps that must have ended, however. `scope`: the
    component that it belongs to. A step that is not `required` may fail without stopping the others.
    """

    id: str
    kind: str
    phase: str
    operands: Operands
    scope: str = ""
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    required: bool = True


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A barrier: its steps run in parallel after every required step of the phases before is done.

    `visible`: whether its steps change what others see; a failure after one of them is a partial release.
    """

    name: str
    visible: bool = False


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """What is released: one component's decision under its release key."""

    component: str
    project: str
    key: str
    inputs: Mapping[str, Any]
    decision: Decision


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The ordered steps, what they are for, and every precondition as it was observed (`basis`)."""

    purpose: str
    releases: tuple[Release, ...]
    phases: tuple[Phase, ...]
    steps: tuple[Step, ...]
    basis: Mapping[str, str] = {}
    request: Mapping[str, Any] = {}

    @property
    def hash(self) -> str:
        """64 hex over keys, inputs, decisions, steps and basis; never over the clock or the run."""
        return digest_of(PLAN_SCHEMA, plain(self))


class Free(msgspec.Struct, frozen=True, kw_only=True):
    """The step is still to be done."""

    reason: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The world is as the step wants it. `withheld`: by leaving it alone, rightly, for something newer."""

    reason: str = ""
    bindings: Bindings = Bindings()
    withheld: bool = False


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """The world is otherwise, and acting would destroy something or break a rule."""

    reason: str
    hint: str | None = None


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """It could not be found out. Never taken for free. `error`: what stood in the way, for its exit code."""

    reason: str
    hint: str | None = None
    error: Any = None  # a ReleaseError, or None


Judgement = Free | Done | Conflict | Unknown


def plain(value: Any) -> Any:
    """JSON values of any of these types; None members are left out, so that it has a canonical form."""
    return _without_null(msgspec.to_builtins(value))


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_null(item) for item in value]
    return value


def _left_out(value: Any) -> bool:
    return isinstance(value, Slot) and value.optional


def unbound(value: Any) -> tuple[str, ...]:
    """The names of the slots that `value` still holds."""
    match value:
        case Slot():
            return () if value.optional else (value.slot,)
        case msgspec.Struct():
            return unbound([getattr(value, name) for name in value.__struct_fields__])
        case dict():
            return unbound(list(value.values()))
        case list() | tuple():
            return tuple(name for item in value for name in unbound(item))
        case _:
            return ()
