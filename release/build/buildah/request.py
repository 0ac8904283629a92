"""The command lines of `buildah` and `podman`. Pure.

The programs run in the build's private folder, and all paths are relative to it: podman refuses a `--runroot` of more
than 50 characters. Values of build arguments go through the environment or a file, never through the command line,
which every user of the machine can read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from release.lazy_pattern import pattern

#: Names in the build's folder.
CONTEXT, DOCKERFILE, IGNORE_FILE, IMAGE_ID, ARGUMENTS = "context", "Dockerfile", "ignore", "id", "arguments"
ARCHIVE, TEMPORARY = "image.tar", "tmp"
#: Variables that change what the programs do: their values cannot be those of build arguments.
_OWN = pattern(
    r"PATH|HOME|TMPDIR|USER|LANG|LC_.*|LD_.*|XDG_.*|(HTTP|HTTPS|NO|ALL|FTP)_PROXY|SSL_.*|SSH_.*|GIT_.*|GO.*|TZ"
    r"|_?CONTAINERS?_.*|_?BUILDAH_.*|STORAGE_.*|REGISTRY_.*|PODMAN_.*|DOCKER_.*|DBUS_.*|NETAVARK_.*|NO_COLOR"
    r"|SOURCE_DATE_EPOCH",
    re.IGNORECASE,
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One build for one platform.

    `args`: names of the build arguments that the program takes from its environment. `has_argument_file`: the file
    `ARGUMENTS` contains the other build arguments. `epoch`: whether the Dockerfile declares SOURCE_DATE_EPOCH.
    `contexts`: name -> folder, image or address. `secrets`: the values of the options `--secret`.
    """

    program: str
    is_podman: bool
    platform: str
    created: int
    labels: Mapping[str, str] = {}
    args: tuple[str, ...] = ()
    has_argument_file: bool = False
    epoch: bool = False
    target: str | None = None
    contexts: Mapping[str, str] = {}
    secrets: tuple[str, ...] = ()


def is_own(name: str) -> bool:
    """Whether the programs themselves read the environment variable `name`."""
    return _OWN.fullmatch(name) is not None


def build_call(request: Request) -> tuple[str, ...]:
    """The command line that builds, and writes the image's id to `IMAGE_ID`.

    `--format docker`: an image in the OCI format loses HEALTHCHECK, SHELL and ONBUILD. `--logfile`: without it, the
    output of commands goes to stdout, apart from the errors. `--no-cache`: with the cache, buildah could take
    intermediate images of another platform.
    """
    argv = [*_storage(request.program, is_podman=request.is_podman), "build"]
    argv += ["--format", "docker", "--layers", "--no-cache", "--force-rm", "--identity-label=false"]
    argv += ["--logfile", "/dev/stderr", "--ignorefile", IGNORE_FILE, "--iidfile", IMAGE_ID]
    argv += ["--timestamp", str(request.created), "--platform", request.platform, "--file", DOCKERFILE]
    argv += _each("--target", [request.target] if request.target else [])
    argv += _each("--label", _pairs(request.labels))
    argv += _each("--build-arg", request.args)
    argv += _each("--build-arg", [f"SOURCE_DATE_EPOCH={request.created}"] if request.epoch else [])
    argv += _each("--build-arg-file", [ARGUMENTS] if request.has_argument_file else [])
    argv += _each("--build-context", _pairs(request.contexts))
    argv += _each("--secret", request.secrets)
    return (*argv, CONTEXT)


def export_call(request: Request, image: str) -> tuple[str, ...]:
    """The command line that writes the image as an archive, in which its config and layers stay as they are."""
    storage = _storage(request.program, is_podman=request.is_podman)
    return (*storage, "push", "--quiet", image, f"docker-archive:{ARCHIVE}")


def remove_call(program: str, kind: Literal["buildah", "podman"], folder: str) -> tuple[str, ...]:
    """The command line that removes files which belong to users of a user namespace."""
    return (*_storage(program, is_podman=kind == "podman"), "unshare", "rm", "-rf", "--", folder)


def _storage(program: str, *, is_podman: bool) -> list[str]:
    own = ["--tmpdir", "state", "--events-backend", "none"] if is_podman else []
    return [program, "--root", "storage", "--runroot", "run", *own]


def _pairs(values: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]
