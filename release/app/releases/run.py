"""`preview` and `run`: make a plan with the same code; `preview` surveys it, `run` executes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from release.app.cache import trim_at_exit
from release.app.log.anchor import warn_of_lost_entries
from release.app.obtain.builds import Builds
from release.app.releases.concerned import named_by
from release.app.releases.connecting import connect_early
from release.app.releases.execute import execute, survey
from release.app.releases.gathering.gather import gather
from release.app.releases.isolation import Gathered, gather_each, with_failures
from release.app.releases.refusals import refusal, with_withheld
from release.app.releases.release_sources import at_own_targets
from release.app.releases.request import RunRequest, version_of
from release.app.releases.results import RunResult, run_report
from release.app.session import Session
from release.errors import ConfigError, Interrupted, ReleaseError, StalePlan
from release.events import Note
from release.plan.model import Plan
from release.plan.operands import Record
from release.plan.release import plan_release
from release.plan.release_input import ReleaseInput, Unchanged
from release.secrets.names import looks_secret

if TYPE_CHECKING:
    from release.app.obtain.supplied import OpenedSupply
    from release.config.component import Component


def preview(session: Session, request: RunRequest) -> RunResult:
    """Make the plan that `run` would execute, and judge every step; change nothing.

    Raises errors that prevent a plan; errors of the plan's steps are the result's `error`.
    """
    session.require_trusted("preview")
    if not request.offline:
        connect_early(session, request.component)
    refused = refusal(session, request.component)
    with _run_would_raise(refused), Builds() as builds:
        request.require_whole()
        gathered, plan = make_plan(session, request, builds)
        if not request.offline:
            warn_of_lost_entries(session)
        details = survey(session, plan, at_own_targets(session), builds=builds, connected=not request.offline)
    details = with_failures(session, details, gathered)
    details = with_withheld(session, details, refused or details.error)
    inputs = gathered.subjects
    return RunResult(report=run_report("shipmark.preview/1", details, inputs), details=details, inputs=inputs)


@contextmanager
def _run_would_raise(refused: ReleaseError | None) -> Iterator[None]:
    """Raise `refused`, if there is one, in place of an error of the body: `run` stops before it makes a plan."""
    try:
        yield
    except Interrupted:
        raise
    except ReleaseError as error:
        if refused is None:
            raise
        raise refused from error


def run(session: Session, request: RunRequest) -> RunResult:
    """Make the plan and execute it: build, push, tag, record. If this run is killed, the next run finishes the release.

    Raises errors that prevent a plan; errors of the plan's steps are the result's `error`.
    """
    session.require_trusted("run")
    if request.wait:
        from release.app.releases.wait import wait_for_others  # imported late: few runs wait

        wait_for_others(session, session.components_named(request.component))
    connect_early(session, request.component)
    earlier = None if request.plan is None else _earlier(request.plan, request.plan_name)
    if earlier is not None and not request.asks_anything:
        request = _approved(request, earlier["request"])
    refused = refusal(session, request.component)
    if refused is not None:
        raise refused
    request.require_whole()
    with Builds() as builds:
        gathered, plan = make_plan(session, request, builds)
        inputs = gathered.subjects
        if earlier is not None:
            _require_fresh(earlier, inputs, plan)
        warn_of_lost_entries(session)
        trim_at_exit(session)
        details = execute(session, plan, at_own_targets(session), builds=builds)
    details = with_failures(session, details, gathered)
    details = with_withheld(session, details, details.error)
    return RunResult(report=run_report("shipmark.run/1", details, inputs), details=details, inputs=inputs)


def _earlier(plan: bytes, name: str) -> dict[str, Any]:
    """The plan file that `run --plan` was given. `name`: of the file."""
    from release.plan.earlier import read_plan  # imported late: few runs have such a file

    return read_plan(plan, name)


def _approved(request: RunRequest, asked: dict[str, Any]) -> RunRequest:
    """The request with the options with which the plan file was made."""
    return msgspec.structs.replace(
        request,
        version=version_of(asked.get("version")),
        reason=asked.get("reason"),
        allow_backward=asked.get("allow_backward", False),
        release=asked.get("release_tag"),
        rebuild_of=asked.get("rebuild_of"),
        places=tuple(asked.get("from", ())),
        as_commit=asked.get("as_commit", False),
    )


def _require_fresh(earlier: dict[str, Any], inputs: tuple[ReleaseInput, ...], plan: Plan) -> None:
    from release.plan.freshness import moved_since

    own = frozenset(one.recorded.digest for one in inputs if one.recorded.digest)
    moved = moved_since(earlier, plan, own)
    if moved:
        unasked = plan.basis.keys() - earlier["basis"].keys()
        hint = "; `--offline` asks no registry, and nobody can run such a plan" if unasked else ""
        raise StalePlan(
            f"the plan is stale: {'; '.join(moved)}", hint=f"look at a new `shipmark preview -o`{hint}"
        )


def make_plan(session: Session, request: RunRequest, builds: Builds) -> tuple[Gathered, Plan]:
    """Gather the planner's input of each component, prepare builds, and make the plan; components in config order.

    Of several components one that cannot be planned is left out, with those that depend on it. Raises the errors of a
    single component, and `ConfigError` if `--from` gives an image for several.
    """
    components = named_by(session, session.components_named(request.component), request)
    if request.places and len(components) > 1:
        raise ConfigError(
            "`--from` gives the image of one component, and there are several",
            hint=f"add `--component NAME`: {', '.join(f'`{one.name}`' for one in components)}",
        )
    supplied = _supplied(session, components[0], request)
    if len(components) > 1:
        gathered = gather_each(session, components, request, builds)
        subjects = gathered.subjects
        warn(session, subjects)
        _say_failures(session, gathered)
    else:
        subjects = (gather(session, components[0], request, supplied=supplied),)
        if supplied is not None:
            builds.supplied = supplied.repository(subjects[0].decision.annotations)
        warn(session, subjects)
        subjects = builds.prepare(session, subjects, offline=request.offline)
        gathered = Gathered(subjects=subjects)
    plan = plan_release(subjects, request.request)
    said = {text for subject in subjects for text in subject.decision.warnings}
    for text in [text for release in plan.releases for text in release.decision.warnings if text not in said]:
        session.sink.emit(Note(level="warning", text=text))
    for step in plan.steps:
        fact = step.operands.fact if isinstance(step.operands, Record) else {}
        if fact.get("kind") == "abandoned":
            text = f"the image that an earlier run built is built again: {fact['reason']}"
            session.sink.emit(Note(level="warning", text=text))
    return gathered, plan


def _supplied(session: Session, component: Component, request: RunRequest) -> OpenedSupply | None:
    """The image that `--from` gives; None without that option."""
    if not request.places:
        return None
    from release.app.obtain.supplied import open_supply  # imported late: reads images of every kind of place

    return open_supply(session, component, request.places, offline=request.offline)


def _say_failures(session: Session, gathered: Gathered) -> None:
    for name, error in gathered.failed.items():
        text = f"component `{name}` is not released: {error.message}"
        session.sink.emit(Note(level="warning", text=text, hint=error.hint))
    for name, needed in gathered.stopped.items():
        session.warn(f"component `{name}` is not released: `{needed}`, which it depends on, failed")


def warn(session: Session, subjects: Sequence[ReleaseInput]) -> None:
    """Emit the warnings of the decisions, and a warning about build arguments that look secret.

    Also emits a note for each component that is not built.
    """
    for subject in subjects:
        for text in subject.decision.warnings:
            session.sink.emit(Note(level="warning", text=text))
        if subject.unchanged is not None:
            session.sink.emit(
                Note(level="info", text=f"note: {_unchanged(subject.component, subject.unchanged)}")
            )
    if names := sorted({name for subject in subjects for name in subject.build.args if looks_secret(name)}):
        session.sink.emit(_secret_arguments(names))


def _unchanged(component: str, one: Unchanged) -> str:
    holds = "" if one.digest is None else f"; `{one.tag}` holds {one.digest}"
    return f"component `{component}` is not built: {one.reason}{holds}"


def _secret_arguments(names: Sequence[str]) -> Note:
    listed = ", ".join(f"`{name}`" for name in names)
    several = len(names) > 1
    return Note(
        level="warning",
        text=f"build argument{'s' if several else ''} {listed} look{'' if several else 's'} secret: the value of an "
        "argument that the last stage declares is published in the image's history",
        hint="run the step that needs it in the CI job, before shipmark, and COPY its result; "
        "or declare the ARG only in an earlier stage, which is not published",
    )
