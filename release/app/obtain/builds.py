"""Chooses and prepares a builder for each image that has to be built, before the plan is made; see `release.build`.

Builders and the reader of contexts are imported only when something has to be built: a run that finds its release done
would otherwise wait for these imports longer than for its registry.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import msgspec

from release.app.obtain.build_tasks import outputs_of, task_of, values_of
from release.app.session import Session
from release.build import Builder, BuildTask, BuildValues, Problem, PushesByDigest
from release.build.auto import Choice, choose, is_possible_elsewhere, order_of
from release.errors import ConfigError, Interrupted, ReleaseError
from release.oci import Repository
from release.plan.release_image import needs_build
from release.plan.release_input import ReleaseInput

if TYPE_CHECKING:
    from release.build.context.contexts import Contexts

# Values of `builder:` with which shipmark itself may compress no layer.
_OWN_COMPRESSION = frozenset({"auto", "buildkit"})


class Builds:
    """The prepared builds of one plan; a context manager whose exit closes the builds.

    `prepared`: by component, the builder that was chosen, or the error that says why there is none. A component that
    needs no build is absent.
    `supplied`: the image that another tool or runner built, given with `--from`.
    """

    def __init__(self) -> None:
        self.prepared: dict[str, Choice | ReleaseError] = {}
        self.supplied: Repository | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def prepare(
        self, session: Session, subjects: Sequence[ReleaseInput], *, offline: bool
    ) -> tuple[ReleaseInput, ...]:
        """Prepare with the session's builders, see `ask`. `offline`: choose no builder, since a daemon may be remote.

        Offline too, input that is wrong for every builder is found: a missing Dockerfile, for example.
        """
        return self._prepare(_Needed(session, offline=offline), subjects)

    def prepare_each(
        self, session: Session, subjects: Sequence[ReleaseInput], *, offline: bool
    ) -> tuple[tuple[ReleaseInput, ...], dict[str, ReleaseError]]:
        """Prepare as `prepare` does; an error of a component keeps only that component from being prepared.

        Returns the prepared subjects, and the error of each other component.
        """
        tools = _Needed(session, offline=offline)
        ready: list[ReleaseInput] = []
        failed: dict[str, ReleaseError] = {}
        for subject in subjects:
            try:
                ready += self._prepare(tools, [subject])
            except Interrupted:
                raise
            except ReleaseError as error:
                failed[subject.component] = error
        return tuple(ready), failed

    def _prepare(self, tools: _Needed, subjects: Sequence[ReleaseInput]) -> tuple[ReleaseInput, ...]:
        is_needed = any(needs_build(subject) for subject in subjects)
        session = tools.session
        return self.ask(
            tools.table if is_needed else None,
            subjects,
            root=session.root,
            env=session.settings.env,
            outputs=outputs_of(session.config),
            contexts=tools.contexts if is_needed else None,
        )

    def ask(
        self,
        table: Mapping[str, Builder] | None,
        subjects: Sequence[ReleaseInput],
        *,
        root: str,
        env: Mapping[str, str],
        outputs: Sequence[str] = (),
        contexts: Contexts | None = None,
    ) -> tuple[ReleaseInput, ...]:
        """Prepare each component that has to be built with the first builder of `table` that can build it.

        Returns the subjects, with the builder that `builder: auto` chose. Raises the errors of `plan_release`, and
        `ConfigError` for a build argument with a variable that is not set, also if no build is needed.
        """
        needed = [needs_build(subject) for subject in subjects]
        values = [values_of(subject, env) for subject in subjects]
        if table is None:
            for subject, is_needed, given in zip(subjects, needed, values, strict=True):
                if is_needed:
                    self._read(task_of(subject, root, outputs), subject.component, given, contexts)
            return tuple(subjects)
        return tuple(
            self._ask(table, task_of(subject, root, outputs), subject, given) if is_needed else subject
            for subject, is_needed, given in zip(subjects, needed, values, strict=True)
        )

    def _read(self, task: BuildTask, component: str, values: BuildValues, contexts: Contexts | None) -> None:
        """Check the input that every builder reads; an error is kept for the step `check-builder`."""
        from release.build.task_input import read_input

        try:
            read_input(task, values, contexts, compresses=task.spec.builder not in _OWN_COMPRESSION)
        except Interrupted:
            raise
        except ReleaseError as error:
            self.prepared[component] = error

    def _ask(
        self, table: Mapping[str, Builder], task: BuildTask, subject: ReleaseInput, values: BuildValues
    ) -> ReleaseInput:
        from release.app.obtain.destinations import destination_of  # imported late: most plans build nothing

        name = subject.build.builder
        task = msgspec.structs.replace(task, repository=destination_of(subject))
        answer = (_nowhere(subject) if task.repository is None else None) or prepare_one(table, task, values)
        self.prepared[subject.component] = answer
        if not isinstance(answer, Choice):
            return subject
        self._held.callback(answer.prepared.close)
        return msgspec.structs.replace(
            subject,
            builder=answer.prepared.builder if name == "auto" else subject.builder,
            makes_index=answer.prepared.makes_index,
            pushes_to=answer.prepared.pushes_to if isinstance(answer.prepared, PushesByDigest) else None,
        )


class _Needed:
    """What `Builds.ask` needs only if something has to be built; each member is created at its first use."""

    def __init__(self, session: Session, *, offline: bool) -> None:
        self.session = session
        self._offline = offline

    @functools.cached_property
    def table(self) -> Mapping[str, Builder] | None:
        """The session's builders; None offline."""
        return None if self._offline else self.session.ports.builders(self.session)

    @functools.cached_property
    def contexts(self) -> Contexts | None:
        """The reader of contexts offline; None where each builder has it."""
        return contexts_of(self.session) if self._offline else None


def _nowhere(subject: ReleaseInput) -> ConfigError | None:
    """The error for a release without a target that its builder may push to, if `push` is `by-digest`; else None."""
    if subject.build.push != "by-digest":
        return None
    return ConfigError(
        "`build: {push: by-digest}` needs a required target in a registry, and there is none",
        hint="remove `push`, or add such a target to `images:`",
    )


def prepare_one(table: Mapping[str, Builder], task: BuildTask, values: BuildValues) -> Choice | ReleaseError:
    """The chosen builder with its prepared build, or the error that says why no builder can build the task."""
    name = task.spec.builder
    try:
        answer = choose(order_of(name, table), task, values)
        if not isinstance(answer, Problem):
            return answer
        hint = None
        if name != "auto" and answer.kind != "input" and is_possible_elsewhere(name, table, task, values):
            hint = "`builder: auto` takes whichever builder can do it"
        # Raised here, not only made: the section of docs/errors.md about it depends on the place.
        raise answer.error(hint=hint)
    except Interrupted:
        raise
    except ReleaseError as error:
        return error


def contexts_of(session: Session) -> Contexts:
    """The reader of build contexts for one plan, with git and with hints for the CI system at hand."""
    from ci.remedies import files_remedies
    from release.build.context.contexts import Contexts
    from release.git.work_tree import WorkTree

    return Contexts(
        sink=session.sink,
        cancel=session.cancel,
        work_tree=WorkTree(session.process, session.settings.env),
        remedies=files_remedies(session.ci.system),
        judges_git=session.trust.trusted,
    )
