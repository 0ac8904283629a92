"""Which builder: the table of them, and the choice of `builder: auto`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from release.build import Builder, BuildTask, BuildValues, Prepared, Problem
from release.control import Cancel
from release.events import Sink


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The builder that was taken, with its prepared build. `passed_over`: those before it, and why."""

    prepared: Prepared
    passed_over: tuple[tuple[str, Problem], ...] = ()


def choose(order: Sequence[Builder], task: BuildTask, values: BuildValues) -> Choice | Problem:
    """Ask the builders in `order`, each once, and take the first that can build this.

    A builder that does not answer or lacks something is passed over. What is wrong with the input is wrong for all
    of them, so it ends the search.
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
    is_lacking = any(problem.kind == "lacks" for _, problem in passed_over)
    return Problem(
        kind="lacks" if is_lacking else "unavailable",
        reason=f"no builder can make this image: {reasons}",
        hint="start a docker daemon, or make the files before the build and `COPY` them `FROM scratch`",
    )


def order_of(name: str, table: Mapping[str, Builder]) -> tuple[Builder, ...]:
    """The builders to ask for `builder: NAME`."""
    return tuple(table.values()) if name == "auto" else (table[name],)


def builders(env: Mapping[str, str], *, sink: Sink, cancel: Cancel, version: str) -> Mapping[str, Builder]:
    """Every builder by its name, in the order in which `auto` asks them.

    `env`: for `DOCKER_HOST` and its like; `version`: shipmark's own.
    """
    from release.build.docker import DockerBuilder
    from release.build.embedded.builder import LayersBuilder

    docker = DockerBuilder(env, sink=sink, cancel=cancel)
    layers = LayersBuilder(sink=sink, cancel=cancel, version=version)
    return {docker.name: docker, layers.name: layers}
