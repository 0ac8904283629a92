"""The builder `docker`: lets a Docker daemon build, and stores the exported image in a local OCI layout.

The daemon neither pushes nor tags the image. shipmark exports the image by its id as a stream, so the digest is known
before the push, and equal content has equal digests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from release.build import BuildTask, BuildValues, BuiltImage, Prepared, Problem
from release.build.context.contexts import Contexts
from release.build.context.digest import SharedHashing
from release.build.docker.features import features_of, require_files_first, require_usual_matches
from release.build.docker.image_build import ImageBuild
from release.build.docker.input import registries_of
from release.build.docker.leftovers import Leftovers
from release.build.dockerfile.scope import global_scope
from release.build.result import built_image
from release.build.task_input import (
    TaskInput,
    read_input,
    require_features,
    require_layer,
    require_options,
    require_sources_of_all,
)
from release.control import Cancel
from release.docker.engine import ANSWER_WITHIN, Engine, connect, require_listener
from release.errors import BuildError
from release.events import Sink
from release.layout.layout import Layout
from release.oci.image_json import Platform, parse_platform

# Seconds for the daemon's first answer when leftovers of a build are removed. After a signal the process ends within 4
# s (`cli/signals.py`), and the end of the attempt has to be recorded in that time, too.
_CLEAR_UP_WITHIN = 1.0


class DockerBuilder:
    """Builds through the Engine API. `env`: the environment, for `DOCKER_HOST` and similar variables.

    `contexts`: reads contexts for all builders. `anonymous`: only connect to the daemon's socket and send nothing, for
    a run that must not read credentials. `answer_within`: seconds to wait for the daemon's first answers.
    """

    name = "docker"

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        sink: Sink,
        cancel: Cancel,
        contexts: Contexts | None = None,
        anonymous: bool = False,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        self._env = env
        self._sink = sink
        self._cancel = cancel
        self._contexts = contexts
        self._anonymous = anonymous
        self._answer_within = answer_within

    def prepare(self, task: BuildTask, values: BuildValues) -> Prepared | Problem:
        """Read the input; check that a daemon answers, and that the Engine API supports the Dockerfile and options."""
        try:
            contexts = self._contexts or Contexts(sink=self._sink, cancel=self._cancel)
            read = read_input(task, values, contexts)
        except BuildError as error:
            return Problem.of("input", error)
        try:
            version, own = self._daemon()
        except BuildError as error:
            return Problem.of("unavailable", error)
        try:
            require_options(task.spec, self.name)
            require_layer(read)
            require_features(read, "the Engine API's builder", features_of(version), builds_all=True)
            require_usual_matches(require_sources_of_all(read), read.chosen.files)
            if own is not None:
                _require_own_or_files(read, own)
        except BuildError as error:
            return Problem.of("lacks", error)
        return _Prepared(
            read, env=self._env, sink=self._sink, cancel=self._cancel, answer_within=self._answer_within
        )

    def _daemon(self) -> tuple[str, Platform | None]:
        """The engine's version and platform; empty and None if it may not be asked.

        Raises `BuilderUnavailable` if no daemon answers.
        """
        if self._anonymous:
            require_listener(self._env, self._cancel)
            return "", None
        with connect(self._env, self._cancel, answer_within=self._answer_within) as engine:
            return engine.version, engine.platform


def _require_own_or_files(read: TaskInput, own: Platform) -> None:
    """Raise `BuildError` for a platform for which the daemon, whose machine is `own`, cannot build."""
    dockerfile, target = read.context.dockerfile, read.task.spec.target
    for platform in read.platforms:
        scope = global_scope(dockerfile, read.given, platform, own)
        require_files_first(dockerfile, target, scope, platform, own)


class _Prepared:
    """A prepared build by a daemon. `build` opens a new connection: it may start hours after `prepare`."""

    builder = DockerBuilder.name
    makes_index = False

    def __init__(
        self,
        read: TaskInput,
        *,
        env: Mapping[str, str],
        sink: Sink,
        cancel: Cancel,
        answer_within: float,
    ) -> None:
        self._read = read
        self._context = SharedHashing(read.chosen, cancel)
        self._answer_within = answer_within
        self._env = env
        self._sink = sink
        self._cancel = cancel

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        """Build for `platform`; None: for the task's only platform, or the daemon's choice if the task names none.

        Raises `BuildError`.
        """
        layout = Layout(store)
        registries = registries_of(self._read.context.dockerfile, self._read.given)
        with (
            self._context.beside() as built_from,
            connect(self._env, self._cancel, registries, answer_within=self._answer_within) as engine,
        ):
            leftovers = Leftovers.since_now(engine)
            run = ImageBuild(
                engine,
                self._read,
                self._read.chosen.files,
                layout=layout,
                leftovers=leftovers,
                sink=self._sink,
                cancel=self._cancel,
            )
            with leftovers.removed(self._connected_again):
                image = run.image(self._chosen(platform))
            context = built_from()
        return built_image(image[1], [image], {"docker": engine.version}, context)

    def _chosen(self, platform: str | None) -> Platform | None:
        if platform is not None:
            return parse_platform(platform)
        distinct = tuple(dict.fromkeys(self._read.platforms))
        if len(distinct) > 1:
            raise AssertionError("each of several platforms is a build of its own")
        return distinct[0] if distinct else None

    def close(self) -> None:
        """Do nothing: `prepare` keeps no connection and no temporary file."""

    @contextmanager
    def _connected_again(self) -> Iterator[Engine]:
        """A new connection for removing leftovers, since a signal closes the connection of the build."""
        with connect(self._env, Cancel(), answer_within=_CLEAR_UP_WITHIN) as engine:
            yield engine
