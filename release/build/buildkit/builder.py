"""The builder `buildkit`: gives the Dockerfile to BuildKit, and gets the image as an OCI layout, or by digest.

```
 TaskInput ──► Farm ──► Request ──► buildx_call | buildctl_call ──► BuildProgress ──► adopt ──────► BuiltImage
               folders              argument list, environment       Sink, failure     read_back
                                                                                       digests compared
```
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence

import msgspec

from release.build import BuildTask, BuildValues, BuiltImage, Prepared, Problem
from release.build.buildkit.adoption import Adopted, adopt
from release.build.buildkit.environment import child_environment
from release.build.buildkit.failures import failure
from release.build.buildkit.lay_out import lay_out
from release.build.buildkit.loaded import DaemonImages
from release.build.buildkit.options import Extras, extras_of
from release.build.buildkit.progress import BuildProgress
from release.build.buildkit.push import Destination, Destinations, NotPushed, obstacle, require_pushed
from release.build.buildkit.request import Call, Request, buildctl_call, buildx_call
from release.build.buildkit.secrecy import Secrecy
from release.build.buildkit.secret_files import read_secrets
from release.build.buildkit.tools import Tool, find_program, find_tool
from release.build.buildkit.working_folder import working_folder
from release.build.context import open_context
from release.build.context.contexts import Contexts
from release.build.context.digest import hashing
from release.build.context.named import task_of_folder
from release.build.result import built_image
from release.build.task_input import COMMON, TaskInput, read_input, require_options
from release.build_spec import BuildSpec
from release.control import Cancel
from release.errors import BuildError
from release.events import LastLines, Note, Sink
from release.layout.adopt import translated
from release.layout.layout import Layout
from release.oci.image_json import parse_platform
from release.ports import FollowedProcess

#: The options of `build:` that BuildKit supports.
OPTIONS = COMMON | {
    "secrets",
    "ssh",
    "cache_from",
    "cache_to",
    "contexts",
    "network",
    "builder_name",
    "provenance",
    "sbom",
    "push",
}


class BuildKitBuilder:
    """Builds with BuildKit through `buildx` or `buildctl`.

    `env`: the environment, for `DOCKER_CONFIG` and similar variables. `contexts`: reads contexts for all builders.
    `anonymous`: `prepare` starts no program, because the run may read no credential. `destinations`: the registries to
    which BuildKit may push; None: it pushes nothing.
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
    ) -> None:
        self._env = env
        self._destinations = destinations
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
            extras = extras_of(task.spec, task.root, self._env)
            secrets = read_secrets(extras.secrets, self._env, task.root)
            for folder in extras.folders.values():
                open_context(task_of_folder(task, folder))
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
            require_options(task.spec, self.name, OPTIONS)
            _require_possible(tool, task.spec)
            destination = self._destination(read, tool)
        except BuildError as error:
            return Problem.of("lacks", error)
        return _Prepared(
            read,
            extras,
            tool,
            destination=destination,
            secrecy=Secrecy(values.args, secrets),
            env=self._env,
            process=self._process,
            sink=self._sink,
            cancel=self._cancel,
        )

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


class _Prepared:
    """A build that `prepare` has checked for BuildKit.

    `destination`: where BuildKit pushes the image. `secrecy`: hides values of build arguments and secrets in texts.
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
        self._read = read
        self._extras = extras
        self._tool = tool
        self._destination = destination
        self._secrecy = secrecy
        self._env = env
        self._process = process
        self._sink = sink
        self._cancel = cancel

    @property
    def makes_index(self) -> bool:
        """Whether one build makes the image of all platforms; the driver `docker` builds one platform at a time."""
        return not self._tool.is_loading

    @property
    def pushes_to(self) -> str | None:
        """The repository to which BuildKit pushes the image; None: the image goes to the layout."""
        return None if self._destination is None else self._destination.name

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        """Build for all platforms at once, or for `platform`. Raises `BuildError`."""
        spec = self._read.task.spec
        for cache in self._extras.skipped:
            text = f"the cache `{cache}` is not used: ACTIONS_RUNTIME_TOKEN is not set"
            hint = "in GitHub Actions, `uses: crazy-max/ghaction-github-runtime` sets it"
            self._sink.emit(Note(level="info", text=text, hint=hint))
        name = hashlib.sha256(f"{spec.context}\0{spec.dockerfile}\0{spec.target}".encode()).hexdigest()[:16]
        try:
            with (
                hashing(self._read.chosen, self._cancel) as context,
                working_folder(f"{store}.buildkit", name) as folder,
            ):
                request = lay_out(self._read, self._extras, folder, self._cancel)
                if platform is not None:
                    request = msgspec.structs.replace(request, platforms=(platform,))
                adopted = self._obtain(request, folder, store)
                built_from = context.built_from()
        except OSError as error:
            raise BuildError(
                f"the build cannot be prepared: {error.strerror}: `{error.filename}`",
                hint="check the space and the rights of the cache folder (SHIPMARK_CACHE_DIR)",
            ) from error
        self._check(adopted, request.platforms)
        built = built_image(adopted.top, adopted.images, self._tool.versions, built_from)
        return msgspec.structs.replace(built, pushed_to=adopted.pushed_to)

    def close(self) -> None:
        """Do nothing: `prepare` keeps no connection and no temporary file."""

    def _obtain(self, request: Request, folder: str, store: str) -> Adopted:
        """Build, and have the image pushed, exported to a layout, or loaded into the docker daemon."""
        if self._destination is not None:
            pushed = self._push(self._destination, request, folder)
            if pushed is not None:
                return pushed
        if self._tool.is_loading:
            return self._load(request, folder, store)
        self._run(request, folder)
        with translated():
            return adopt(request.output, Layout.create(store), self._secrecy, self._cancel)

    def _push(self, destination: Destination, request: Request, folder: str) -> Adopted | None:
        """Have BuildKit push the image; None if BuildKit could not, and shipmark may."""
        try:
            request, variables = destination.prepare(request, folder, self._env, self._secrecy)
            self._run(request, folder, variables)
            return destination.read_back(request, self._read.values.args, self._cancel)
        except NotPushed as error:
            if self._read.task.spec.push == "by-digest":
                raise
            self._sink.emit(
                Note(
                    level="warning",
                    text=f"{error.message}; shipmark pushes the image instead",
                    hint=error.hint or "`build: {push: by-client}` does that at once",
                )
            )
            return None

    def _load(self, request: Request, folder: str, store: str) -> Adopted:
        """Build for one platform into the docker daemon, and export the image from there into the store."""
        annotations = self._read.task.annotations
        layout = Layout.create(store)
        daemon = DaemonImages(
            _of_context(self._env, self._tool.docker_context),
            codec=self._read.codec,
            sink=self._sink,
            cancel=self._cancel,
        )
        name = f"shipmark-build:{os.path.basename(folder)}"
        try:
            self._run(msgspec.structs.replace(request, loaded_as=name), folder)
            image = daemon.take(name, layout, self._secrecy, annotations)
        finally:
            daemon.remove(name)
        return Adopted(top=image[1], images=(image,))

    def _run(self, request: Request, folder: str, variables: Mapping[str, str] = {}) -> None:
        """Run the program. `variables`: further ones for it.

        Raises `BuildError`; `NotPushed` if only the push failed.
        """
        call = self._call(request)
        progress = BuildProgress(self._sink, self._secrecy.hide, self._read.context.dockerfile.name)
        secrets = [secret.variable for secret in self._extras.secrets if secret.variable is not None]
        env = child_environment(self._env) | {name: self._env[name] for name in secrets}
        env |= {**variables, **call.env}
        try:
            code = self._process.follow(call.argv, cwd=folder, env=env, take=progress.take)
        except FileNotFoundError as error:
            raise BuildError(f"`{call.argv[0]}` does not exist any more", hint="run again") from error
        if code != 0 and request.pushed_to is not None:
            require_pushed(request.pushed_to, progress)
        if code != 0:
            raise self._failure(progress, code)
        if progress.wrong_base is not None:
            line, text = progress.wrong_base
            name = self._read.context.dockerfile.name
            raise BuildError(
                f"{name}:{line}: {text}" if line else f"{name}: {text}",
                hint="the files of the base would be for another processor: take a base image for this platform",
            )

    def _call(self, request: Request) -> Call:
        tool = self._tool
        if tool.kind == "buildx":
            return buildx_call(tool.program, tool.builder, request, self._env)
        return buildctl_call(tool.program, request, self._env, takes_variables=tool.takes_variables)

    def _failure(self, progress: BuildProgress, code: int) -> BuildError:
        failed = progress.failed
        step = progress.name_of(failed) if failed is not None else None
        lines = progress.last_lines()
        if lines:
            self._sink.emit(LastLines(step=step or "", lines=tuple(lines)))
        return failure(tuple(progress.said), self._read.context.dockerfile.name, step=step, code=code)

    def _check(self, adopted: Adopted, platforms: Sequence[str]) -> None:
        """Raise `BuildError` unless the image is for the platforms that were asked for."""
        is_sealed = self._read.task.spec.provenance == "max" and bool(self._read.values.args)
        if adopted.is_telling or is_sealed:
            self._sink.emit(
                Note(
                    level="warning",
                    text="the image's history or its provenance holds values of build arguments",
                    hint="take `secrets:` for what nobody may see",
                )
            )
        wanted = tuple(map(parse_platform, platforms))
        found = [platform for platform, _ in adopted.images]
        missing = [one for one in wanted if not any(one.accepts(other) for other in found)]
        if missing or (wanted and len(found) != len(wanted)):
            raise BuildError(
                f"BuildKit built for {_shown(found)} where {_shown(wanted)} was asked for",
                hint="see whether the Dockerfile names a platform: `FROM --platform=…`",
            )


def _require_possible(tool: Tool, spec: BuildSpec) -> None:
    """Raise `BuildError` for an option that buildx's driver `docker` does not support."""
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


def _shown(platforms: object) -> str:
    return ", ".join(f"`{one}`" for one in platforms) if isinstance(platforms, list | tuple) else ""


def _of_context(env: Mapping[str, str], name: str) -> Mapping[str, str]:
    """The environment in which docker's context `name` is the current one. DOCKER_HOST overrides it, as in buildx."""
    return env if name == "default" else {**env, "DOCKER_CONTEXT": name}
