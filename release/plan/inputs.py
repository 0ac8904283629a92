"""The inputs of an image's build, in the form of log records, and as a digest in a label of the image. Pure.

`release.build_spec` marks the build options that are inputs. Inputs that shipmark 0.1.0 recorded are always written; a
newer input is written only if it differs from its default. When inputs are compared, an absent input equals its
default.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

import msgspec

from release.build_spec import BuildSpec, input_defaults, input_paths
from release.canonical_json import digest_of, require_canonical
from release.errors import ConfigError
from release.tagging.labels import INPUTS, REVISION, VERSION

SCHEMA = "shipmark.inputs/1"

_OCI = "org.opencontainers.image."
# Labels with the URL of the clone are not inputs: a clone of a mirror must have the same inputs.
_OF_CLONE = frozenset({f"{_OCI}source", f"{_OCI}url"})
_OF_COMMIT = frozenset({REVISION, VERSION, f"{_OCI}created"})


# Every record has these inputs, also at their default: shipmark 0.1.0 reads an absent input as a change. The order is
# that of records by 0.1.0.
_ALWAYS = ("context", "dockerfile", "platforms", "labels", "args")


def inputs_of(spec: BuildSpec, labels: Mapping[str, str]) -> dict[str, Any]:
    """The build inputs in the form of a `planned` record. `labels`: the image's labels."""
    kept = {name: text for name, text in labels.items() if name not in {*_OF_CLONE, INPUTS}}
    found = {**input_defaults(), **spec.inputs(), "labels": kept}
    return {name: found[name] for name in _ALWAYS} | spec.inputs()


def inputs_label(spec: BuildSpec, labels: Mapping[str, str]) -> str:
    """The text of the label `dev.shipmark.inputs`: `schema:sha256`.

    `labels`: the labels in the config, before placeholders are filled in. Labels that depend on commit, version or
    clone are left out. Platforms are left out too: the label must be equal in an index and in each of its images.
    Raises `ConfigError`.
    """
    return f"{SCHEMA}:{digest_of(SCHEMA, _steady(spec, labels))}"


def require_inputs(spec: BuildSpec, labels: Mapping[str, str]) -> None:
    """Raise the `ConfigError` that `inputs_label` raises, without hashing, which loads OpenSSL."""
    _steady(spec, labels)


def _steady(spec: BuildSpec, labels: Mapping[str, str]) -> dict[str, Any]:
    """What the label `dev.shipmark.inputs` is a digest of."""
    steady = {
        name: text
        for name, text in labels.items()
        if "{{" not in text and name not in _OF_COMMIT  # `{{…}}` is filled in from the commit or the run
    }
    inputs = inputs_of(msgspec.structs.replace(spec, platforms=()), steady)
    try:
        steady_inputs = _sparse(inputs)
        require_canonical(steady_inputs)
    except ValueError as error:
        raise ConfigError(
            f"the inputs of the build cannot be written down: {error}",
            hint="use ASCII in the names under `labels`, and no control characters in `build`",
        ) from error
    return steady_inputs


def changed_inputs(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """The sorted names of inputs that differ; () if `before` is empty because nothing was recorded."""
    if not before:
        return ()
    then, here = _sparse(before), _sparse(now)
    return tuple(sorted(name for name in then.keys() | here.keys() if then.get(name) != here.get(name)))


def schema_of(label: str) -> str:
    """The schema in the text of an inputs label: the part before the last colon."""
    return label.rpartition(":")[0]


def _sparse(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs without those at their default, and with paths normalised."""
    defaults = {"labels": {}, **input_defaults()}
    same = {name: _normal(name, value) for name, value in inputs.items()}
    return {name: value for name, value in same.items() if value != defaults.get(name)}


def _normal(name: str, value: Any) -> Any:
    if name == "labels" and isinstance(value, dict):
        # Left out: these labels are compared with the image itself, and a deeper clone may calculate another version
        # for the same commit of a branch.
        return {label: text for label, text in value.items() if label not in _OF_COMMIT}
    if isinstance(value, tuple):
        return list(value)
    return posixpath.normpath(value) if name in input_paths() and isinstance(value, str) else value
