"""The table of builders, and the choice between them for `builder: auto`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

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


def choose(order: Sequence[Builder], task: BuildTask, values: BuildValues) -> Choice | Problem:
    """Call `prepare` of the builders in `order`, and choose the first that can build `task`.

    A builder with a problem of kind `unavailable` or `lacks` is skipped. A problem of kind `input` ends the search,
    because it is the same for every builder.
    """
    passed_over: list[tuple[str, Problem]] = []
    for builder in order:
        answer = builder.prepare(task, values)
        if not isinstance(answer, Problem):
            return Choice(prepared=answer, passed_over=tuple(passed_over))
        if answer.kind == "input" or len(order) == 1:
            return answer
        passed_over.append((builder.name, answer))
    reasons = "; ".join(f"`{name}`: {problem.reason}" for name, problem in passed_over)
    lacking = [problem for _, problem in passed_over if problem.kind == "lacks"]
    hint = "install buildx or start a docker daemon; or make the files before the build and `COPY` them"
    if lacking and all(problem.kind == "lacks" for _, problem in passed_over):
        hint = lacking[0].hint or hint  # each builder answers, so the Dockerfile has to change
    return Problem(
        kind="lacks" if lacking else "unavailable",
        reason=f"no builder can make this image: {reasons}",
        hint=hint,
    )


def is_possible_elsewhere(
    name: str, table: Mapping[str, Builder], task: BuildTask, values: BuildValues
) -> bool:
    """Whether a builder other than `name` can build the task, so that an error may recommend `builder: auto`."""
    for other in table.values():
        if other.name != name:
            answer = other.prepare(task, values)
            if not isinstance(answer, Problem):
                answer.close()
                return True
    return False


def order_of(name: str, table: Mapping[str, Builder]) -> tuple[Builder, ...]:
    """The builders to try for `builder: NAME`: all for `auto`, else only the named one."""
    return tuple(table.values()) if name == "auto" else (table[name],)


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
    """Every builder by its name, in the order in which `builder: auto` tries them.

    `env`: the environment, for `DOCKER_HOST` and similar variables. `last`: runs programs even if the run is
    cancelled, to clear up. `version`: shipmark's version. `bases`: finds base images for `layers`. `contexts`: reads
    the contexts of their builds. `destinations`: the registries to which builders may push.
    """
    from release.build.buildah.builder import BuildahBuilder, Ground
    from release.build.buildkit.builder import BuildKitBuilder
    from release.build.docker import DockerBuilder
    from release.build.embedded.builder import LayersBuilder

    buildkit = BuildKitBuilder(
        env, process=process, sink=sink, cancel=cancel, contexts=contexts, destinations=destinations
    )
    docker = DockerBuilder(env, sink=sink, cancel=cancel, contexts=contexts)
    ground = Ground(env=env, process=process, last=last, sink=sink, cancel=cancel)
    buildah = BuildahBuilder("buildah", ground, contexts=contexts)
    podman = BuildahBuilder("podman", ground, contexts=contexts)
    layers = LayersBuilder(sink=sink, cancel=cancel, version=version, bases=bases, contexts=contexts)
    order: tuple[Builder, ...] = (buildkit, docker, buildah, podman, layers)
    return {builder.name: builder for builder in order}


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
    from release.build.docker import DockerBuilder
    from release.build.embedded.builder import LayersBuilder

    ground = Ground(env=env, process=process, last=process, sink=sink, cancel=cancel)
    return (
        LayersBuilder(sink=sink, cancel=cancel, version=version, bases=bases, contexts=contexts),
        DockerBuilder(env, sink=sink, cancel=cancel, anonymous=True, contexts=contexts),
        BuildKitBuilder(env, process=process, sink=sink, cancel=cancel, anonymous=True, contexts=contexts),
        BuildahBuilder("buildah", ground, contexts=contexts, anonymous=True),
        BuildahBuilder("podman", ground, contexts=contexts, anonymous=True),
    )
