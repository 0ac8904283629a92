"""Finds secrets and ssh agents that a RUN requires and the configuration does not give. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from release.build.dockerfile.instructions import Dockerfile, Run
from release.build.dockerfile.mounts import Mount, read_mount
from release.build.dockerfile.scope import global_scope
from release.build.dockerfile.stage_graph import effective_instructions, needed_stages
from release.build_spec import BuildSpec
from release.errors import BuildError
from release.oci.image_json import Platform


def require_given_mounts(
    dockerfile: Dockerfile, spec: BuildSpec, given: Mapping[str, str], platform: Platform
) -> None:
    """Raise `BuildError` for a mount with `required` whose secret or agent is in neither `secrets` nor `ssh`.

    A builder fails for it in the middle of the build. `given`: build arguments.
    """
    known = {"secret": set(_secrets(spec)), "ssh": {text.partition("=")[0] for text in spec.ssh}}
    for line, mount in _required(dockerfile, spec, given, platform):
        name = _id(mount)
        if name not in known[mount.type]:
            option = {"secret": f"secrets: ['id={name},env=VARIABLE']", "ssh": f"ssh: [{name}]"}[mount.type]
            raise BuildError(
                f"{dockerfile.name}:{line}: RUN requires the {_WHAT[mount.type]} `{name}`, which is not given",
                hint=f"add it: `build: {{{option}}}`",
            )


_WHAT = {"secret": "secret", "ssh": "ssh agent"}


def _required(
    dockerfile: Dockerfile, spec: BuildSpec, given: Mapping[str, str], platform: Platform
) -> Iterator[tuple[int, Mount]]:
    """The line and the mount of each required secret and agent. Mounts with variables are left to the builder."""
    scope = global_scope(dockerfile, given, platform)
    for stage in needed_stages(dockerfile, spec.target, scope):
        for instruction in effective_instructions(dockerfile, stage, scope):
            if not isinstance(instruction, Run):
                continue
            for text in instruction.flag_values("mount"):
                mount = None if "$" in text else read_mount(text, lambda value: value)
                if mount is not None and mount.required and mount.type in _WHAT:
                    yield instruction.line, mount


def _secrets(spec: BuildSpec) -> Iterator[str]:
    for text in spec.secrets:
        for field in text.split(","):
            key, _, value = field.strip().partition("=")
            if key.lower() == "id":
                yield value


def _id(mount: Mount) -> str:
    """The mount's id. Source: BuildKit's `dispatchSecret` and `dispatchSSH`."""
    if mount.type == "ssh":
        return mount.id or "default"
    return mount.source or mount.id or posixpath.basename(mount.target)
