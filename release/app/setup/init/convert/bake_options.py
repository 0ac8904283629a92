"""A target of a bake file as options of `build:`. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from release.app.setup.init.convert.bake_files import NotPlain, bake_blocks, target_in, targets_of
from release.app.setup.init.convert.build_options import comma_list, lines_of
from release.app.setup.init.convert.model import CannotConvert
from release.app.setup.workflows.model import Step

#: Bake files that the action reads if it is given none.
DEFAULT_FILES = ("docker-bake.hcl", "docker-bake.json")
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
    path = next((one for one in names or DEFAULT_FILES if one in files), None)
    if path is None:
        raise CannotConvert(step.line, "its bake file is not found")
    try:
        blocks = bake_blocks(path, files[path])
        chosen = targets_of(blocks, comma_list(step.inputs.get("targets", ""), step.line))
        if len(chosen) != 1:
            raise NotPlain(f"it builds {len(chosen)} targets")
        attributes = target_in(blocks, chosen[0])
    except NotPlain as error:
        raise CannotConvert(step.line, f"{path}: {error}") from error
    left = [
        (step.line, f"{path}: `{name}` is left out")
        for name in attributes
        if name not in _NAMES and name not in _TAKEN
    ]
    return {
        _NAMES[name]: _plain(value)
        for name, value in attributes.items()
        if name in _NAMES and value != _DEFAULTS.get(name)
    }, left


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: str(one) for key, one in value.items()}
    return [str(one) for one in value] if isinstance(value, list) else str(value)
