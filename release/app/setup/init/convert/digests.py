"""Plans the conversion of two jobs that build by digest on several runners and merge the digests. Pure.

docker's documentation calls the pattern "distribute build across multiple runners": one job pushes each platform by
digest and uploads the digest as an artifact; another joins them with `docker buildx imagetools create`. shipmark hands
over the image itself, and `run` with `from` joins and tags it.
"""

from __future__ import annotations

import re

from release.app.setup.init.convert.build_options import build_section
from release.app.setup.init.convert.jobs import (
    BUILD,
    METADATA,
    Facts,
    JobPlan,
    NewStep,
    in_config,
    require_own_lines,
    values_for,
)
from release.app.setup.init.convert.matrix import matrix_of
from release.app.setup.init.convert.model import CannotConvert, Draft, Edit, Left
from release.app.setup.init.convert.naming import naming_section
from release.app.setup.init.convert.spans import comments, deep_checkout, references
from release.app.setup.workflows.model import Job, Step, Workflow
from release.lazy_pattern import pattern

_UPLOAD, _DOWNLOAD = "actions/upload-artifact", "actions/download-artifact"
_MATRIX_PLATFORM = pattern(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}", re.ASCII)


def digest_jobs(workflow: Workflow) -> tuple[Job, Job] | None:
    """The job that pushes by digest, and the job that merges; None if the workflow has no such pair."""
    pushing = [
        job
        for job in workflow.jobs
        if any("push-by-digest=true" in one.inputs.get("outputs", "") for one in job.steps)
    ]
    merging = [
        job for job in workflow.jobs if any("imagetools create" in one.text("run") for one in job.steps)
    ]
    return (pushing[0], merging[0]) if len(pushing) == len(merging) == 1 and pushing != merging else None


def plan_digests(workflow: Workflow, pair: tuple[Job, Job], facts: Facts) -> tuple[JobPlan, JobPlan]:
    """The plans of both jobs. Raises `CannotConvert`."""
    pushing, merging = pair
    for job in pair:
        require_own_lines(workflow, job)
    build = _only(pushing, BUILD)
    upload, download = _only(pushing, _UPLOAD), _only(merging, _DOWNLOAD)
    key = _MATRIX_PLATFORM.fullmatch(build.inputs.get("platforms", "").strip())
    if key is None:
        raise CannotConvert(build.line, "the platform of each runner is not a key of the matrix")
    platforms = [one[key[1]] for one in matrix_of(pushing, [key[0]]).combinations]
    meta = next((one for job in (merging, pushing) for one in job.steps if one.action == METADATA), None)
    if meta is None:
        raise CannotConvert(merging.line, f"there is no step of `{METADATA}`")
    values = values_for(workflow, merging, {key[1]: platforms[0]}, facts, in_config(meta))
    naming, odd = naming_section(meta, values)
    options, more = build_section(build, values)
    options["platforms"] = platforms
    left = tuple(Left(place=f"{workflow.path}:{line}", what=what) for line, what in (*odd, *more))
    draft = Draft(name=merging.name, section={**naming, "build": options})
    variables = {name: f"${{{{ {inner} }}}}" for name, inner in values.variables.items()}
    return (
        _building(workflow, pushing, build, upload, key[0], draft, variables),
        _joining(workflow, merging, download, len(platforms), draft, variables, left),
    )


def _building(
    workflow: Workflow,
    job: Job,
    build: Step,
    upload: Step,
    platform: str,
    draft: Draft,
    variables: dict[str, str],
) -> JobPlan:
    lines = workflow.text.split("\n")
    gone = [
        one
        for one in job.steps
        if one is build
        or one is upload
        or one.action == METADATA
        or _is_about_digests(one)
        or _names_platform(one)
    ]
    step = NewStep(
        indent=build.indent,
        keys={name: text for name in ("name", "if") if (text := build.text(name))},
        env=variables,
        inputs={"command": "build", "platforms": platform, "output": "oci:part"},
        component=draft.name,
        above=tuple(text for one in gone for text in comments(lines, one.first, one.last)),
    )
    indent = " " * upload.indent
    kept = (
        f"{indent}- uses: {upload.text('uses')}",
        f'{indent}  with: {{name: "part-${{{{ strategy.job-index }}}}", path: part}}',
    )
    return JobPlan(
        drafts=(draft,),
        step=step,
        first=build.first,
        removed=tuple((one.first, one.last) for one in gone if one is not upload),
        edits=(*deep_checkout(job, build, lines), Edit(first=upload.first, last=upload.last, lines=kept)),
    )


def _joining(
    workflow: Workflow,
    job: Job,
    download: Step,
    parts: int,
    draft: Draft,
    variables: dict[str, str],
    left: tuple[Left, ...],
) -> JobPlan:
    lines = workflow.text.split("\n")
    gone = [one for one in job.steps if one.action == METADATA or "imagetools" in one.text("run")]
    (create,) = [one for one in gone if "imagetools create" in one.text("run")][:1]
    ids = {one.text("id"): {"version": "primary-tag", "tags": "tags"} for one in gone if one.text("id")}
    removed = [(one.first, one.last) for one in (*gone, download)]
    renamed = references(
        lines, workflow.span_of(job), ids, [range(first, last + 1) for first, last in removed], "shipmark"
    )
    step = NewStep(
        indent=create.indent,
        keys={"id": "shipmark"} if renamed else {},
        env=variables,
        inputs={"command": "run", "from": "\n".join(f"oci:part-{number}" for number in range(parts))},
        component=draft.name,
        above=tuple(text for one in gone for text in comments(lines, one.first, one.last)),
    )
    indent = " " * download.indent
    kept = (f"{indent}- uses: {download.text('uses')}", f"{indent}  with: {{pattern: part-*}}")
    return JobPlan(
        drafts=(draft,),
        step=step,
        first=create.first,
        removed=tuple(removed[:-1]),
        edits=(
            *deep_checkout(job, download, lines),
            Edit(first=download.first, last=download.last, lines=kept),
            *renamed,
        ),
        left=left,
    )


def _only(job: Job, action: str) -> Step:
    found = [one for one in job.steps if one.action == action]
    if len(found) != 1 or not found[0].first:
        raise CannotConvert(job.line, f"the job has not one step of `{action}` on lines of its own")
    return found[0]


def _is_about_digests(step: Step) -> bool:
    return bool(step.text("run")) and "digest" in step.text("run")


def _names_platform(step: Step) -> bool:
    """The step of docker's example that makes an artifact's name of the platform."""
    return "PLATFORM_PAIR" in step.text("run")
