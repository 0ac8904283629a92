"""Converts the workflows of a repository: sections of the config, and the new text of each file. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from release.app.setup.init.convert.component_names import with_own_names
from release.app.setup.init.convert.digests import digest_jobs, plan_digests
from release.app.setup.init.convert.jobs import BAKE, METADATA, Facts, JobPlan, NewStep, plan_job
from release.app.setup.init.convert.model import CannotConvert, Converted, Edit, Left, edited
from release.app.setup.init.yaml_text import scalar
from release.app.setup.workflows.model import Job, Workflow

#: The action that takes the place of docker/metadata-action where another tool builds: same inputs, same outputs.
_DROP_IN = "ci/github/metadata"


def convert_workflows(workflows: Sequence[Workflow], facts: Facts) -> tuple[Converted, ...]:
    """The files that change or have something left, in their order."""
    planned = with_own_names([(workflow, *_plans(workflow, facts)) for workflow in workflows])
    several = len({draft.name for _, plans, _ in planned for plan in plans for draft in plan.drafts}) > 1
    found = []
    for workflow, plans, left in planned:
        edits = [edit for plan in plans for edit in _edits(plan, facts, several=several)]
        edits += _drop_ins(workflow, facts, plans)
        if edits or left:
            found.append(
                Converted(
                    path=workflow.path,
                    text=edited(workflow.text, edits),
                    drafts=tuple(draft for plan in plans for draft in plan.drafts),
                    left=(*(one for plan in plans for one in plan.left), *left),
                )
            )
    return tuple(found)


def _plans(workflow: Workflow, facts: Facts) -> tuple[list[JobPlan], list[Left]]:
    plans: list[JobPlan] = []
    left: list[Left] = []
    pair = digest_jobs(workflow)
    if pair is not None:
        try:
            plans += plan_digests(workflow, pair, facts)
        except CannotConvert as error:
            left.append(_said(workflow, pair[0], error))
    for job in workflow.jobs:
        if pair is not None and job in pair:
            continue
        try:
            plan = plan_job(workflow, job, facts)
            plans += [plan] if plan is not None else []
            left += _named_only(workflow, job, facts) if plan is None else []
        except CannotConvert as error:
            left.append(_said(workflow, job, error))
    return plans, left


def _named_only(workflow: Workflow, job: Job, facts: Facts) -> Iterator[Left]:
    """The metadata steps of a job whose image another tool builds."""
    for step in job.steps:
        if step.action == METADATA:
            what = f"another tool builds the image; `uses: {_drop_in(facts)}` gives it the same outputs"
            yield Left(place=f"{workflow.path}:{step.line}", what=what)


def _drop_in(facts: Facts) -> str:
    repository, _, ref = facts.action.partition("@")
    return f"{repository}/{_DROP_IN}@{ref}"


def _said(workflow: Workflow, job: Job, error: CannotConvert) -> Left:
    return Left(
        place=f"{workflow.path}:{error.line}", what=f"{error.what}; the job `{job.name}` stays as it is"
    )


def _drop_ins(workflow: Workflow, facts: Facts, plans: Sequence[JobPlan]) -> Iterator[Edit]:
    """One line for each metadata step whose image is built by bake: the action of shipmark with the same outputs."""
    gone = {first for plan in plans for first, _ in plan.removed}
    for job in workflow.jobs:
        if not any(step.action == BAKE for step in job.steps) or workflow.shared_line(job):
            continue
        for step in job.steps:
            line = workflow.document.keys.get(f"$.jobs.{job.name}.steps[{step.number}].uses")
            if step.action == METADATA and step.first not in gone and line is not None:
                old = workflow.text.split("\n")[line.line - 1]
                start = old[: old.index("uses:")]
                yield Edit(first=line.line, last=line.line, lines=(f"{start}uses: {_drop_in(facts)}",))


def _edits(plan: JobPlan, facts: Facts, *, several: bool) -> Iterator[Edit]:
    component = plan.step.component if several else ""
    for first, last in plan.removed:
        new = step_lines(plan.step, facts.action, component) if first == plan.first else ()
        yield Edit(first=first, last=last, lines=new)
    yield from plan.edits


def step_lines(step: NewStep, action: str, component: str) -> tuple[str, ...]:
    """The step as YAML, indented for its place."""
    lines = [*step.above]
    entries = [f"{name}: {scalar(text)}" for name, text in step.keys.items()]
    entries.append(f"uses: {action}")
    if step.env:
        entries += ["env:", *(f"  {name}: {scalar(text)}" for name, text in step.env.items())]
    inputs = {**step.inputs, **({"component": component} if component else {})}
    entries.append("with:")
    for name, text in inputs.items():
        entries += (
            [f"  {name}: |", *(f"    {line}" for line in text.split("\n"))]
            if "\n" in text
            else [f"  {name}: {scalar(text)}"]
        )
    lines += [f"- {entries[0]}", *(f"  {entry}" for entry in entries[1:])]
    return tuple(f"{' ' * step.indent}{line}" for line in lines)
