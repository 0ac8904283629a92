"""The data model of plans: steps, slots, judgements. `preview` prints plans, the runner executes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from release.canonical_json import digest_of
from release.tagging.model import Decision

PLAN_SCHEMA = "shipmark.plan/1"

T = TypeVar("T")


class Slot(msgspec.Struct, Generic[T], frozen=True, kw_only=True, omit_defaults=True):
    """A placeholder, by its name such as `image:app`, for a value of type T that an earlier step will bind.

    Plans contain the name only. `optional`: if no step binds the slot, it is removed from the list that contains it.
    """

    slot: str
    optional: bool = False


def duration_of(step_id: str, *, optional: bool = False) -> Slot[int]:
    """The slot for the duration of a step in milliseconds, which the runner binds when the step has ended."""
    return Slot(slot=f"ms:{step_id}", optional=optional)


class Bindings:
    """The values that steps have bound to slots. Immutable; values are read through their typed slot only."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def get(self, slot: Slot[T]) -> T | None:
        """The value of the slot, or None when nothing bound it."""
        return self._values.get(slot.slot)

    def with_value(self, slot: Slot[T], value: T) -> Bindings:
        """A copy with one more value."""
        more = Bindings()
        more._values = {**self._values, slot.slot: value}
        return more

    def __or__(self, other: Bindings) -> Bindings:
        """The bindings of this object and `other`; for a slot in both, the value of `other`."""
        both = Bindings()
        both._values = self._values | other._values
        return both

    def fill(self, value: Any) -> Any:
        """`value` with every bound slot replaced by its value.

        Unbound slots stay, except optional ones in a list, which are removed.
        """
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
    """`Bindings` with a single value."""
    return Bindings().with_value(slot, value)


class Operands(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of a step. Each step kind has its own subclass; a field may hold a `Slot` that is not bound yet."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a plan.

    `needs`: steps that must be done before this one starts; `after`: steps that must have ended, also with an error.
    `scope`: the component that the step belongs to; `""` for a step that the components share, and for every step of a
    promotion or a rollback. A step that is not `required` may fail without stopping the plan.
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
    """A group of steps that run concurrently, after the earlier phases have ended.

    A component with an error in a required step gets no step of later phases. `visible`: whether the steps change what
    others see; a failure after one of these steps is a partial release.
    """

    name: str
    visible: bool = False


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """The release of one component: its release key, its build inputs and its decision."""

    component: str
    project: str
    key: str
    inputs: Mapping[str, Any]
    decision: Decision


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The ordered steps of a release, promotion or rollback (`purpose`).

    `basis`: the observations on which the plan relies. `depends`: component -> those components of the plan that it
    depends on; None if no component depends on another.
    """

    purpose: str
    releases: tuple[Release, ...]
    phases: tuple[Phase, ...]
    steps: tuple[Step, ...]
    basis: Mapping[str, str] = {}
    request: Mapping[str, Any] = {}
    depends: Mapping[str, tuple[str, ...]] | None = None

    @property
    def hash(self) -> str:
        """64 hex digits: the hash of the whole plan, which contains neither the time nor anything about the run."""
        return digest_of(PLAN_SCHEMA, plain(self), any_keys=True)


class Free(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement that a step is still to be done."""

    reason: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement that nothing is left to do. `withheld`: the step rightly leaves its tag on another image."""

    reason: str = ""
    bindings: Bindings = Bindings()
    withheld: bool = False


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement that the step must not act, since that would overwrite something or break a rule."""

    reason: str
    hint: str | None = None


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement that the state could not be observed; the step does not act.

    `error`: the error of the observation, which decides the exit code.
    """

    reason: str
    hint: str | None = None
    error: Any = None  # a ReleaseError, or None


Judgement = Free | Done | Conflict | Unknown


def plain(value: Any) -> Any:
    """`value`, of any type of a plan, as JSON values without None members, which canonical JSON does not have."""
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
    """The names of the slots in `value`, except optional ones."""
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
