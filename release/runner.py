"""Executes plans, phase by phase, with the handler of each step's kind, and reports how every step ended.

For each step the runner observes and judges; if the step is free, it acts, then observes and judges again. The runner
never retries an act. Even if the act raised a `ReleaseError`, such as a registry's, the second observation decides
whether the step is done; only a cancellation ends the step without one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from release.control import Cancel
from release.errors import Interrupted, PartialError, RefusedError, RegistryError, ReleaseError, TagConflict
from release.events import Event, Note, Sink, StepEvent
from release.handler import Handler, Handlers, Look
from release.plan.model import (
    Bindings,
    Conflict,
    Done,
    Free,
    Judgement,
    Plan,
    Step,
    Unknown,
    binding,
    duration_of,
)
from release.ports import Clock
from release.step_scheduler import StepScheduler

State = Literal["free", "done", "made", "withheld", "conflict", "unknown", "failed", "skipped"]
_GOOD = frozenset({"done", "made", "withheld"})


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a step ended, or, in the report of a survey, how it was judged. `ms`: milliseconds that the step took."""

    step: Step
    state: State
    reason: str = ""
    error: Any = None  # ReleaseError | None
    ms: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a survey or an execution of a plan. `error`: the error that the command should raise, or None.

    `errors`: component -> its error, where a plan has several components; the error of one component stops that
    component and those that depend on it.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...]
    bindings: Bindings
    error: Any = None  # ReleaseError | None
    errors: Mapping[str, Any] = {}  # ReleaseError

    def outcome(self, step_id: str) -> Outcome | None:
        """How the step with this id ended; None if the plan has no such step."""
        return next((outcome for outcome in self.outcomes if outcome.step.id == step_id), None)

    @property
    def acted(self) -> bool:
        """Whether any step acted and was judged done afterwards, and not withheld."""
        return any(outcome.state == "made" for outcome in self.outcomes)


class _Walk:
    """One pass over a plan: collects outcomes and bindings of steps, which end in several threads."""

    def __init__(self, handlers: Handlers, clock: Clock, sink: Sink) -> None:
        self._handlers = handlers
        self._clock = clock
        self._sink = sink
        # Guards `outcomes` and `_bindings`, which steps change from several threads.
        self._lock = threading.Lock()
        self._bindings = Bindings()
        self.outcomes: dict[str, Outcome] = {}

    def settle(self, step: Step, how: Callable[[Step, Handler], Outcome]) -> None:
        """Call `how` for the step, and keep its outcome; an error that it raises makes the step `failed`."""
        started = self._clock.monotonic()
        self._tell(StepEvent(step=step.id, state="started"))
        try:
            outcome = how(step, self._handlers[step.kind])
        except ReleaseError as error:
            outcome = Outcome(step=step, state="failed", reason=error.message, error=error)
        except Exception as error:  # noqa: BLE001 - a defect in one step must not lose the outcomes of others
            self._tell(Note(level="debug", text=f"{type(error).__name__}: {error}"))
            wrapped = ReleaseError(f"unexpected failure in step `{step.id}`: {type(error).__name__}: {error}")
            wrapped.__cause__ = error
            outcome = Outcome(step=step, state="failed", reason=wrapped.message, error=wrapped)
        spent = round((self._clock.monotonic() - started) * 1000)
        outcome = msgspec.structs.replace(outcome, ms=spent)
        with self._lock:
            self.outcomes[step.id] = outcome
            self._bindings |= binding(duration_of(step.id), spent)
        self._tell(StepEvent(step=step.id, state=outcome.state, text=outcome.reason))

    def _tell(self, event: Event) -> None:
        # Printing may fail, for example because the terminal was closed; the release must go on.
        with contextlib.suppress(Exception):
            self._sink.emit(event)

    def look(self, step: Step, handler: Handler) -> Look:
        """Fill the bound slots of the step, observe and judge it; if it is done, keep the values that it binds."""
        with self._lock:
            bindings = self._bindings
        seen = handler.look(step, bindings)
        if isinstance(seen.judgement, Done):
            self.keep(seen.judgement.bindings)
        return seen

    def keep(self, bindings: Bindings) -> None:
        """Add the values that a step bound."""
        with self._lock:
            self._bindings |= bindings

    def report(self, plan: Plan, error: ReleaseError | None = None) -> Report:
        """The report of the present outcomes, in the plan's order; a step without an outcome is `skipped`.

        `error`: that of the whole run; None for the first error of a component, in the plan's order.
        """
        with self._lock:
            ended = dict(self.outcomes)
            bindings = self._bindings
        errors = _errors_of(plan, ended)
        outcomes = tuple(
            ended.get(step.id) or Outcome(step=step, state="skipped", reason=_unreached(plan, step, errors))
            for step in plan.steps
        )
        if error is None:
            error = next(iter(errors.values()), None)
        named = {name: one for name, one in errors.items() if name}
        return Report(plan=plan, outcomes=outcomes, bindings=bindings, error=error, errors=named)


class Runner:
    """Surveys and executes plans, with one handler for each step kind."""

    def __init__(self, handlers: Handlers, *, clock: Clock, sink: Sink, cancel: Cancel) -> None:
        self._handlers = handlers
        self._clock = clock
        self._sink = sink
        self._cancel = cancel

    def survey(self, plan: Plan) -> Report:
        """Observe and judge every step, without acting: reports the state that `execute` would start from.

        Raises `Interrupted` when the run is cancelled.
        """
        walk = self._walk()

        def look(step: Step, handler: Handler) -> Outcome:
            seen = walk.look(step, handler)
            return _outcome(seen.step, seen.judgement)

        for phase in plan.phases:
            steps = [step for step in plan.steps if step.phase == phase.name]
            StepScheduler(lambda step: walk.settle(step, look), self._cancel).run(steps)
            self._cancel.check()
        return walk.report(plan)

    def execute(self, plan: Plan) -> Report:
        """Carry the plan out, phase by phase.

        After a phase in which a required step has an error, the step's component and those that depend on the component
        get no further step. An error of a required step that the components share stops all of them, and so does a
        cancellation. The report has the error; `execute` raises only `Interrupted`, if a cancellation came before the
        first step of a phase.
        """
        walk = self._walk()
        carry_out = self._carry_out(walk, frozenset(step.id for step in plan.steps))
        for phase in plan.phases:
            stopped = _stopped(plan, _errors_of(plan, walk.outcomes))
            steps = [step for step in plan.steps if step.phase == phase.name and step.scope not in stopped]
            StepScheduler(lambda step: walk.settle(step, carry_out), self._cancel).run(steps)
            error = _cancelled(self._cancel)
            if error is not None:
                return walk.report(plan, error)
        return walk.report(plan)

    def _walk(self) -> _Walk:
        return _Walk(self._handlers, self._clock, self._sink)

    def _carry_out(self, walk: _Walk, planned: frozenset[str]) -> Callable[[Step, Handler], Outcome]:
        # A needed step that is not in `planned` was done already when the plan was made, so it does not count as
        # missing.
        def carry_out(step: Step, handler: Handler) -> Outcome:
            missing = [need for need in step.needs if need in planned and not _good(walk.outcomes.get(need))]
            if missing:
                return Outcome(step=step, state="skipped", reason=f"`{missing[0]}` was not done")
            before = walk.look(step, handler)
            if isinstance(before.judgement, Free):
                return self._act(walk, step, before, handler)
            return _outcome(before.step, before.judgement)

        return carry_out

    def _act(self, walk: _Walk, step: Step, before: Look, handler: Handler) -> Outcome:
        if before.act is None:
            raise AssertionError(f"check `{step.id}` was judged free, but a check has no act")
        self._cancel.check()
        failure: ReleaseError | None = None
        try:
            walk.keep(before.act())
        except Interrupted:
            raise
        except ReleaseError as error:
            failure = error
        # Observe again: an act that raised may have taken effect, and one that returned may have been undone by
        # others.
        after = walk.look(step, handler)
        match after.judgement:
            case Done(withheld=withheld, reason=reason):
                return Outcome(step=after.step, state="withheld" if withheld else "made", reason=reason)
            case _ if failure is not None:
                return Outcome(step=after.step, state="failed", reason=failure.message, error=failure)
            case Free():
                # Such as a cache before a registry that answers with what the registry held before.
                lost = PartialError(
                    f"step `{step.id}` ended without an error, but what it wrote cannot be read back",
                    hint="run the command again: it goes on from what is there; if the same step fails again, see"
                    " whether a cache or a proxy before the place answers",
                )
                return Outcome(step=after.step, state="failed", reason=lost.message, error=lost)
        return _outcome(after.step, after.judgement)


def _good(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.state in _GOOD


def _outcome(step: Step, judgement: Judgement) -> Outcome:
    match judgement:
        case Done():
            state: State = "withheld" if judgement.withheld else "done"
            return Outcome(step=step, state=state, reason=judgement.reason)
        case Free():
            return Outcome(step=step, state="free", reason=judgement.reason)
        case Conflict():
            error: ReleaseError = TagConflict(judgement.reason, hint=judgement.hint)
            return Outcome(step=step, state="conflict", reason=judgement.reason, error=error)
        case Unknown():
            error = judgement.error or RegistryError(judgement.reason, hint=judgement.hint)
            return Outcome(step=step, state="unknown", reason=judgement.reason, error=error)


def _cancelled(cancel: Cancel) -> ReleaseError | None:
    try:
        cancel.check()
    except Interrupted as error:
        return error
    return None


def _errors_of(plan: Plan, outcomes: Mapping[str, Outcome]) -> dict[str, ReleaseError]:
    """Scope -> its error, in the order of the plan's releases; the steps that all share have the scope `""`.

    The error of a plan with one release, or with none, has the scope `""`.
    """
    if len(plan.releases) < 2:
        error = _verdict(plan, plan.steps, outcomes)
        return {} if error is None else {"": error}
    scopes = dict.fromkeys(
        ("", *(one.component for one in plan.releases), *(one.scope for one in plan.steps))
    )
    steps: dict[str, list[Step]] = {scope: [] for scope in scopes}
    for step in plan.steps:
        steps[step.scope].append(step)
    found = {scope: _verdict(plan, steps[scope], outcomes) for scope in scopes}
    return {scope: error for scope, error in found.items() if error is not None}


def _stopped(plan: Plan, errors: Mapping[str, ReleaseError]) -> frozenset[str]:
    """The scopes that get no further step: those with an error, and those that depend on them.

    An error in the scope that components share stops all scopes. The shared scope stops once every component has.
    """
    if not errors:
        return frozenset()
    if "" in errors:
        return frozenset(step.scope for step in plan.steps)
    depends = plan.depends or {}
    stopped = {*errors, *(name for name, needed in depends.items() if set(needed) & set(errors))}
    # Steps that the components share go on as long as one of them does.
    return frozenset(stopped | ({""} if stopped >= {one.component for one in plan.releases} else set()))


def _unreached(plan: Plan, step: Step, errors: Mapping[str, ReleaseError]) -> str:
    needed = (plan.depends or {}).get(step.scope, ())
    failed = next((name for name in needed if name in errors), None)
    if failed is None or step.scope in errors:
        return "not reached"
    return f"not reached: `{failed}`, which `{step.scope}` depends on, failed"


def _verdict(plan: Plan, steps: Sequence[Step], outcomes: Mapping[str, Outcome]) -> ReleaseError | None:
    """The error of `steps`: from the first phase in which a required step has an error; None without such a phase."""
    visible = False
    for phase in plan.phases:
        of_phase = [outcomes[step.id] for step in steps if step.phase == phase.name and step.id in outcomes]
        visible = visible or (
            phase.visible and any(outcome.state in {"done", "made"} for outcome in of_phase)
        )
        failed = [outcome for outcome in of_phase if outcome.error is not None and outcome.step.required]
        if failed:
            return _error_of(failed, visible=visible)
    return None


def _error_of(failed: list[Outcome], *, visible: bool) -> ReleaseError:
    # A refusal is reported rather than a time-out in the same phase: running again would not help against it.
    first = next((outcome for outcome in failed if isinstance(outcome.error, RefusedError)), failed[0])
    error: ReleaseError = first.error
    if not visible or isinstance(error, PartialError | Interrupted):
        return error
    partial = PartialError(
        f"{error.message} (step `{first.step.id}`)",
        hint=error.hint or "run the command again: it goes on where this run stopped",
    )
    partial.__cause__ = error
    return partial
