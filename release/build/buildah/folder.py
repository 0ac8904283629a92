"""Writes the private folder of a build (contexts, Dockerfile, values, secrets), and makes the request for the build."""

from __future__ import annotations

import os
from collections.abc import Mapping

from release.build.buildah.images import full_name, hub_images
from release.build.buildah.request import (
    ARGUMENTS,
    CONTEXT,
    DOCKERFILE,
    IGNORE_FILE,
    TEMPORARY,
    Request,
    is_own,
)
from release.build.buildah.tools import Tool
from release.build.buildah.working_dir import NOTHING, Sent, with_working_dirs
from release.build.buildkit.farm import Farm
from release.build.context import open_named, walk
from release.build.dockerfile.instructions import Dockerfile
from release.build.dockerfile.scope import global_scope
from release.build.dockerfile.stage_graph import target_stage
from release.build.extras.options import Extras, Secret
from release.build.task_input import TaskInput
from release.control import Cancel
from release.oci.image_json import Platform, parse_platform

_DOCKER_IMAGE = "docker-image://"
#: An ignore file for files that shipmark has chosen already. It names something that no context has, because podman 4.3
#: reads the `.containerignore` or `.dockerignore` of the context where this file has no pattern.
_HIDES_NOTHING = b"# applied by shipmark\n.shipmark/nothing\n"
#: The name of a machine type in `uname` -> its platform.
_MACHINES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv6l": "arm/v6",
    "armv7l": "arm/v7",
    "i686": "386",
}


def lay_out(folder: str, read: TaskInput, extras: Extras, cancel: Cancel) -> dict[str, str]:
    """Write the files that the build needs into `folder`, and return the named contexts of the task's options.

    Raises `OSError`.
    """
    # Its storage is new for each build, so that a time which no later commit changes would save nothing.
    farm = Farm(created=read.task.created, check=cancel.check, for_run=True, drops_attributes=True)
    farm.lay_out(read.chosen.files, os.path.join(folder, CONTEXT))
    contexts = {name: _with_registry(text) for name, text in extras.contexts.items()}
    for number, (name, path) in enumerate(extras.folders.items()):
        named = open_named(read.task, name, path)
        contexts[name] = f"context-{number}"
        farm.lay_out(walk(named, check=cancel.check), os.path.join(folder, contexts[name]))
    for name in (TEMPORARY, NOTHING):
        os.mkdir(os.path.join(folder, name), 0o700)
    held = {name: value for name, value in read.values.args.items() if is_own(name)}
    written = {
        DOCKERFILE: sent_dockerfile(read).text,
        IGNORE_FILE: _HIDES_NOTHING,
        ARGUMENTS: "".join(f"{name}={value}\n" for name, value in held.items()).encode(),
    }
    for name, content in written.items():
        with open(os.path.join(folder, name), "xb") as file:
            file.write(content)
    for number, secret in enumerate(extras.secrets):
        if secret.path is not None:
            # The option `--secret` has no quoting, so it could not name a path that contains a comma.
            os.symlink(secret.path, os.path.join(folder, _secret_name(number)))
    return contexts


def sent_dockerfile(read: TaskInput) -> Sent:
    """The Dockerfile that the program gets."""
    return with_working_dirs(read.context.text, read.context.dockerfile, read.task.spec.target)


def request_of(
    tool: Tool, read: TaskInput, extras: Extras, platform: Platform, contexts: Mapping[str, str]
) -> Request:
    """The build for one platform. `contexts`: as `lay_out` returned them."""
    dockerfile, values = read.context.dockerfile, read.values.args
    declared = {name for each in dockerfile.instructions for name in getattr(each, "names", ())}
    images = hub_images(dockerfile, global_scope(dockerfile, read.given, platform, own_platform()))
    return Request(
        program=tool.program,
        is_podman=tool.name == "podman",
        platform=str(platform),
        created=read.task.created,
        labels=read.task.labels,
        args=tuple(name for name in values if not is_own(name)),
        has_argument_file=any(is_own(name) for name in values),
        epoch="SOURCE_DATE_EPOCH" in declared - values.keys(),
        target=_target(dockerfile, read.task.spec.target),
        contexts={NOTHING: NOTHING, **images, **contexts},
        secrets=tuple(_option(number, one) for number, one in enumerate(extras.secrets)),
    )


def _target(dockerfile: Dockerfile, target: str | None) -> str | None:
    """The target in the letters of its `FROM … AS` line: buildah, unlike BuildKit, tells upper and lower case apart."""
    return None if target is None else target_stage(dockerfile, target).base.text.split()[-1]


def own_platform() -> Platform:
    """The platform of this machine."""
    machine = os.uname().machine
    return parse_platform(f"linux/{_MACHINES.get(machine, machine)}")


def _with_registry(context: str) -> str:
    """The named context, with Docker Hub in front of an image name that has no registry."""
    image = context.removeprefix(_DOCKER_IMAGE)
    full = full_name(image) if image != context else None
    return context if full is None else _DOCKER_IMAGE + full


def _secret_name(number: int) -> str:
    return f"secret-{number}"


def _option(number: int, secret: Secret) -> str:
    source = f"env={secret.variable}" if secret.variable is not None else f"src={_secret_name(number)}"
    return f"id={secret.name},{source}"
