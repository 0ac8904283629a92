"""Executes plans, phase by phase, with the handler of each step's kind, and reports how every step ended.

For each step the runner observes and judges; if the step is free, it acts, then observes and judges again. The runner
never retries an act. Even if the act raised a `ReleaseError`, such as a registry's, the second observation decides
whether the step is done; only a cancellation ends the step without one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import msgspec

from release.control import Cancel
from release.errors import Interrupted, PartialError, RegistryError, ReleaseError, TagConflict
from release.events import Event, Note, Sink, StepEvent
from release.handler import Handler, Handlers, Look
from release.hints import DEFECT
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
from release.plan.outcome import Outcome, Report, State, errors_of, stopped_scopes, why_not_reached
from release.ports import Clock
from release.step_scheduler import StepScheduler

_GOOD = frozenset({"done", "made", "withheld"})


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
            wrapped = ReleaseError(
                f"unexpected failure in step `{step.id}`: {type(error).__name__}: {error}", hint=DEFECT
            )
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
        errors = errors_of(plan, ended)
        outcomes = tuple(
            ended.get(step.id)
            or Outcome(step=step, state="skipped", reason=why_not_reached(plan, step, errors))
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
            stopped = stopped_scopes(plan, errors_of(plan, walk.outcomes))
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
