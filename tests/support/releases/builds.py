"""Helpers for tests of builders: one describes a build, others prepare and execute it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from release.build import Builder, BuildTask, BuildValues, BuiltImage, Problem
from release.build.assemble import build_whole
from release.build_spec import BuildSpec
from release.plan.ownership import several_platforms


class Build(NamedTuple):
    """A `BuildTask`, and the values, such as those of build arguments, that only the builder gets."""

    task: BuildTask
    values: BuildValues = BuildValues()


def build_of(
    root: Path,
    *,
    args: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    created: int = 0,
    outputs: tuple[str, ...] = (),
    **options: Any,
) -> Build:
    """Return the description of a build of the folder `root`. `options`: fields of `BuildSpec`."""
    task = BuildTask(
        spec=BuildSpec(args=dict.fromkeys(args or {}, "a template"), **options),
        root=str(root),
        labels=labels or {},
        annotations=annotations or {},
        created=created,
        outputs=outputs,
    )
    return Build(task, BuildValues(args=args or {}))


def problem(builder: Builder, wanted: Build) -> Problem | None:
    """Return the `Problem` for which the builder refuses the build, or None."""
    answer = builder.prepare(wanted.task, wanted.values)
    if isinstance(answer, Problem):
        return answer
    answer.close()
    return None


def build(builder: Builder, wanted: Build, store: Path | str) -> BuiltImage:
    """Prepare a build and build it into `store`. Raises the error of the builder's `Problem`, if it has one."""
    prepared = builder.prepare(wanted.task, wanted.values)
    if isinstance(prepared, Problem):
        raise prepared.error()
    try:
        platforms = several_platforms(wanted.task.spec.platforms)
        return build_whole(prepared, str(store), platforms, wanted.task.annotations)
    finally:
        prepared.close()
