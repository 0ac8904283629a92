"""Plans the conversion of one job: docker/metadata-action with docker/build-push-action or docker/bake-action. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from release.app.setup.init.convert.bake_options import bake_section
from release.app.setup.init.convert.build_options import build_section, lines_of
from release.app.setup.init.convert.expressions import EXPRESSION, Values
from release.app.setup.init.convert.literal_tags import literal_naming
from release.app.setup.init.convert.matrix import Matrix, matrix_of
from release.app.setup.init.convert.model import CannotConvert, Draft, Edit, Left
from release.app.setup.init.convert.naming import naming_section
from release.app.setup.init.convert.spans import comments, deep_checkout, references
from release.app.setup.workflows.model import Job, Step, Workflow
from release.lazy_pattern import pattern

METADATA, BUILD, BAKE = "docker/metadata-action", "docker/build-push-action", "docker/bake-action"
#: Keys of the build step that the new step has, too.
_KEPT = ("name", "if", "continue-on-error", "timeout-minutes")
_COMPARISON = pattern(r"[\w.]+ *(?:==|!=) *'[^']*'", re.ASCII)
#: Outputs of the removed steps -> outputs of shipmark.
META_OUTPUTS = {"tags": "tags", "tag-names": "tag-names", "version": "primary-tag"}
BUILD_OUTPUTS = {"digest": "digest"}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known besides the file. `action`: `OWNER/shipmark@COMMIT`. `github`: of the `github` context.

    `files`: bake files, by their path.
    """

    action: str
    github: Mapping[str, str]
    files: Mapping[str, str] = {}


class NewStep(msgspec.Struct, frozen=True, kw_only=True):
    """The step of shipmark that takes the place of others. `keys`: `name`, `id`, `if`, before `uses`.

    `component`: how the step names its component, where the config has several.
    """

    indent: int
    keys: Mapping[str, str]
    env: Mapping[str, str]
    inputs: Mapping[str, str]
    component: str = ""
    above: tuple[str, ...] = ()


class JobPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The conversion of a job. `first`: the line at which `step` is put. `removed`: first and last line of each."""

    drafts: tuple[Draft, ...]
    step: NewStep
    first: int
    removed: tuple[tuple[int, int], ...]
    edits: tuple[Edit, ...] = ()
    left: tuple[Left, ...] = ()


def values_for(
    workflow: Workflow, job: Job, combination: Mapping[str, str], facts: Facts, steps: Mapping[str, str]
) -> Values:
    """The values that expressions of the job's steps have."""
    env: dict[str, Any] = {}
    for value in (workflow.document.value, job.value):
        found = value.get("env")
        env |= found if isinstance(found, Mapping) else {}
    return Values(env=env, matrix=combination, facts=facts.github, steps=steps)


def in_config(step: Step | None) -> dict[str, str]:
    """What outputs of the metadata step become in the config's build arguments."""
    id_ = "" if step is None else step.text("id")
    return (
        {
            f"{id_}.version": "{{version}}",
            f"{id_}.label-version": "{{version}}",
            f"{id_}.label-revision": "{{commit}}",
        }
        if id_
        else {}
    )


def plan_job(workflow: Workflow, job: Job, facts: Facts) -> JobPlan | None:
    """The plan; None for a job without steps to convert. Raises `CannotConvert`."""
    metas = [one for one in job.steps if one.action == METADATA]
    builds = [one for one in job.steps if one.action in {BUILD, BAKE}]
    if not builds:
        return None
    require_own_lines(workflow, job)
    for extra in (*metas[1:], *builds[1:]):
        raise CannotConvert(extra.line, f"the job has two steps of `{extra.action}`")
    meta, build = next(iter(metas), None), builds[0]
    used = [step for step in (meta, build) if step is not None]
    for step in used:
        if not step.first:
            raise CannotConvert(step.line, "the step is not written on lines of its own")
    matrix = matrix_of(job, [text for step in used for text in step.inputs.values()])
    drafts, values, left = _drafts(workflow, job, facts, meta, build, matrix)
    lines = workflow.text.split("\n")
    removed = tuple((step.first, step.last) for step in used)
    ids = {
        step.text("id"): names
        for step, names in ((meta, META_OUTPUTS), (build, BUILD_OUTPUTS))
        if step and step.text("id")
    }
    new_id = build.text("id") or (meta.text("id") if meta else "") or "shipmark"
    renamed = references(
        lines, workflow.span_of(job), ids, [range(first, last + 1) for first, last in removed], new_id
    )
    keys = {name: text for name in _KEPT if (text := build.text(name))}
    if meta is not None and meta.text("if") not in {"", build.text("if")}:
        raise CannotConvert(meta.line, "the metadata step has a condition of its own")
    new = NewStep(
        indent=build.indent,
        keys={**keys, **({"id": new_id} if renamed else {})},
        env={
            **_environment(used),
            **{name: f"${{{{ {inner} }}}}" for name, inner in values.variables.items()},
        },
        inputs={"command": command_of(build)},
        component=f"${{{{ matrix.{matrix.key} }}}}" if matrix.key else drafts[0].name,
        above=tuple(text for one in used for text in comments(lines, one.first, one.last)),
    )
    return JobPlan(
        drafts=tuple(drafts),
        step=new,
        first=build.first,
        removed=removed,
        edits=(*deep_checkout(job, build, lines), *renamed),
        left=tuple(left),
    )


def _drafts(
    workflow: Workflow, job: Job, facts: Facts, meta: Step | None, build: Step, matrix: Matrix
) -> tuple[list[Draft], Values, list[Left]]:
    drafts: list[Draft] = []
    left: dict[str, Left] = {}
    values = values_for(workflow, job, {}, facts, in_config(meta))
    for combination in matrix.combinations:
        values = values_for(workflow, job, combination, facts, in_config(meta))
        naming, odd = (
            naming_section(meta, values) if meta is not None else (literal_naming(build, values), [])
        )
        if build.action == BAKE:
            options, more = bake_section(build, facts.files)
        else:
            options, more = build_section(build, values)
        if meta is not None and build.action == BUILD:
            _require_tags_of(meta, build)
        for key in ("labels", "annotations"):
            own = [one for one in lines_of(build.inputs.get(key, "")) if ".outputs." not in one]
            if own:
                naming[key] = [*naming.get(key, []), *(values.text(one, form="{{env.%s}}") for one in own)]
        if values.lost:
            raise CannotConvert(build.line, f"`{values.lost[0]}` has no counterpart in shipmark")
        if _pushes_requests(workflow, build):
            naming["pull_requests"] = True
        section = naming | ({"build": options} if options else {})
        drafts.append(Draft(name=combination.get(matrix.key, job.name), section=section))
        for line, what in (*odd, *more):
            left.setdefault(f"{line}{what}", Left(place=f"{workflow.path}:{line}", what=what))
    return drafts, values, [*left.values()]


def _require_tags_of(meta: Step, build: Step) -> None:
    """Raise `CannotConvert` for a build whose tags are not just those of the metadata step."""
    wanted = re.compile(rf"\$\{{\{{.*\bsteps\.{re.escape(meta.text('id'))}\.outputs\.(?:tags|json)\b.*\}}\}}")
    given = lines_of(build.inputs.get("tags", ""))
    if not given or not all(wanted.fullmatch(one) for one in given):
        line = build.input_lines.get("tags", build.line)
        raise CannotConvert(line, "the tags of the build are not those of the metadata step alone")


def command_of(build: Step) -> str:
    """The command of the action: `run` where the step pushes, `build` where it does not."""
    push = build.inputs.get("push", "").strip()
    outputs = build.inputs.get("outputs", "").replace(" ", "")
    if push in {"", "false"}:
        if "type=registry" in outputs or ("type=image" in outputs and "push=true" in outputs):
            return "run"
        if build.inputs.get("load", "").strip() == "true" or outputs:
            line = build.input_lines.get("load") or build.input_lines.get("outputs") or build.line
            raise CannotConvert(line, "the step leaves its image on this machine, and later steps may use it")
        return "build"
    if push == "true":
        return "run"
    match = EXPRESSION.fullmatch(push)
    if match is None:
        raise CannotConvert(build.input_lines["push"], f"`push: {push}` is no condition")
    inner = match[1].strip()
    # The input `push` is text, in which `false` is false; in an expression the text `false` would be true.
    condition = inner if _COMPARISON.fullmatch(inner) else f"format('{{0}}', {inner}) == 'true'"
    return f"${{{{ {condition} && 'run' || 'build' }}}}"


def _pushes_requests(workflow: Workflow, build: Step) -> bool:
    """Whether images of pull requests are pushed: the event is there, and `push` has no condition."""
    requests = {"pull_request", "pull_request_target"} & workflow.events.keys()
    return bool(requests) and build.inputs.get("push", "").strip() == "true"


def _environment(steps: list[Step]) -> dict[str, str]:
    found: dict[str, str] = {}
    for step in steps:
        env = step.value.get("env")
        found |= (
            {name: text for name, text in env.items() if isinstance(text, str)}
            if isinstance(env, Mapping)
            else {}
        )
    return found


def require_own_lines(workflow: Workflow, job: Job) -> None:
    """Raise `CannotConvert` if steps of the job are shared with another place of the file."""
    line = workflow.shared_line(job)
    if line:
        raise CannotConvert(line, "a YAML anchor or alias is among the steps: write them out")
