"""The interpreter of plans. It knows phases, cancellation and the report, and no step kind.

For each step: observe, judge; if it is free, act, then observe and judge again. It never retries: after an act
whose outcome is unknown it looks again, and what it sees decides.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from release.control import Cancel
from release.errors import Interrupted, PartialError, RefusedError, RegistryError, ReleaseError, TagConflict
from release.events import Event, Note, StepEvent
from release.handler import Handler, Handlers, World
from release.plan.model import Conflict, Done, Free, Judgement, Plan, Step, Unknown, bind
from release.step_scheduler import StepScheduler

State = Literal["free", "done", "made", "withheld", "conflict", "unknown", "failed", "skipped"]
_GOOD = frozenset({"done", "made", "withheld"})


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a step ended, or for a survey how it stands. `ms`: milliseconds that it took."""

    step: Step
    state: State
    reason: str = ""
    error: Any = None  # ReleaseError | None
    ms: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a plan. `error`: what the command should end with, or None."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    bindings: Mapping[str, Any]
    error: Any = None  # ReleaseError | None

    def outcome(self, step_id: str) -> Outcome | None:
        """How the step with this id ended."""
        return next((outcome for outcome in self.outcomes if outcome.step.id == step_id), None)

    @property
    def acted(self) -> bool:
        """Whether any step changed something."""
        return any(outcome.state == "made" for outcome in self.outcomes)


class _Walk:
    """One pass over a plan: outcomes and bindings as they come in, from several threads."""

    def __init__(self, handlers: Handlers, world: World) -> None:
        self._handlers = handlers
        self._world = world
        self._lock = threading.Lock()
        self.outcomes: dict[str, Outcome] = {}
        self.bindings: dict[str, Any] = {}

    def settle(self, step: Step, how: Callable[[Step, Handler], Outcome]) -> None:
        """Let `how` deal with the step and keep what came of it, whatever it raised."""
        started = self._world.clock.monotonic()
        self._tell(StepEvent(step=step.id, state="started"))
        try:
            outcome = how(step, self._handlers[step.kind])
        except ReleaseError as error:
            outcome = Outcome(step=step, state="failed", reason=error.message, error=error)
        except Exception as error:  # noqa: BLE001 - a defect in one step must not lose what the others did
            self._tell(Note(level="debug", text=f"{type(error).__name__}: {error}"))
            wrapped = ReleaseError(f"unexpected failure in step `{step.id}`: {type(error).__name__}: {error}")
            wrapped.__cause__ = error
            outcome = Outcome(step=step, state="failed", reason=wrapped.message, error=wrapped)
        spent = round((self._world.clock.monotonic() - started) * 1000)
        outcome = msgspec.structs.replace(outcome, ms=spent)
        with self._lock:
            self.outcomes[step.id] = outcome
            self.bindings[f"ms:{step.id}"] = spent
        self._tell(StepEvent(step=step.id, state=outcome.state, text=outcome.reason))

    def _tell(self, event: Event) -> None:
        # Whoever watched may be gone; a release goes on without being watched.
        with contextlib.suppress(Exception):
            self._world.sink.emit(event)

    def look(self, step: Step, handler: Handler) -> tuple[Step, Judgement]:
        """Bind what is known, observe and judge."""
        with self._lock:
            bindings = dict(self.bindings)
        bound: Step = msgspec.structs.replace(step, operands=bind(step.operands, bindings))
        try:
            observation = handler.observe(bound, self._world)
        except Interrupted:
            raise
        except ReleaseError as error:
            return bound, Unknown(reason=error.message, hint=error.hint, error=error)
        return bound, handler.judge(bound, bindings, observation)

    def keep(self, bindings: Mapping[str, Any]) -> None:
        """Take the values that a step bound."""
        with self._lock:
            self.bindings.update(bindings)

    def report(self, plan: Plan, error: ReleaseError | None) -> Report:
        """What is known now, in the plan's order."""
        with self._lock:
            ended = dict(self.outcomes)
            bindings = dict(self.bindings)
        outcomes = tuple(
            ended.get(step.id) or Outcome(step=step, state="skipped", reason="not reached")
            for step in plan.steps
        )
        return Report(plan=plan, outcomes=outcomes, bindings=bindings, error=error)


class Runner:
    """Surveys and executes plans with one handler per step kind."""

    def __init__(self, handlers: Handlers, world: World) -> None:
        self._handlers = handlers
        self._world = world

    def survey(self, plan: Plan) -> Report:
        """Observe and judge every step, and change nothing: how `execute` would find the world."""
        walk = _Walk(self._handlers, self._world)

        def look(step: Step, handler: Handler) -> Outcome:
            bound, judgement = walk.look(step, handler)
            if isinstance(judgement, Done):
                walk.keep(judgement.bindings)
            return _outcome(bound, judgement)

        for phase in plan.phases:
            steps = [step for step in plan.steps if step.phase == phase.name]
            StepScheduler(lambda step: walk.settle(step, look), self._world.cancel).run(steps)
            self._world.cancel.check()
        return walk.report(plan, _verdict(plan, walk.outcomes))

    def execute(self, plan: Plan) -> Report:
        """Carry the plan out, phase by phase; stops after a phase in which a required step was not done."""
        walk = _Walk(self._handlers, self._world)
        carry_out = self._carry_out(walk, frozenset(step.id for step in plan.steps))
        for phase in plan.phases:
            steps = [step for step in plan.steps if step.phase == phase.name]
            StepScheduler(lambda step: walk.settle(step, carry_out), self._world.cancel).run(steps)
            error = _cancelled(self._world.cancel) or _verdict(plan, walk.outcomes)
            if error is not None:
                return walk.report(plan, error)
        return walk.report(plan, None)

    def _carry_out(self, walk: _Walk, planned: frozenset[str]) -> Callable[[Step, Handler], Outcome]:
        # `planned`: a step that another one needs and that is not in the plan was left out, being done already.
        def carry_out(step: Step, handler: Handler) -> Outcome:
            missing = [need for need in step.needs if need in planned and not _good(walk.outcomes.get(need))]
            if missing:
                return Outcome(step=step, state="skipped", reason=f"`{missing[0]}` was not done")
            bound, before = walk.look(step, handler)
            if isinstance(before, Free):
                return self._act(walk, step, bound, handler)
            if isinstance(before, Done):
                walk.keep(before.bindings)
            return _outcome(bound, before)

        return carry_out

    def _act(self, walk: _Walk, step: Step, bound: Step, handler: Handler) -> Outcome:
        self._world.cancel.check()
        failure: ReleaseError | None = None
        try:
            walk.keep(handler.act(bound, dict(walk.bindings), self._world))
        except Interrupted:
            raise
        except ReleaseError as error:
            failure = error
        # Done or not is what the world says now, not what the call returned.
        bound, after = walk.look(step, handler)
        if isinstance(after, Done):
            walk.keep(after.bindings)
            return Outcome(step=bound, state="withheld" if after.withheld else "made", reason=after.reason)
        if failure is not None:
            return Outcome(step=bound, state="failed", reason=failure.message, error=failure)
        if isinstance(after, Free):
            lost = PartialError(f"step `{step.id}` left no trace: {after.reason}")
            return Outcome(step=bound, state="failed", reason=lost.message, error=lost)
        return _outcome(bound, after)


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


def _verdict(plan: Plan, outcomes: Mapping[str, Outcome]) -> ReleaseError | None:
    """What the first phase with a required step that was not done means for the whole."""
    visible = False
    for phase in plan.phases:
        of_phase = [
            outcomes[step.id] for step in plan.steps if step.phase == phase.name and step.id in outcomes
        ]
        visible = visible or (
            phase.visible and any(outcome.state in {"done", "made"} for outcome in of_phase)
        )
        failed = [outcome for outcome in of_phase if outcome.error is not None and outcome.step.required]
        if failed:
            return _error_of(failed, visible=visible)
    return None


def _error_of(failed: list[Outcome], *, visible: bool) -> ReleaseError:
    # A conflict weighs more than a time-out beside it: running again will not help.
    first = next((outcome for outcome in failed if isinstance(outcome.error, RefusedError)), failed[0])
    error: ReleaseError = first.error
    if not visible or isinstance(error, PartialError | Interrupted):
        return error
    partial = PartialError(
        f"{error.message} (step `{first.step.id}`)",
        hint=error.hint or "run it again: it goes on where it stopped",
    )
    partial.__cause__ = error
    return partial
