"""Gives the components of several jobs names of their own: two workflows may have a job of the same name. Pure."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from release.app.setup.init.convert.jobs import JobPlan
from release.app.setup.init.convert.model import Draft, Left
from release.app.setup.workflows.model import Workflow
from release.lazy_pattern import pattern

_OTHER = pattern(r"[^A-Za-z0-9_.-]+")


class Planned(NamedTuple):
    """What is planned for one workflow. `left`: what stays as it is."""

    workflow: Workflow
    plans: list[JobPlan]
    left: list[Left]


def with_own_names(planned: Sequence[tuple[Workflow, list[JobPlan], list[Left]]]) -> list[Planned]:
    """The plans with component names that are unique. The first job of a name keeps it.

    Later ones get the name of their workflow's file in front (`nightly-build`). Jobs with equal sections are one
    component, whatever they are called: two components would dispute over the tags of their image.
    """
    taken: dict[str, Draft] = {}
    found = []
    for workflow, plans, left in planned:
        stem = _OTHER.sub("-", posixpath.basename(workflow.path).rpartition(".")[0]).strip("-.") or "workflow"
        found.append(Planned(workflow, [_named(plan, stem, taken) for plan in plans], left))
    return found


def _named(plan: JobPlan, stem: str, taken: dict[str, Draft]) -> JobPlan:
    same = next(
        (one for one in taken.values() if [one.section] == [own.section for own in plan.drafts]), None
    )
    if same is not None and plan.step.component == plan.drafts[0].name:
        step = msgspec.structs.replace(plan.step, component=same.name)
        return msgspec.structs.replace(plan, drafts=(same,), step=step)
    for prefix in _prefixes(stem):
        drafts = [msgspec.structs.replace(one, name=f"{prefix}{one.name}") for one in plan.drafts]
        if all(taken.get(one.name, one) == one for one in drafts):
            taken.update({one.name: one for one in drafts})
            # A step of a matrix names its component by an expression, before which the prefix stands as well.
            step = msgspec.structs.replace(plan.step, component=f"{prefix}{plan.step.component}")
            return msgspec.structs.replace(plan, drafts=tuple(drafts), step=step if drafts else plan.step)
    raise AssertionError("there is always another prefix")


def _prefixes(stem: str) -> Iterator[str]:
    yield ""
    yield f"{stem}-"
    yield from (f"{stem}-{number}-" for number in itertools.count(2))
