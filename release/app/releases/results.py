"""The results and reports of `preview` and `run`, and the parts that reports of other commands share.

`--json` prints the report types, so their members must stay compatible. A result has a report, and the runner's report
with more details of each step, for text output.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from release.app.help_topics import help_at, topic_of
from release.app.report import DecisionReport, decision_report
from release.errors import ReleaseError
from release.plan.model import Plan, plain
from release.plan.operands import BuildImage, built_of
from release.plan.outcome import Outcome, Report, State
from release.plan.release_input import ReleaseInput

Schema = Literal["shipmark.preview/1", "shipmark.run/1"]


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """One step and its state, judged or executed. `required`: whether the step's failure stops the release."""

    id: str
    kind: str
    phase: str
    required: bool
    state: State
    reason: str


class ErrorReport(msgspec.Struct, frozen=True, kw_only=True):
    """The error with which the command ends. `hint`: the action that helps, or None. `help`: where it is explained."""

    message: str
    hint: str | None
    help: str = ""


class ContextReport(msgspec.Struct, frozen=True, kw_only=True):
    """The files that an image was built from, as the log records them.

    `digest`: the digest of the files. `untracked`: the number of files that git does not track; None without a git
    repository.
    """

    digest: str
    untracked: int | None


class ReleaseReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The release of one component. `steps`: the steps that all components share, then the component's own.

    `builder`: the name of the builder; None if nothing is built, or if `preview --offline` did not choose a builder.
    `context`: the context of the image that this run built; None in a preview or without a build, when the document
    omits the member.
    """

    component: str
    key: str
    decision: DecisionReport
    builder: str | None
    context: ContextReport | None = None
    steps: tuple[StepReport, ...]


class UnchangedReport(msgspec.Struct, frozen=True, kw_only=True):
    """A component that is not built, because none of its files changed. `digest`: of the image that `tag` holds.

    `since`: the commit that HEAD was compared with. `digest` and `since` are None where they are not known.
    """

    component: str
    reason: str
    tag: str
    digest: str | None
    since: str | None


class FailedReport(msgspec.Struct, frozen=True, kw_only=True):
    """A component that failed while others may have been released. `exit_code`: that of the component's error alone.

    `help`: where the error is explained.
    """

    component: str
    message: str
    hint: str | None
    exit_code: int
    help: str = ""


class RunReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The report of `preview` or `run`: every release with its steps, judged or executed. `plan`: the plan's hash.

    `unchanged`: components that did not change; the document omits the member if there are none. `failed`: those of
    several components that failed; the document omits this member, too, if there are none. `error` is the error of the
    first component that failed.
    """

    schema: Schema
    releases: tuple[ReleaseReport, ...]
    plan: str
    exit_code: int
    error: ErrorReport | None
    unchanged: tuple[UnchangedReport, ...] = ()
    failed: tuple[FailedReport, ...] = ()


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `preview` or `run`. `details`: the runner's report. `inputs`: the planner's input by component."""

    report: RunReport
    details: Report
    inputs: tuple[ReleaseInput, ...]

    @property
    def error(self) -> ReleaseError | None:
        """The error with which the command ends, or None."""
        return self.details.error  # type: ignore[no-any-return]  # a field that msgspec must not look into


def step_reports(details: Report) -> tuple[StepReport, ...]:
    """Reports of all steps, in the plan's order."""
    return tuple(step_report(one) for one in details.outcomes)


def run_report(schema: Schema, details: Report, inputs: Sequence[ReleaseInput] = ()) -> RunReport:
    """The report of `preview` or `run`, made from the runner's report. `inputs`: the planner's, by component."""
    plan = details.plan
    steps: defaultdict[str, list[StepReport]] = defaultdict(list)
    for outcome in details.outcomes:
        steps[outcome.step.scope].append(step_report(outcome))
    builders = _builders(details)
    releases = tuple(
        ReleaseReport(
            component=release.component,
            key=release.key,
            decision=decision_report(release.decision),
            builder=builders.get(release.component),
            context=_context(details, release.component),
            steps=(*steps[""], *steps[release.component]),
        )
        for release in plan.releases
    )
    return RunReport(
        schema=schema,
        releases=releases,
        plan=plan.hash,
        exit_code=exit_code(details),
        error=error_report(details),
        unchanged=tuple(
            UnchangedReport(
                component=one.component,
                reason=one.unchanged.reason,
                tag=one.unchanged.tag,
                digest=one.unchanged.digest,
                since=one.unchanged.since,
            )
            for one in inputs
            if one.unchanged is not None
        ),
        failed=tuple(
            FailedReport(
                component=name,
                message=error.message,
                hint=error.hint,
                exit_code=int(error.exit_code),
                help=help_at(topic_of(error)),
            )
            for name, error in details.errors.items()
        ),
    )


def _builders(details: Report) -> dict[str, str | None]:
    """The builder of each component that is built; with several platforms that of the first one."""
    builds = (one.step.operands for one in details.outcomes)
    found: dict[str, str | None] = {}
    for build in builds:
        if isinstance(build, BuildImage):
            found.setdefault(build.component, build.builds_with)
    return found


def _context(details: Report, component: str) -> ContextReport | None:
    built = details.bindings.get(built_of(component)) or {}
    found = built.get("context")
    return None if found is None else ContextReport(digest=found["digest"], untracked=found.get("untracked"))


def step_report(outcome: Outcome) -> StepReport:
    """The report of one step."""
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
    """The error of the runner's report in the form of reports, or None."""
    error: ReleaseError | None = details.error
    return None if error is None else _explained(error)


def _explained(error: ReleaseError) -> ErrorReport:
    return ErrorReport(message=error.message, hint=error.hint, help=help_at(topic_of(error)))


def plan_document(plan: Plan) -> dict[str, Any]:
    """The content of a plan file, schema `shipmark.plan/1`: the plan and its hash."""
    return {"schema": "shipmark.plan/1", "hash": plan.hash, "plan": plain(plan)}
