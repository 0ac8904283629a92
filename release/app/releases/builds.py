"""Prepares the images that a plan builds. Each builder is asked once, before the plan is made; see `release.build`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Self

import msgspec

from release.app.session import Session
from release.build import Builder, BuildTask, BuildValues, Problem
from release.build.auto import Choice, choose, order_of
from release.config.variables import expand
from release.errors import Interrupted, ReleaseError
from release.plan.release import needs_build
from release.plan.release_input import ReleaseInput
from release.tagging.version_text import fill_names


class Builds:
    """The builds of one plan. Leaving it as a context gives up what the builders hold.

    `prepared`: by component, the builder that was taken, or why there is none; empty for what needs no build.
    """

    def __init__(self) -> None:
        self.prepared: dict[str, Choice | ReleaseError] = {}
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def prepare(
        self, session: Session, subjects: Sequence[ReleaseInput], *, offline: bool
    ) -> tuple[ReleaseInput, ...]:
        """`ask` the builders of this machine. `offline`: ask nobody; a daemon may be on another machine."""
        table = None if offline else session.ports.builders(session)
        return self.ask(table, subjects, root=session.root, env=session.settings.env)

    def ask(
        self,
        table: Mapping[str, Builder] | None,
        subjects: Sequence[ReleaseInput],
        *,
        root: str,
        env: Mapping[str, str],
    ) -> tuple[ReleaseInput, ...]:
        """Let a builder prepare each component that has to be built. Returns the subjects, naming what `auto` took.

        Raises what `plan_release` would raise, and `ConfigError` for a build argument that takes a variable which is
        not set, whether or not the component has to be built.
        """
        needed = [needs_build(subject) for subject in subjects]
        values = [values_of(subject, env) for subject in subjects]
        if table is None:
            return tuple(subjects)
        return tuple(
            self._ask(table, subject, given, root) if is_needed else subject
            for subject, is_needed, given in zip(subjects, needed, values, strict=True)
        )

    def _ask(
        self, table: Mapping[str, Builder], subject: ReleaseInput, values: BuildValues, root: str
    ) -> ReleaseInput:
        name = subject.build.builder
        answer = _choice(order_of(name, table), task_of(subject, root), values)
        self.prepared[subject.component] = answer
        if not isinstance(answer, Choice):
            return subject
        self._held.callback(answer.prepared.close)
        return (
            msgspec.structs.replace(subject, builder=answer.prepared.builder) if name == "auto" else subject
        )


def _choice(order: Sequence[Builder], task: BuildTask, values: BuildValues) -> Choice | ReleaseError:
    try:
        answer = choose(order, task, values)
    except Interrupted:
        raise
    except ReleaseError as error:
        return error
    if isinstance(answer, Problem):
        is_auto = task.spec.builder == "auto"
        return answer.error(hint=None if is_auto else "`builder: auto` takes whichever builder can do it")
    return answer


def task_of(subject: ReleaseInput, root: str) -> BuildTask:
    """What a builder is asked to build for this release."""
    decision = subject.decision
    return BuildTask(
        spec=subject.build,
        root=root,
        labels=decision.labels,
        annotations=decision.annotations,
        created=subject.committed_at,
    )


def values_of(subject: ReleaseInput, env: Mapping[str, str]) -> BuildValues:
    """Build arguments with their values: `{{version}}` and `${NAME}` replaced. They go to the builder only."""
    decision = subject.decision
    names = {
        "version": decision.version or "",
        "commit": decision.commit,
        "sha": decision.commit[:12],
        "channel": decision.channel,
        "git_tag": decision.git_tag or "",
    }
    return BuildValues(
        args={
            name: fill_names(expand(text, env), names, source=f"build.args.{name}")
            for name, text in subject.build.args.items()
        }
    )
