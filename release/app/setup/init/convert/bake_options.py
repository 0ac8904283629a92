"""A target of a bake file as options of `build:`. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from release.app.setup.init.convert.bake_files import NotPlain, bake_blocks, target_in, targets_of
from release.app.setup.init.convert.build_options import comma_list, lines_of
from release.app.setup.init.convert.model import CannotConvert
from release.app.setup.workflows.model import Step

#: Bake files that the action reads if it is given none: all that exist.
DEFAULT_FILES = (
    "docker-bake.json",
    "docker-bake.hcl",
    "docker-bake.override.json",
    "docker-bake.override.hcl",
)
#: Attribute -> option of `build:`. Tags, labels and outputs come from the config and the command.
_NAMES = {
    "context": "context",
    "dockerfile": "dockerfile",
    "target": "target",
    "platforms": "platforms",
    "args": "args",
    "contexts": "contexts",
    "secret": "secrets",
    "ssh": "ssh",
    "cache-from": "cache_from",
    "cache-to": "cache_to",
    "network": "network",
}
_TAKEN = frozenset({"tags", "labels", "annotations", "output", "description", "name"})
_SHAPES: Mapping[str, type] = {
    "args": dict,
    "contexts": dict,
    **dict.fromkeys(("platforms", "secret", "ssh", "cache-from", "cache-to"), list),
}
_SHAPE_NAMES: Mapping[type, str] = {str: "text", dict: "mapping", list: "list"}
# Attributes without which the target would build something else.
_NEEDED = frozenset({"matrix", "dockerfile-inline"})
_DEFAULTS = {"context": ".", "dockerfile": "Dockerfile", "network": "default"}


def bake_section(step: Step, files: Mapping[str, str]) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """The section `build:` of the only target that the step builds. Raises `CannotConvert`.

    `files`: texts of bake files by their path.
    """
    if "set" in step.inputs:
        raise CannotConvert(
            step.input_lines["set"], "`set` changes the target; write it into the bake file first"
        )
    names = [posixpath.normpath(one) for one in lines_of(step.inputs.get("files", "")) if "steps." not in one]
    read = names or [one for one in DEFAULT_FILES if one in files]
    if not read or any(one not in files for one in read):
        raise CannotConvert(step.line, "its bake file is not found")
    if len(read) > 1:
        raise CannotConvert(
            step.line, f"it reads several bake files, {' and '.join(f'`{one}`' for one in read)}"
        )
    path = read[0]
    try:
        blocks = bake_blocks(path, files[path])
        chosen = targets_of(blocks, comma_list(step.inputs.get("targets", ""), step.line))
        if len(chosen) != 1:
            raise NotPlain(f"it builds {len(chosen)} targets")
        attributes = target_in(blocks, chosen[0])
        _require_shapes(attributes)
        _require_local(attributes)
    except NotPlain as error:
        raise CannotConvert(step.line, f"{path}: {error}") from error
    left = [
        (step.line, f"{path}: `{name}` is left out")
        for name in attributes
        if name not in _NAMES and name not in _TAKEN
    ]
    section = {_NAMES[name]: value for name, value in attributes.items() if name in _NAMES}
    context = posixpath.normpath(section.get("context", "."))
    # Bake looks for the Dockerfile in the context.
    dockerfile = posixpath.normpath(posixpath.join(context, section.get("dockerfile", "Dockerfile")))
    section |= {"context": context, "dockerfile": dockerfile}
    return {name: value for name, value in section.items() if value != _DEFAULTS.get(name)}, left


def _require_shapes(attributes: Mapping[str, Any]) -> None:
    for name in _NAMES.keys() & attributes.keys():
        shape = _SHAPES.get(name, str)
        value = attributes[name]
        if not isinstance(value, shape):
            raise NotPlain(f"`{name}` is not a {_SHAPE_NAMES[shape]}")
        if isinstance(value, dict) and not all(isinstance(one, str) for one in value.values()):
            raise NotPlain(f"`{name}` has lists or objects in it")


def _require_local(attributes: Mapping[str, Any]) -> None:
    """Raise `NotPlain` for a target that builds other things than files of the checkout, or several images."""
    if needed := sorted(_NEEDED & attributes.keys()):
        raise NotPlain(f"the target has `{needed[0]}`")
    context = attributes.get("context", ".")
    if "://" in context or context.startswith("git@"):
        raise NotPlain(f"the context `{context}` is not a folder of the checkout")
    for name, place in attributes.get("contexts", {}).items():
        if place.startswith("target:"):
            raise NotPlain(f"the context `{name}` is another target")
    for name, value in attributes.get("args", {}).items():
        if "{{" in value:
            raise NotPlain(f"shipmark.yml would replace `{{{{` in the argument `{name}`")
