"""The `tags:` of docker/build-push-action without docker/metadata-action, as images and rules. Pure."""

from __future__ import annotations

from typing import Any

from release.app.setup.init.convert.build_options import comma_list
from release.app.setup.init.convert.expressions import Values
from release.app.setup.init.convert.model import CannotConvert
from release.app.setup.init.convert.naming import images_of
from release.app.setup.workflows.model import Step

#: What people write for the name of the ref or commit -> the rule for it.
_RULES = {
    "${{ github.ref_name }}": ("type=ref,event=branch", "type=ref,event=tag"),
    "${{ github.sha }}": ("type=sha,format=long,prefix=",),
}


def literal_naming(step: Step, values: Values) -> dict[str, Any]:
    """The keys that name the image. Raises `CannotConvert` for tags that differ from image to image."""
    line = step.input_lines.get("tags", step.line)
    names: dict[str, list[str]] = {}
    for one in comma_list(step.inputs.get("tags", ""), line):
        image, tag = _divided(one)
        names.setdefault(image, []).append(tag or "latest")
    if len({tuple(tags) for tags in names.values()}) > 1:
        raise CannotConvert(line, "the images have different tags")
    tags = next(iter(names.values()), [])
    rules = [
        rule
        for tag in tags
        for rule in _RULES.get(tag, (f"type=raw,value={values.text(tag, form='{{env.%s}}')}",))
    ]
    return {**images_of([*names], values, line), "tags": rules, "events": "as-action"}


def _divided(text: str) -> tuple[str, str]:
    """Image and tag of a reference, in which expressions may hold colons."""
    depth = 0
    for position in range(len(text) - 1, -1, -1):
        depth += text.startswith("}}", position) - text.startswith("{{", position)
        if depth == 0 and text[position] == "/":
            break
        if depth == 0 and text[position] == ":":
            return text[:position], text[position + 1 :]
    return text, ""
