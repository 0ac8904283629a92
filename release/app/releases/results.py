"""What `preview`, `run`, `promote` and `rollback` give back.

The report types are the contract: `--json` prints them as they are. A result holds its report, and beside it what the
runner knows of each step, for those who print more than the contract.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from release.app.report import DecisionReport, decision_report
from release.errors import ReleaseError
from release.plan.model import Plan, plain
from release.plan.operands import BuildImage
from release.plan.release_input import ReleaseInput
from release.runner import Outcome, Report, State

Schema = Literal["shipmark.preview/1", "shipmark.run/1"]


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """One step, and how it stands or went. `required`: whether its failure stops the release."""

    id: str
    kind: str
    phase: str
    required: bool
    state: State
    reason: str


class ErrorReport(msgspec.Struct, frozen=True, kw_only=True):
    """Why it ended otherwise than asked for. `hint`: what to do about it."""

    message: str
    hint: str | None


class ReleaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """One component. `steps`: its own, after those that all components share.

    `builder`: which one makes the image; None where nothing is built, or `preview --offline` left the choice to `run`.
    """

    component: str
    key: str
    decision: DecisionReport
    builder: str | None
    steps: tuple[StepReport, ...]


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """`shipmark.preview/1` and `shipmark.run/1`: the same plan, as it stands or as it went. `plan`: its hash."""

    schema: Schema
    releases: tuple[ReleaseReport, ...]
    plan: str
    exit_code: int
    error: ErrorReport | None


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """Of `preview` and `run`. `details`: the runner's own report; `inputs`: what the plan was made from."""

    report: RunReport
    details: Report
    inputs: tuple[ReleaseInput, ...]

    @property
    def error(self) -> ReleaseError | None:
        """What the command ends with."""
        return self.details.error  # type: ignore[no-any-return]  # a field that msgspec must not look into


class PlaceReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where a promotion goes, under which tags."""

    target: str
    tags: tuple[str, ...]


class WithheldAt(msgspec.Struct, frozen=True, kw_only=True):
    """A tag of a place that stays where it is, for something newer."""

    target: str
    name: str
    reason: str


class PromoteReport(msgspec.Struct, frozen=True, kw_only=True):
    """`shipmark.promote/1`. `plan`: its hash."""

    schema: Literal["shipmark.promote/1"] = "shipmark.promote/1"
    source: str = msgspec.field(name="from")
    digest: str
    version: str | None
    to: tuple[PlaceReport, ...]
    withheld: tuple[WithheldAt, ...]
    steps: tuple[StepReport, ...]
    plan: str
    exit_code: int
    error: ErrorReport | None


class RollbackReport(msgspec.Struct, frozen=True, kw_only=True):
    """`shipmark.rollback/1`. `to`: the highest version that still counts; `yanked`: those that were taken back."""

    schema: Literal["shipmark.rollback/1"] = "shipmark.rollback/1"
    component: str
    to: str
    reason: str
    yanked: tuple[str, ...]
    steps: tuple[StepReport, ...]
    plan: str
    exit_code: int
    error: ErrorReport | None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """The image that a promotion or a rollback is about. `primary_tag`: the fixed tag of the version, else `""`.

    `channel`: of the release, where the log knows it. `notes`: what the job's summary says besides the tags.
    """

    title: str
    digest: str
    version: str = ""
    channel: str = ""
    primary_tag: str = ""
    notes: tuple[str, ...] = ()


class ChangeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Of `promote` and `rollback`. `details`: the runner's own report."""

    report: PromoteReport | RollbackReport
    details: Report
    changed: Changed

    @property
    def error(self) -> ReleaseError | None:
        """What the command ends with."""
        return self.details.error  # type: ignore[no-any-return]  # a field that msgspec must not look into


def step_reports(details: Report) -> tuple[StepReport, ...]:
    """Every step, in the plan's order."""
    return tuple(step_report(one) for one in details.outcomes)


def run_report(schema: Schema, details: Report) -> RunReport:
    """The contract's part of the runner's report."""
    plan = details.plan
    shared = [step_report(one) for one in details.outcomes if not one.step.scope]
    releases = tuple(
        ReleaseReport(
            component=release.component,
            key=release.key,
            decision=decision_report(release.decision),
            builder=_builder(details, release.component),
            steps=(
                *shared,
                *(step_report(one) for one in details.outcomes if one.step.scope == release.component),
            ),
        )
        for release in plan.releases
    )
    return RunReport(
        schema=schema,
        releases=releases,
        plan=plan.hash,
        exit_code=exit_code(details),
        error=error_report(details),
    )


def _builder(details: Report, component: str) -> str | None:
    for outcome in details.outcomes:
        operands = outcome.step.operands
        if isinstance(operands, BuildImage) and operands.component == component:
            return operands.builds_with
    return None


def step_report(outcome: Outcome) -> StepReport:
    """One step as reports list it."""
    step = outcome.step
    return StepReport(
        id=step.id,
        kind=step.kind,
        phase=step.phase,
        required=step.required,
        state=outcome.state,
        reason=outcome.reason,
    )


def exit_code(details: Report) -> int:
    """The command's exit code."""
    return 0 if details.error is None else int(details.error.exit_code)


def error_report(details: Report) -> ErrorReport | None:
    """The error as reports have it."""
    error: ReleaseError | None = details.error
    return None if error is None else ErrorReport(message=error.message, hint=error.hint)


def plan_document(plan: Plan) -> dict[str, Any]:
    """`shipmark.plan/1`: the plan file, with the hash over the rest of it."""
    return {"schema": "shipmark.plan/1", "hash": plan.hash, "plan": plain(plan)}
