"""Checks of CI files: inputs of our action, events, Tekton's words, files that cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ci.systems.tekton import is_event_word
from release.app.setup.doctor.checks.answer import Answer, ok, problem, unchecked, warning
from release.app.setup.doctor.scene import Scene, TaskFile, Unasked
from release.app.setup.workflows.model import Workflow
from release.hints import nearest

_TEKTON = {"SHIPMARK_REF": "ref", "SHIPMARK_SHA": "revision", "SHIPMARK_EVENT": "event"}
_DOCUMENTED = (
    "`push`, `pull_request`, `schedule` or `manual`, or the name that the Git server gives the event"
)


def files(scene: Scene) -> Iterator[Answer]:
    """The CI files that the other checks read."""
    for one in scene.unread:
        yield Answer(state="not checked", seen=f"`{one.path}`: {one.reason}")
    found = [*(one.path for one in scene.workflows), *(one.path for one in scene.tasks)]
    yield ok(f"read {len(found)} CI file{'' if len(found) == 1 else 's'}")


def inputs(scene: Scene) -> Iterator[Answer]:
    """The `with:` keys of our actions: the main one fails for an unknown input, the drop-in warns and goes on."""
    if not scene.action_inputs:
        yield unchecked(Unasked("the inputs of the action are not known here"))
        return
    count = 0
    for workflow in scene.workflows:
        for step in workflow.steps:
            if step.own_action is None or step.own_action not in scene.action_inputs:
                continue
            count += 1
            known = scene.action_inputs[step.own_action]
            for name, line in step.input_lines.items():
                if name in known:
                    continue
                near = nearest(name, sorted(known), cutoff=0.5)
                fix = f"write `{near}`" if near else f"inputs are {', '.join(sorted(known))}"
                effect = "so it has no effect" if step.own_action else "so the step fails"
                yield problem(
                    f"the action has no input `{name}`, {effect}",
                    fix,
                    2,
                    f"{workflow.path}:{line}",
                )
    yield ok(f"looked at {count} step{'' if count == 1 else 's'} with the action of shipmark")


def events(scene: Scene) -> Iterator[Answer]:
    """Tag pushes beside release events: the run for the push comes first, and cannot see the pre-release box."""
    own = [one for one in scene.workflows if one.uses_shipmark]
    releases = [one for one in own if "release" in one.events]
    pushes = [one for one in own if _pushes_tags(one)]
    for pushed in pushes if releases else ():
        yield warning(
            f"tag pushes release here, beside the release event of `{releases[0].path}`: "
            "the run for the push cannot see the pre-release box",
            "keep one of them: take `tags:` out of `on: push:`, or `release:` out of `on:`",
            f"{pushed.path}:{pushed.line_of('$.on.push.tags')}",
        )
    if not (pushes and releases):
        yield ok("no tag push beside a release event")


def _pushes_tags(workflow: Workflow) -> bool:
    """Whether a pushed tag starts the workflow: `push` without filters, or with `tags`."""
    if "push" not in workflow.events:
        return False
    found = workflow.events["push"]
    filters = found if isinstance(found, Mapping) else {}
    return "tags" in filters or not ({"branches", "branches-ignore", "tags-ignore", "tags"} & filters.keys())


def tekton(scene: Scene) -> Iterator[Answer]:
    """The facts that Tekton itself gives no step: ref, commit and event have to come from params."""
    said = False
    for file in scene.tasks:
        for lacking, line in _lacking(file):
            said = True
            yield warning(
                f"the task shipmark gets no param {', '.join(f'`{one}`' for one in lacking)}",
                "pass them from the trigger: "
                + ", ".join(f'`{{name: {one}, value: "…"}}`' for one in lacking),
                f"{file.path}:{line}",
            )
    if scene.system == "tekton":
        for name, param in _TEKTON.items():
            value = scene.variables.get(name, "").strip()
            if not value or value.startswith(("{{", "$(")):
                said = True
                yield warning(
                    f"`{name}` is {f'`{value}`, which nothing replaced' if value else 'not set'}",
                    f"pass the param `{param}` of the Task from the trigger",
                )
            elif name == "SHIPMARK_EVENT" and not is_event_word(value):
                said = True
                yield warning(f"`{value[:60]}` is no event that shipmark knows", f"pass {_DOCUMENTED}")
    if not said:
        yield (
            ok("ref, commit and event are told")
            if scene.tasks or scene.system == "tekton"
            else ok("no Tekton here")
        )


def _lacking(file: TaskFile) -> Iterator[tuple[list[str], int]]:
    """The params that each use of the Task `shipmark` in a file lacks, and the line of the use."""
    stack: list[tuple[str, Any]] = [("$", file.document.value)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, Mapping):
            stack += [(f"{path}.{key}", one) for key, one in value.items()]
            task = value.get("taskRef")
            if isinstance(task, Mapping) and task.get("name") == "shipmark":
                given = value.get("params")
                names = (
                    {one.get("name") for one in given if isinstance(one, Mapping)}
                    if isinstance(given, list)
                    else set()
                )
                if lacking := [name for name in _TEKTON.values() if name not in names]:
                    yield lacking, file.document.at(path).line
        elif isinstance(value, list):
            stack += [(f"{path}[{number}]", one) for number, one in enumerate(value)]
