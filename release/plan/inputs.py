"""What an image is made from: as the version log records it, and as a digest in the image's own label. Pure.

The options of the build say themselves whether they are inputs (`release.build_spec`). What 0.1.0 recorded is always
written; an option that was added later is written only where it is not at its default. Both forms compare alike: an
absent member equals its default.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

import msgspec

from release.build_spec import BuildSpec, input_defaults, input_paths
from release.canonical_json import digest_of
from release.errors import ConfigError
from release.tagging.labels import INPUTS, REVISION, VERSION

SCHEMA = "shipmark.inputs/1"

_OCI = "org.opencontainers.image."
# Where the clone came from is no property of the release: another mirror must find the same inputs.
_OF_CLONE = frozenset({f"{_OCI}source", f"{_OCI}url"})
_OF_COMMIT = frozenset({REVISION, VERSION, f"{_OCI}created"})


# Every record has these inputs, also at their default: shipmark 0.1.0 takes an absent one for a change. The order is
# that of records by 0.1.0.
_ALWAYS = ("context", "dockerfile", "platforms", "labels", "args")


def inputs_of(spec: BuildSpec, labels: Mapping[str, str]) -> dict[str, Any]:
    """The inputs as a `planned` record holds them. `labels`: those of the image."""
    kept = {name: text for name, text in labels.items() if name not in {*_OF_CLONE, INPUTS}}
    found = {**input_defaults(), **spec.inputs(), "labels": kept}
    return {name: found[name] for name in _ALWAYS} | spec.inputs()


def inputs_label(spec: BuildSpec, labels: Mapping[str, str]) -> str:
    """The text of the label `dev.shipmark.inputs`: `schema:sha256`.

    `labels`: those of the config, as they are written there. What depends on commit, version or clone is left out, and
    so are the platforms: an image for one of them says the same as the index. Raises `ConfigError`.
    """
    steady = {
        name: text
        for name, text in labels.items()
        if "{{" not in text and name not in _OF_COMMIT  # `{{…}}` is filled in from the commit or the run
    }
    inputs = inputs_of(msgspec.structs.replace(spec, platforms=()), steady)
    try:
        return f"{SCHEMA}:{digest_of(SCHEMA, _sparse(inputs))}"
    except ValueError as error:
        raise ConfigError(
            f"the inputs of the build cannot be written down: {error}",
            hint="use ASCII in the names under `labels`, and no control characters in `build`",
        ) from error


def changed_inputs(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of inputs that differ, sorted; none where nothing was recorded."""
    if not before:
        return ()
    then, here = _sparse(before), _sparse(now)
    return tuple(sorted(name for name in then.keys() | here.keys() if then.get(name) != here.get(name)))


def schema_of(label: str) -> str:
    """The schema that a label's text names."""
    return label.rpartition(":")[0]


def _sparse(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs without members at their default; paths in one spelling."""
    defaults = {"labels": {}, **input_defaults()}
    same = {name: _normal(name, value) for name, value in inputs.items()}
    return {name: value for name, value in same.items() if value != defaults.get(name)}


def _normal(name: str, value: Any) -> Any:
    if name == "labels" and isinstance(value, dict):
        # The image itself is asked for these, and a branch's version may be calculated anew from more history.
        return {label: text for label, text in value.items() if label not in _OF_COMMIT}
    if isinstance(value, tuple):
        return list(value)
    return posixpath.normpath(value) if name in input_paths() and isinstance(value, str) else value
