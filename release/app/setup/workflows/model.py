"""Parses a workflow file into jobs and steps, each with its lines in the text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from release.config.document import Document, parse
from release.lazy_pattern import pattern

FOLDER = ".github/workflows"
#: Where workflows of GitHub, Forgejo and Gitea lie; all have the same keys.
FOLDERS = (FOLDER, ".forgejo/workflows", ".gitea/workflows")
#: The action that clones the repository.
CHECKOUT = "actions/checkout"
_DASH = pattern(r"([ ]*)-(?:[ ]|$)")
# `acme/shipmark@v1`, `acme/shipmark/ci/github/metadata@…`, or a copy that the job checked out: `./.shipmark/action`.
# The group is the action's folder in the repository.
_OWN_ACTION = pattern(
    r"(?:[\w.-]+/shipmark(?=[/@])|\./\.shipmark/action)(?:/([\w./-]+))?(?:@[^@\s]+)?", re.ASCII
)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a job. `line`: where its value begins; `first` and `last`: the lines of its text, from 1.

    `first` is 0 if the step is not a list item of its own lines (`steps: [{…}]`). `indent`: the column of its dash,
    from 0. `inputs`: the scalars below `with:`, as text; `input_lines`: the line of each of their keys. Both have names
    in lower case, since GitHub does not tell `Tags` from `tags`.
    """

    number: int
    line: int
    first: int
    last: int
    indent: int
    value: Mapping[str, Any]
    inputs: Mapping[str, str] = {}
    input_lines: Mapping[str, int] = {}

    def text(self, key: str) -> str:
        """The scalar under `key`, such as `uses`; empty if there is none."""
        found = self.value.get(key)
        return found if isinstance(found, str) else ""

    @property
    def action(self) -> str:
        """The action that the step uses, without its version: `docker/metadata-action`; empty for other steps."""
        return self.text("uses").partition("@")[0].strip()

    @property
    def own_action(self) -> str | None:
        """The folder of the action of shipmark that the step uses, `""` for the main one; None for other steps."""
        match = _OWN_ACTION.fullmatch(self.text("uses").strip())
        return None if match is None else match[1] or ""

    @property
    def uses_shipmark(self) -> bool:
        """Whether the step uses an action of shipmark, or runs the command."""
        return self.own_action is not None or bool(re.search(r"(?m)\bshipmark\s+\w", self.text("run")))


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job. `line`: of its key."""

    name: str
    line: int
    value: Mapping[str, Any]
    steps: tuple[Step, ...] = ()

    def checkout_before(self, number: int) -> Step | None:
        """The last step before step `number` that checks out the workflow's own repository; None if there is none."""
        found = (one for one in reversed(self.steps[:number]) if one.action == CHECKOUT)
        return next((one for one in found if "repository" not in one.inputs), None)


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow file. `path`: from the repository's root. `events`: the keys of `on:`, with their settings."""

    path: str
    text: str
    document: Document
    events: Mapping[str, Any]
    jobs: tuple[Job, ...]

    @property
    def steps(self) -> Iterator[Step]:
        """The steps of all jobs."""
        return (step for job in self.jobs for step in job.steps)

    @property
    def uses_shipmark(self) -> bool:
        """Whether a step uses an action of shipmark, or runs the command."""
        return any(step.uses_shipmark for step in self.steps)

    def span_of(self, job: Job) -> range:
        """The lines of a job in the file."""
        later = [one.line for one in self.jobs if one.line > job.line]
        return range(job.line, min(later, default=len(self.text.split("\n")) + 1))

    def shared_line(self, job: Job) -> int:
        """The first line with an anchor or an alias that concerns the job's steps; 0 if there is none.

        Such steps stand in the file once and count twice, or have no lines of their own, so they cannot be edited.
        """
        span = self.span_of(job)
        steps = self.document.keys.get(f"$.jobs.{job.name}.steps")
        first = steps.line if steps is not None and steps.line in span else job.line
        return next((one for one in self.document.shared if one == job.line or first <= one < span.stop), 0)

    def line_of(self, path: str) -> int:
        """The line of a key (`$.on.push.tags`), or of the nearest value around it."""
        key = self.document.keys.get(path)
        return (key or self.document.at(path)).line


def parse_workflow(path: str, text: str) -> Workflow:
    """Parse the file. Raises `ConfigError` with line and column for YAML that shipmark does not read."""
    document = parse(text, path)
    value = document.value if isinstance(document.value, Mapping) else {}
    jobs = value.get("jobs")
    lines = text.split("\n")
    return Workflow(
        path=path,
        text=text,
        document=document,
        events=_events(value.get("on")),
        jobs=tuple(
            Job(
                name=name,
                line=document.keys[f"$.jobs.{name}"].line,
                value=one,
                steps=tuple(_steps(document, f"$.jobs.{name}.steps", one.get("steps"), lines)),
            )
            for name, one in (jobs.items() if isinstance(jobs, Mapping) else ())
            if isinstance(one, Mapping)
        ),
    )


def _events(found: Any) -> dict[str, Any]:
    """`on: push`, `on: [push]` and `on: {push: …}` alike."""
    if isinstance(found, str):
        return {found: {}}
    if isinstance(found, list):
        return {one: {} for one in found if isinstance(one, str)}
    return {name: one or {} for name, one in found.items()} if isinstance(found, Mapping) else {}


def _steps(document: Document, path: str, found: Any, lines: list[str]) -> Iterator[Step]:
    if not isinstance(found, list):
        return
    starts = [_start(document, f"{path}[{number}]", lines) for number in range(len(found))]
    for number, value in enumerate(found):
        if not isinstance(value, Mapping):
            continue
        first, indent = starts[number]
        following = starts[number + 1][0] if number + 1 < len(starts) else 0
        inputs = value.get("with")
        with_ = inputs if isinstance(inputs, Mapping) else {}
        own = f"{path}[{number}]"
        yield Step(
            number=number,
            line=document.at(own).line,
            first=first,
            last=_end(lines, first, indent, following) if first else 0,
            indent=indent,
            value=value,
            inputs={name.lower(): one for name, one in with_.items() if isinstance(one, str)},
            input_lines={name.lower(): document.keys[f"{own}.with.{name}"].line for name in with_},
        )


def _start(document: Document, path: str, lines: list[str]) -> tuple[int, int]:
    """The line and the column of a list item's dash; (0, 0) for an item of a flow sequence."""
    position = document.at(path)
    before = lines[position.line - 1][: position.column - 1]
    if (match := _DASH.fullmatch(before.rstrip() + " ")) is not None:
        return position.line, len(match[1])
    # The dash stands alone on a line above: `-`, then the keys.
    for number in range(position.line - 1, 0, -1):
        line = lines[number - 1].split(" #")[0].rstrip()
        if line.strip() == "-":
            return number, len(line) - 1
        if line.strip() and not line.lstrip().startswith("#"):
            break
    return 0, 0


def _end(lines: list[str], first: int, indent: int, following: int) -> int:
    """The last line of the item that begins in line `first`; comments above the next item belong to that item."""
    last = first
    for number in range(first + 1, (following or len(lines) + 1)):
        line = lines[number - 1]
        own = len(line) - len(line.lstrip(" "))
        if not line.strip():
            continue
        if own <= indent:
            break
        last = number
    return last
