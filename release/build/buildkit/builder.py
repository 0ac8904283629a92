"""The builder `buildkit`: gives the Dockerfile to BuildKit, and gets the image as an OCI layout, or by digest.

```
 TaskInput ──► Farm ──► Request ──► buildx_call | buildctl_call ──► BuildProgress ──► adopt ──────► BuiltImage
               folders              argument list, environment       Sink, failure     read_back
                                                                                       digests compared
```
"""

from __future__ import annotations

from collections.abc import Mapping

from release.build import BuildTask, BuildValues, BuiltImage, Prepared, Problem
from release.build.buildkit.base_platforms import NEWEST, require_bases
from release.build.buildkit.frontends import Frontend, frontend_of
from release.build.buildkit.obstacles import BUILDKIT_FEATURES, require_transferable
from release.build.buildkit.push import Destination, Destinations, obstacle
from release.build.buildkit.tools import Tool, find_program, find_tool
from release.build.context.contexts import Contexts
from release.build.embedded.bases import Bases
from release.build.extras.build_secrets import Secrecy
from release.build.extras.options import Extras
from release.build.extras.reading import read_extras
from release.build.task_input import (
    TaskInput,
    reach_by_task,
    read_input,
    require_features,
    require_options,
)
from release.control import Cancel
from release.errors import BuildError
from release.events import Sink
from release.ports import FollowedProcess


class BuildKitBuilder:
    """Builds with BuildKit through `buildx` or `buildctl`.

    `env`: the environment, for `DOCKER_CONFIG` and similar variables. `contexts`: reads contexts for all builders.
    `anonymous`: `prepare` starts no program, because the run may read no credential. `destinations`: the registries to
    which BuildKit may push; None: it pushes nothing. `bases`: reads base images where BuildKit does not tell their
    platform.
    """

    name = "buildkit"

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        process: FollowedProcess,
        sink: Sink,
        cancel: Cancel,
        contexts: Contexts | None = None,
        anonymous: bool = False,
        destinations: Destinations | None = None,
        bases: Bases | None = None,
    ) -> None:
        self._env = env
        self._destinations = destinations
        self._bases = bases
        self._contexts = contexts
        self._anonymous = anonymous
        self._process = process
        self._sink = sink
        self._cancel = cancel

    def prepare(self, task: BuildTask, values: BuildValues) -> Prepared | Problem:
        """Read the input, check the options, and ask whether a daemon answers."""
        try:
            contexts = self._contexts or Contexts(sink=self._sink, cancel=self._cancel)
            read = read_input(task, values, contexts, compresses=False)
            extras, secrecy = read_extras(task, values, self._env)
        except BuildError as error:
            return Problem.of("input", error)
        try:
            if self._anonymous:
                tool = find_program(self._env)
            else:
                tool = find_tool(self._process, self._env, task.spec.builder_name)
        except BuildError as error:
            return Problem.of("unavailable", error)
        if tool.is_loading:
            read.codec  # noqa: B018 - raises now if the library is missing that compresses what the daemon gives
        try:
            require_options(task.spec, self.name)
            require_features(read, "BuildKit", BUILDKIT_FEATURES)
            _require_possible(tool, read)
            self._require_frontend(read, tool)
            files = read.chosen.files
            require_transferable(reach_by_task(read).through_links(files), files)
            destination = self._destination(read, tool)
        except BuildError as error:
            return Problem.of("lacks", error)
        return CheckedBuild(
            read,
            extras,
            tool,
            destination=destination,
            secrecy=secrecy,
            env=self._env,
            process=self._process,
            sink=self._sink,
            cancel=self._cancel,
        )

    def _require_frontend(self, read: TaskInput, tool: Tool) -> None:
        """Raise `BuildError` for what the version of the Dockerfile frontend lacks."""
        frontend = frontend_of(read.context.dockerfile.syntax, tool.versions.get("buildkit"))
        _require_new_frontend(read, frontend)
        if not frontend.warns_of_bases:
            require_bases(read, frontend.shown, self._bases, self._sink)

    def _destination(self, read: TaskInput, tool: Tool) -> Destination | None:
        """Where BuildKit pushes the image; None: nowhere. Raises `BuildError` if it cannot, and `by-digest` is set."""
        name, spec = read.task.repository, read.task.spec
        if name is None or self._destinations is None:
            return None
        reason = obstacle(read, tool, name)
        if reason is None:
            return Destination(name, self._destinations)
        if spec.push == "by-digest":
            raise BuildError(
                f"`build: {{push: by-digest}}` is not possible: {reason}",
                hint="remove `push`: shipmark then pushes the image itself where BuildKit cannot",
            )
        return None


class CheckedBuild:
    """A build that `prepare` has checked for BuildKit.

    `destination`: where BuildKit pushes the image; None: the image goes to the layout. `secrecy`: hides values of build
    arguments and secrets in texts.
    """

    builder = BuildKitBuilder.name

    def __init__(
        self,
        read: TaskInput,
        extras: Extras,
        tool: Tool,
        *,
        destination: Destination | None,
        secrecy: Secrecy,
        env: Mapping[str, str],
        process: FollowedProcess,
        sink: Sink,
        cancel: Cancel,
    ) -> None:
        self.read = read
        self.extras = extras
        self.tool = tool
        self.destination = destination
        self.secrecy = secrecy
        self.env = env
        self.process = process
        self.sink = sink
        self.cancel = cancel

    @property
    def makes_index(self) -> bool:
        """Whether one build makes the image of all platforms; the driver `docker` builds one platform at a time."""
        return not self.tool.is_loading

    @property
    def pushes_to(self) -> str | None:
        """The repository to which BuildKit pushes the image; None: the image goes to the layout."""
        return None if self.destination is None else self.destination.name

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        """Build for all platforms at once, or for `platform`. Raises `BuildError`."""
        from release.build.buildkit.building import Building  # imported late: `preview` only prepares

        return Building(self).build(store, platform)

    def close(self) -> None:
        """Do nothing: `prepare` keeps no connection and no temporary file."""


def _require_new_frontend(read: TaskInput, frontend: Frontend) -> None:
    """Raise `BuildError` for a feature or an option that newer frontends have."""
    try:
        require_features(read, frontend.shown, BUILDKIT_FEATURES - frontend.lacking)
    except BuildError as error:
        raise BuildError(error.message, hint=f"{NEWEST}, or install a newer BuildKit") from error
    if read.task.spec.contexts and not frontend.has_contexts:
        raise BuildError(
            f"{frontend.shown} does not support the option `build: {{contexts: …}}`",
            hint=f"{NEWEST}, or install a newer BuildKit",
        )


def _require_possible(tool: Tool, read: TaskInput) -> None:
    """Raise `BuildError` for an option or a platform that buildx's driver `docker` does not support."""
    for platform in read.platforms if tool.is_loading else ():
        if tool.systems and platform.os not in tool.systems:
            raise BuildError(
                f"the builder of buildx has the driver `docker`, which does not build for `{platform}`",
                hint="make another one: `docker buildx create --use`",
            )
    spec = read.task.spec
    asked = (
        ("provenance", spec.provenance != "none"),
        ("sbom", spec.sbom),
        ("cache_to", bool(spec.cache_to)),
    )
    for option, is_asked in asked:
        if tool.is_loading and is_asked:
            raise BuildError(
                f"the builder of buildx has the driver `docker`, which does not support `build: {{{option}: …}}`",
                hint="make another one, `docker buildx create --use`, or turn on docker's containerd image store",
            )
