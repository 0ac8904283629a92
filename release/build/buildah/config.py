"""Removes the members of an image's config that differ from build to build. Pure.

buildah records the container in which it built: its id, its host name, and a second copy of the config.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from release.build.dockerfile.values import parse_ports
from release.build.extras.history import without_values
from release.lazy_pattern import pattern

#: Members of the config that the OCI and docker formats have in common.
_MEMBERS = ("created", "author", "architecture", "variant", "os", "os.version", "os.features", "rootfs")
#: Members of the object `config` in an image config: the others are about the container in which buildah built.
_RUNTIME = (
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "Healthcheck",
    "OnBuild",
    "Shell",
    "ArgsEscaped",
)
_FROM_ID = pattern(r"FROM [0-9a-f]{12,64}")


def clean_config(raw: bytes, args: Mapping[str, str], hide: Callable[[str], str]) -> bytes:
    """The image config without members that differ from build to build, and values of build arguments in its history.

    `hide`: replaces values in any text, except for very short ones.
    """
    found: dict[str, Any] = msgspec.json.decode(raw)
    runtime = found.get("config")
    runtime = runtime if isinstance(runtime, dict) else {}
    clean: dict[str, Any] = {name: found[name] for name in _MEMBERS if found.get(name)}
    clean["config"] = {name: runtime[name] for name in _RUNTIME if runtime.get(name)}
    ports = clean["config"].get("ExposedPorts")
    if isinstance(ports, dict):
        clean["config"]["ExposedPorts"] = {one: {} for port in ports for one in _each_port(port)}
    history = found.get("history")
    clean["history"] = (
        [_step(one) for one in history if isinstance(one, dict)] if isinstance(history, list) else []
    )
    return without_values(msgspec.json.encode(clean), args, hide)


def _step(step: dict[str, Any]) -> dict[str, Any]:
    """The history step without the id of the image that the step began with, since that id depends on the container."""
    comment = step.get("comment")
    is_id = isinstance(comment, str) and _FROM_ID.fullmatch(comment)
    return {name: value for name, value in step.items() if name != "comment" or not is_id}


def _each_port(port: str) -> tuple[str, ...]:
    """The ports of a range: buildah keeps `8000-8002/tcp` as it is written, and runtimes know single ports only."""
    return parse_ports(port) or (port,)
