"""The table of builders, and the choice between them for `builder: auto`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec

from release.build import Builder, BuildTask, BuildValues, Prepared, Problem
from release.control import Cancel
from release.events import Sink
from release.ports import FollowedProcess, Process

if TYPE_CHECKING:
    from release.build.buildkit.push import Destinations
    from release.build.context.contexts import Contexts
    from release.build.embedded.bases import Bases


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The prepared build of the chosen builder. `passed_over`: builders tried before it, each with its problem."""

    prepared: Prepared
    passed_over: tuple[tuple[str, Problem], ...] = ()


class _Table(Mapping[str, Builder]):
    """Builders by name; each is made, and its modules are imported, when it is first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Builder]]) -> None:
        self._makers = makers
        self._made: dict[str, Builder] = {}

    def __getitem__(self, name: str) -> Builder:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def choose(order: Iterable[Builder], task: BuildTask, values: BuildValues) -> Choice | Problem:
    """Call `prepare` of the builders in `order`, and choose the first that can build `task`.

    A builder with a problem of kind `unavailable` or `lacks` is skipped. A problem of kind `input` ends the search,
    because it is the same for every builder.
    """
    passed_over: list[tuple[str, Problem]] = []
    for builder in order:
        answer = builder.prepare(task, values)
        if not isinstance(answer, Problem):
            return Choice(prepared=answer, passed_over=tuple(passed_over))
        if answer.kind == "input":
            return answer
        passed_over.append((builder.name, answer))
    if len(passed_over) == 1:
        return passed_over[0][1]
    reasons = "; ".join(f"`{name}`: {problem.reason}" for name, problem in passed_over)
    lacking = [problem for _, problem in passed_over if problem.kind == "lacks"]
    hint = "install buildx or start a docker daemon; or make the files before the build and `COPY` them"
    cause = None
    if lacking and all(problem.kind == "lacks" for _, problem in passed_over):
        # Each builder answers, so the Dockerfile has to change.
        hint, cause = lacking[0].hint or hint, lacking[0].cause
    return Problem(
        kind="lacks" if lacking else "unavailable",
        reason=f"no builder can make this image: {reasons}",
        hint=hint,
        cause=cause,
    )


def is_possible_elsewhere(
    name: str, table: Mapping[str, Builder], task: BuildTask, values: BuildValues
) -> bool:
    """Whether a builder other than `name` can build the task, so that an error may recommend `builder: auto`."""
    for other in table:
        if other != name:
            answer = table[other].prepare(task, values)
            if not isinstance(answer, Problem):
                answer.close()
                return True
    return False


def order_of(name: str, table: Mapping[str, Builder]) -> Collection[Builder]:
    """The builders to try for `builder: NAME`: all for `auto`, else only the named one."""
    return table.values() if name == "auto" else (table[name],)


def builders(
    env: Mapping[str, str],
    *,
    process: FollowedProcess,
    last: Process,
    sink: Sink,
    cancel: Cancel,
    version: str,
    bases: Bases | None = None,
    contexts: Contexts | None = None,
    destinations: Destinations | None = None,
) -> Mapping[str, Builder]:
    """Every builder by its name, in the order in which `builder: auto` tries them. Few of their modules are needed.

    `env`: the environment, for `DOCKER_HOST` and similar variables. `last`: runs programs even if the run is
    cancelled, to clear up. `version`: shipmark's version. `bases`: finds base images for `layers`, and for a BuildKit
    that does not tell their platform. `contexts`: reads the contexts of their builds. `destinations`: the registries to
    which builders may push.
    """

    def buildkit() -> Builder:
        from release.build.buildkit.builder import BuildKitBuilder

        return BuildKitBuilder(
            env,
            process=process,
            sink=sink,
            cancel=cancel,
            contexts=contexts,
            destinations=destinations,
            bases=bases,
        )

    def docker() -> Builder:
        from release.build.docker.builder import DockerBuilder

        return DockerBuilder(env, sink=sink, cancel=cancel, contexts=contexts)

    def buildah(name: Literal["buildah", "podman"]) -> Builder:
        from release.build.buildah.builder import BuildahBuilder, Ground

        ground = Ground(env=env, process=process, last=last, sink=sink, cancel=cancel)
        return BuildahBuilder(name, ground, contexts=contexts)

    def layers() -> Builder:
        from release.build.embedded.builder import LayersBuilder

        return LayersBuilder(sink=sink, cancel=cancel, version=version, bases=bases, contexts=contexts)

    return _Table(
        {
            "buildkit": buildkit,
            "docker": docker,
            "buildah": partial(buildah, "buildah"),
            "podman": partial(buildah, "podman"),
            "layers": layers,
        }
    )


def anonymous_builders(
    env: Mapping[str, str],
    *,
    process: FollowedProcess,
    sink: Sink,
    cancel: Cancel,
    version: str,
    bases: Bases | None = None,
    contexts: Contexts | None = None,
) -> tuple[Builder, ...]:
    """The builders that check a build in a run that is not trusted; none of them reads a credential.

    The first is `layers`, because it starts no program and connects to no daemon. Parameters as for `builders`.
    """
    from release.build.buildah.builder import BuildahBuilder, Ground
    from release.build.buildkit.builder import BuildKitBuilder
    from release.build.docker.builder import DockerBuilder
    from release.build.embedded.builder import LayersBuilder

    ground = Ground(env=env, process=process, last=process, sink=sink, cancel=cancel)
    return (
        LayersBuilder(sink=sink, cancel=cancel, version=version, bases=bases, contexts=contexts),
        DockerBuilder(env, sink=sink, cancel=cancel, anonymous=True, contexts=contexts),
        BuildKitBuilder(env, process=process, sink=sink, cancel=cancel, anonymous=True, contexts=contexts),
        BuildahBuilder("buildah", ground, contexts=contexts, anonymous=True),
        BuildahBuilder("podman", ground, contexts=contexts, anonymous=True),
    )
