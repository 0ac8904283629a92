"""Lines of a workflow's text: comments in removed steps, the checkout's depth, references to removed steps. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial

from release.app.setup.init.convert.model import CannotConvert, Edit
from release.app.setup.workflows.model import Job, Step
from release.lazy_pattern import pattern

#: The version of actions/checkout that new steps use.
CHECKOUT_PIN = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
_DEPTH = pattern(r"([\"']?)fetch-depth\1\s*:\s*[^,}#\s]+", re.IGNORECASE)
_OUTPUT = pattern(r"\bsteps\.([\w-]+)\.outputs\.([\w-]+)", re.ASCII)
_BLOCK = pattern(r":\s*[|>][-+0-9]*\s*(?:#.*)?$")


def comments(lines: list[str], first: int, last: int) -> list[str]:
    """The comments on lines of their own between two lines; text of block scalars is none."""
    found: list[str] = []
    scalar: int | None = None  # the indentation of the key whose block scalar the lines belong to
    for line in lines[first - 1 : last]:
        indent = len(line) - len(line.lstrip(" "))
        if scalar is not None and (not line.strip() or indent > scalar):
            continue
        scalar = None
        if line.lstrip().startswith("#"):
            found.append(line.strip())
        elif _BLOCK.search(line):
            scalar = indent + (2 if line.lstrip().startswith("- ") else 0)
    return found


def deep_checkout(job: Job, before: Step, lines: list[str]) -> list[Edit]:
    """Edits after which the job checks out its repository with all history before the step `before`."""
    own = job.checkout_before(before.number)
    if own is None:
        indent = " " * before.indent
        new = (f"{indent}- uses: {CHECKOUT_PIN}", f"{indent}  with: {{fetch-depth: 0}}")
        return [Edit(first=before.first, last=before.first - 1, lines=new)]
    if own.inputs.get("fetch-depth", "").strip() == "0":
        return []
    if not own.first:
        raise CannotConvert(
            own.line, "this checkout needs `fetch-depth: 0`, and is not written on lines of its own"
        )
    return [_depth_edit(own, lines)]


def _depth_edit(step: Step, lines: list[str]) -> Edit:
    if (line := step.input_lines.get("fetch-depth")) is not None:
        text = _DEPTH.sub("fetch-depth: 0", lines[line - 1])
        return Edit(first=line, last=line, lines=(text,))
    for number in range(step.first, step.last + 1):
        text = lines[number - 1]
        if (flow := re.search(r"\bwith:\s*\{", text)) is not None:
            return Edit(
                first=number,
                last=number,
                lines=(f"{text[: flow.end()]}fetch-depth: 0, {text[flow.end() :]}",),
            )
        if re.fullmatch(r"\s*(?:- )?with:\s*(?:#.*)?", text):
            # The line of the first input: blank lines and comments at any column may come before it.
            below = lines[min(step.input_lines.values(), default=number + 1) - 1]
            indent = below[: len(below) - len(below.lstrip(" "))]
            return Edit(first=number + 1, last=number, lines=(f"{indent}fetch-depth: 0",))
    if lines[step.line - 1].lstrip(" -").startswith("{"):
        raise CannotConvert(
            step.line, "this checkout needs `fetch-depth: 0`, and is not written on lines of its own"
        )
    return Edit(
        first=step.last + 1, last=step.last, lines=(f"{' ' * (step.indent + 2)}with: {{fetch-depth: 0}}",)
    )


def references(
    lines: list[str], span: range, ids: Mapping[str, Mapping[str, str]], removed: Iterable[range], new_id: str
) -> list[Edit]:
    """Edits of the lines that use outputs of removed steps.

    `ids`: id of a removed step -> its outputs and their names in the new step. Raises `CannotConvert` for another
    output.
    """
    edits: list[Edit] = []
    gone = [*removed]

    def renamed(number: int, match: re.Match[str]) -> str:
        if match[1] not in ids:
            return match[0]
        name = ids[match[1]].get(match[2])
        if name is None:
            raise CannotConvert(number, f"`{match[0]}` has no counterpart among the outputs of shipmark")
        return f"steps.{new_id}.outputs.{name}"

    for number in span:
        if any(number in one for one in gone):
            continue
        line = lines[number - 1]
        new = _OUTPUT.sub(partial(renamed, number), line)
        if new != line or any(match[1] in ids for match in _OUTPUT.finditer(line)):
            edits.append(Edit(first=number, last=number, lines=(new,)))
    return edits
