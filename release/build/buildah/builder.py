"""The builders `buildah` and `podman`: Dockerfiles without a daemon, and without root where the machine allows it.

```
 TaskInput ──► Farm ──► Request ──► build_call ──► BuildProgress ──► export_call ──► store_archive ──► BuiltImage
               folder               one platform   Sink, failure     docker-archive   our layout
```

Storage, state and temporary files lie in a private folder, which is removed at the end. So no build can reuse layers of
an earlier build.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property

import msgspec

from release.build import BuildTask, BuildValues, BuiltImage, Prepared, Problem
from release.build.buildah.base_shell import require_shell_of_base
from release.build.buildah.config import clean_config
from release.build.buildah.failures import failure
from release.build.buildah.folder import lay_out, own_platform, request_of, sent_dockerfile
from release.build.buildah.obstacles import (
    require_alike,
    require_folder_modes,
    require_plain_matches,
    require_usual_arm,
    require_usual_contexts,
)
from release.build.buildah.progress import BuildProgress
from release.build.buildah.removal import remover
from release.build.buildah.request import (
    ARCHIVE,
    IMAGE_ID,
    TEMPORARY,
    Request,
    build_call,
    export_call,
    is_own,
)
from release.build.buildah.tools import Name, Tool, find_program, find_tool
from release.build.buildkit.environment import child_environment
from release.build.buildkit.working_folder import not_prepared, working_folder
from release.build.context.contexts import Contexts
from release.build.context.digest import SharedHashing
from release.build.dockerfile.parser import parse
from release.build.extras.build_secrets import Secrecy
from release.build.extras.options import Extras
from release.build.extras.reading import read_extras
from release.build.result import built_image
from release.build.task_input import (
    TaskInput,
    reach_by_task,
    read_input,
    require_features,
    require_no_windows,
    require_options,
)
from release.control import Cancel
from release.docker.saved_images import SavedImage, store_archive
from release.errors import BuildError
from release.events import LastLines, Sink
from release.filesystem.files import open_file, read_file
from release.hints import NAMES_PLATFORM
from release.layout.adopt import made_layout, put_bytes, translated
from release.layout.layout import Layout
from release.oci import Manifest
from release.oci.image_json import Platform, image_manifest, parse_platform
from release.ports import FollowedProcess, Process

# Bytes of the file with the image's id that are read: `sha256:` and 64 digits fit, and a larger file is not an id.
_ID_BYTES = 256
#: Variables that would make podman use a service on another machine.
_REMOTE = ("CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINER_SSHKEY")


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a builder gets from its caller: environment, processes, the sink for events, and the run's cancellation.

    `last`: runs programs even if the run is cancelled, to clear up.
    """

    env: Mapping[str, str]
    process: FollowedProcess
    last: Process
    sink: Sink
    cancel: Cancel


class BuildahBuilder:
    """Builds with `buildah` or `podman`, as `name` says.

    `contexts`: reads contexts for all builders. `anonymous`: `prepare` starts no program, because the run may read no
    credential; the features are those of the oldest version then.
    """

    def __init__(
        self, name: Name, ground: Ground, *, contexts: Contexts | None = None, anonymous: bool = False
    ) -> None:
        self.name = name
        self._ground = ground
        self._contexts = contexts
        self._anonymous = anonymous

    def prepare(self, task: BuildTask, values: BuildValues) -> Prepared | Problem:
        """Read the input; find the program, and check that its version can build this."""
        ground = self._ground
        try:
            contexts = self._contexts or Contexts(sink=ground.sink, cancel=ground.cancel)
            read = read_input(task, values, contexts)
            extras, secrecy = read_extras(task, values, ground.env)
        except BuildError as error:
            return Problem.of("input", error)
        try:
            if self._anonymous:
                tool = find_program(ground.env, self.name)
            else:
                tool = find_tool(ground.process, ground.env, self.name)
        except BuildError as error:
            return Problem.of("unavailable", error)
        try:
            require_options(task.spec, self.name)
            require_features(read, tool.shown, tool.abilities.features)
            require_no_windows(read, tool.shown)
            require_alike(read.context.dockerfile, tool.shown)
            reach, files = reach_by_task(read), read.chosen.files
            require_plain_matches(reach, files, tool.shown)
            require_folder_modes(read.context.dockerfile, reach, files, tool.shown)
            require_usual_contexts(extras.contexts, tool.shown)
            _require_hidden_arguments(tool, values.args)
            if not tool.abilities.has_arm_variants:
                require_usual_arm(read.platforms, tool.shown)
        except BuildError as error:
            return Problem.of("lacks", error)
        return _Prepared(read, extras, tool, secrecy, ground)


class _Prepared:
    """A build that `prepare` has checked for the program.

    `secrecy`: hides values of build arguments and secrets in texts.
    """

    makes_index = False

    def __init__(self, read: TaskInput, extras: Extras, tool: Tool, secrecy: Secrecy, ground: Ground) -> None:
        self.builder: str = tool.name
        self._read = read
        self._context = SharedHashing(read.chosen, ground.cancel)
        self._extras = extras
        self._tool = tool
        self._secrecy = secrecy
        self._ground = ground

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        """Build for `platform`; None: for the task's only platform, or this machine's if the task names none.

        Raises `BuildError`.
        """
        read, tool = self._read, self._tool
        spec = read.task.spec
        name = hashlib.sha256(f"{spec.context}\0{spec.dockerfile}\0{spec.target}".encode()).hexdigest()[:16]
        remove = remover(self._ground.last, tool, self._env)
        try:
            with (
                self._context.beside() as built_from,
                working_folder(f"{store}.{tool.name}", name, remove=remove) as folder,
            ):
                image = self._image(folder, self._chosen(platform), made_layout(store))
                context = built_from()
        except OSError as error:
            raise not_prepared(error, f"{store}.{tool.name}") from error
        return built_image(image[1], [image], {tool.name: tool.version or ""}, context)

    def close(self) -> None:
        """Do nothing: `prepare` keeps no connection and no temporary file."""

    @cached_property
    def _env(self) -> dict[str, str]:
        """The environment of the programs for every build; each build adds a `TMPDIR` of its own."""
        given = self._ground.env
        kept = {name: value for name, value in child_environment(given).items() if name not in _REMOTE}
        held = [secret.variable for secret in self._extras.secrets if secret.variable is not None]
        arguments = {name: value for name, value in self._read.values.args.items() if not is_own(name)}
        return kept | arguments | {name: given[name] for name in held}

    def _chosen(self, platform: str | None) -> Platform:
        if platform is not None:
            return parse_platform(platform)
        distinct = tuple(dict.fromkeys(self._read.platforms))
        if len(distinct) > 1:
            raise AssertionError("each of several platforms is a build of its own")
        return distinct[0] if distinct else own_platform()

    def _image(self, folder: str, platform: Platform, layout: Layout) -> tuple[Platform, Manifest]:
        contexts = lay_out(folder, self._read, self._extras, self._ground.cancel)
        env = self._env | {"TMPDIR": os.path.join(folder, TEMPORARY)}
        request = request_of(self._tool, self._read, self._extras, platform, contexts)
        return self._stored(self._saved(request, folder, env, layout), platform, layout)

    def _saved(self, request: Request, folder: str, env: Mapping[str, str], layout: Layout) -> SavedImage:
        """Build the image, export it, and store its layers in the layout."""
        ground, name = self._ground, self._tool.name
        sent = sent_dockerfile(self._read)
        dockerfile = parse(sent.text.decode(), self._read.context.dockerfile.name)
        progress = BuildProgress(ground.sink, self._secrecy.hide, dockerfile, name, sent.own_line)
        try:
            code = ground.process.follow(build_call(request), cwd=folder, env=env, take=progress.take)
            if code != 0:
                raise self._failure(progress, code)
            if progress.wrong_base is not None:
                raise BuildError(
                    progress.wrong_base,
                    hint="the files of the base would be for another processor: take a base image for this platform",
                )
            image = (read_file(os.path.join(folder, IMAGE_ID), limit=_ID_BYTES) or b"").decode().strip()
            code = ground.process.follow(export_call(request, image), cwd=folder, env=env, take=progress.take)
        except FileNotFoundError as error:
            raise BuildError(f"`{request.program}` does not exist any more", hint="run again") from error
        if code != 0:
            raise self._failure(progress, code)
        with open_file(os.path.join(folder, ARCHIVE)) as file:
            return store_archive(
                file, layout, codec=self._read.codec, check=ground.cancel.check, source=f"`{name}`"
            )

    def _stored(self, saved: SavedImage, platform: Platform, layout: Layout) -> tuple[Platform, Manifest]:
        if self._read.platforms and saved.platform != platform:
            raise BuildError(
                f"`{self._tool.name}` built for `{saved.platform}` instead of `{platform}`",
                hint=NAMES_PLATFORM,
            )
        dockerfile, target = self._read.context.dockerfile, self._read.task.spec.target
        require_shell_of_base(saved.config, dockerfile, target, self._tool.shown)
        config = clean_config(saved.config, self._secrecy.args, self._secrecy.hide)
        layers = [layer.descriptor for layer in saved.layers]
        described, manifest = image_manifest(config, layers, self._read.task.annotations)
        with translated():
            put_bytes(layout, described, config)
            layout.put_manifest(manifest)
        return saved.platform, manifest

    def _failure(self, progress: BuildProgress, code: int) -> BuildError:
        if progress.last_lines:
            self._ground.sink.emit(LastLines(step=progress.step or "", lines=tuple(progress.last_lines)))
        return failure(
            tuple(progress.said),
            program=self._tool.name,
            where=progress.where,
            code=code,
            written=tuple(progress.last_lines),
        )


def _require_hidden_arguments(tool: Tool, args: Mapping[str, str]) -> None:
    """Raise `BuildError` for a build argument whose value would stand on the command line, which all users can read."""
    for name, value in args.items():
        if is_own(name) and ("\n" in value or not tool.abilities.has_argument_files):
            raise BuildError(
                f"{tool.shown} cannot take the build argument `{name}` without showing its value",
                hint="rename the argument, or install buildah 1.30 or podman 4.5, which read arguments from a file",
            )
