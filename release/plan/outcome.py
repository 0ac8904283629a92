"""How the steps of a plan ended, and which error the command raises for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from release.errors import Interrupted, PartialError, RefusedError, ReleaseError
from release.plan.model import Bindings, Plan, Step

State = Literal["free", "done", "made", "withheld", "conflict", "unknown", "failed", "skipped"]


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


def errors_of(plan: Plan, outcomes: Mapping[str, Outcome]) -> dict[str, ReleaseError]:
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


def stopped_scopes(plan: Plan, errors: Mapping[str, ReleaseError]) -> frozenset[str]:
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


def why_not_reached(plan: Plan, step: Step, errors: Mapping[str, ReleaseError]) -> str:
    """The reason for a step without an outcome."""
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
