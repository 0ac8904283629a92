"""Pushes by digest: BuildKit pushes the image to a registry, and shipmark reads back what arrived.

With a remote builder the layers do not cross this machine. Nothing is visible under a tag: shipmark puts tags later, as
on every image.

```
 PushObstacles ──► Request(pushed_to) ──► BuildKit pushes ──► metadata file ──► read_back ──► Adopted
 why not           config.json with one                       digest            manifests, configs,
                   credential                                                   digests compared
```
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from release.build.buildkit.adoption import Adopted, platform_in
from release.build.buildkit.environment import buildx_folder, docker_folder
from release.build.buildkit.progress import BuildProgress
from release.build.buildkit.published import published_arguments
from release.build.buildkit.request import Request
from release.build.buildkit.tools import Tool
from release.build.dockerfile.features.needs import needs_of
from release.build.extras.build_secrets import Secrecy
from release.build.extras.history import without_values
from release.build.task_input import TaskInput
from release.control import Cancel
from release.decoding import decode
from release.errors import BuildError
from release.filesystem.files import read_file
from release.oci import Manifest, Repository
from release.oci.grammar import is_digest
from release.oci.graph import read_manifests
from release.oci.image_config import read_config
from release.oci.image_json import Platform, parse_platform
from release.oci.reference import parse_repository
from release.registry.http.address_policy import is_loopback_host

# The step of BuildKit that exports and pushes an image.
_EXPORT = "exporting to image"
# BuildKit's message: `failed to push NAME: REASON`.
_FAILED = "failed to push "
# Characters of the reason that a warning shows. The reason quotes the URL of a request, which may hold the state of an
# upload, more than a thousand characters; host and cause stand before that.
_LONGEST = 300
# Bytes of the metadata file, which has a few hundred for each platform.
_LARGEST_METADATA = 1 << 20
#: The platform for which `FROM` lines are read where the builder chooses the platform.
_SOME_PLATFORM = parse_platform("linux/amd64")


class NotPushed(BuildError):
    """The image was built, and BuildKit could not push it, or what it pushed must not be used."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A credential for one repository. `content`: of a `config.json`. `secrets`: texts that no output may show."""

    content: bytes
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Login(…)"


class Destinations(Protocol):
    """The repositories in registries to which BuildKit may push."""

    def open(self, name: str) -> Repository:
        """The repository, to read back what was pushed."""

    def is_insecure(self, name: str) -> bool:
        """Whether the configuration allows plain http, and TLS that is not verified, for the repository's host."""

    def login(self, name: str) -> Login | None:
        """The credential for the repository; None if there is none. Raises `ConfigError`, `Denied`."""


class Destination:
    """The repository to which one image is pushed."""

    def __init__(self, name: str, destinations: Destinations) -> None:
        self.name = name
        self._destinations = destinations

    def prepare(
        self, request: Request, folder: str, env: Mapping[str, str], secrecy: Secrecy
    ) -> tuple[Request, dict[str, str]]:
        """The request that pushes, and variables for the program. The credential is written below `folder`."""
        login = self._destinations.login(self.name)
        variables: dict[str, str] = {}
        if login is not None:
            secrecy.add(login.secrets)
            variables = write_login(os.path.join(folder, "login"), login, env)
        pushing = msgspec.structs.replace(
            request,
            pushed_to=self.name,
            is_insecure=self._destinations.is_insecure(self.name),
            metadata=os.path.join(folder, "metadata.json"),
        )
        return pushing, variables

    def read_back(self, request: Request, args: Mapping[str, str], cancel: Cancel) -> Adopted:
        """Read what was pushed, see `read_back`. Raises `NotPushed`, `BuildError`."""
        digest = read_metadata(request.metadata or "")
        repository = self._destinations.open(self.name)
        if repository.resolve(digest) is None:
            raise NotPushed(
                f"BuildKit says that it pushed {digest}, and `{self.name}` does not have it",
                hint="the builder may reach another registry under this name: see its network, and its mirrors",
            )
        return read_back(repository, digest, args, cancel)


def obstacle(read: TaskInput, tool: Tool, repository: str) -> str | None:
    """The reason why BuildKit shall not push this image itself, or None. `repository`: the destination."""
    dockerfile, spec = read.context.dockerfile, read.task.spec
    if tool.is_loading:
        return "the builder of buildx has the driver `docker`, which leaves images in the docker daemon"
    platforms = read.platforms or (_SOME_PLATFORM,)
    told = published_arguments(dockerfile, spec.target, read.values.args, platforms)
    if told:
        # Only images that come to this machine can be cleaned before anybody can read them.
        return f"the image's history would hold the value of the build argument `{told[0]}`"
    for platform in platforms if read.values.args else ():
        needs = needs_of(dockerfile, target=spec.target, given=read.given, platform=platform)
        if "frontend" in needs.features:
            return f"`# syntax={dockerfile.syntax}` may write values of build arguments into the image"
    host = urlsplit(f"//{parse_repository(repository).registry}").hostname or ""
    if spec.push == "auto" and is_loopback_host(host) and not tool.is_on_this_host:
        return f"`{repository}` on the builder's machine may be another registry"
    return None


def require_pushed(name: str, progress: BuildProgress) -> None:
    """Raise `NotPushed` if the program failed only because BuildKit could not push the image to `name`."""
    failed = progress.failed
    if failed is not None and not failed.name.startswith(_EXPORT):
        return
    for line in reversed(progress.said):
        _, mark, reason = line.partition(_FAILED)
        if mark:
            raise NotPushed(
                f"BuildKit cannot push to `{name}`: {reason.partition(': ')[2][:_LONGEST]}",
                hint="the builder itself must reach the registry: see its network, and `buildkitd.toml` for its TLS",
            )


def write_login(folder: str, login: Login, env: Mapping[str, str]) -> dict[str, str]:
    """Write the credential into the new folder `folder`, and return the variables that lead BuildKit's client there.

    The other entries of the user's own folder, such as the builders of buildx, are linked.
    """
    os.mkdir(folder, 0o700)
    own = docker_folder(env)
    with suppress(OSError):
        for name in os.listdir(own) if os.path.isabs(own) else ():
            if name != "config.json":
                os.symlink(os.path.join(own, name), os.path.join(folder, name))
    file = os.open(os.path.join(folder, "config.json"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(file, "wb") as stream:
        stream.write(login.content)
    # A folder of buildx that does not exist yet is made in its usual place.
    builders = buildx_folder(env)
    return {"DOCKER_CONFIG": folder} | ({"BUILDX_CONFIG": builders} if os.path.isabs(builders) else {})


def read_metadata(path: str) -> str:
    """The digest in the metadata file that the program wrote. Raises `NotPushed`."""
    raw = read_file(path, limit=_LARGEST_METADATA)
    found = None
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None if raw is None else decode(raw, dict[str, Any]).get("containerimage.digest")
    if not isinstance(found, str) or not is_digest(found):
        raise NotPushed(
            "BuildKit does not say which image it pushed", hint="install a newer buildx or buildctl"
        )
    return found


def read_back(repository: Repository, digest: str, args: Mapping[str, str], cancel: Cancel) -> Adopted:
    """Read the manifests and configs of the pushed image; all bytes are compared with their digests.

    Raises `NotPushed` if the history holds values of the build arguments `args`, and `RegistryError`.
    """
    manifests = read_manifests(repository, digest, cancel=cancel)
    images = tuple(_images(repository, manifests, args))
    return Adopted(top=manifests[-1], images=images, pushed_to=repository.name)


def _images(
    repository: Repository, manifests: tuple[Manifest, ...], args: Mapping[str, str]
) -> Iterator[tuple[Platform, Manifest]]:
    for manifest in manifests:
        config = read_config(repository, manifest)
        platform = platform_in(config)
        if platform is None:
            continue
        raw = msgspec.json.encode(config)
        if without_values(raw, args, str) != raw:
            raise NotPushed(
                f"the history of {manifest.digest} holds values of build arguments, so it gets no tag",
                hint="a base image declares them with `ONBUILD ARG`: take `secrets:` for what nobody may see",
            )
        yield platform, manifest
