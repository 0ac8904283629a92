"""From the session to a plan and its runner: the same code for `preview` and `run`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.app.releases.builds import Builds
from release.app.releases.gather import gather
from release.app.releases.request import RunRequest
from release.app.session import Session, policy_of
from release.errors import ConfigError, DirtyTree, PartialError, ReleaseError
from release.events import Note
from release.plan.model import Plan
from release.plan.operands import Record
from release.plan.release import plan_release
from release.plan.release_input import ReleaseInput
from release.runner import Report
from release.secret_names import looks_secret
from release.versions.semver import parse_either


def wishes_from(
    *,
    version: str | None = None,
    allow_backward: bool = False,
    reason: str | None = None,
    rebuild: str | None = None,
    offline: bool = False,
) -> RunRequest:
    """The command line's wishes; raises `ConfigError` for those that need a reason and have none."""
    for asked, option in ((version, "--version"), (allow_backward, "--allow-backward")):
        if asked and not reason:
            raise ConfigError(f"`{option}` needs a reason, which is recorded", hint='add `--reason "..."`')
    try:
        parsed = None if version is None else parse_either(version.removeprefix("v"))
    except ValueError as error:
        raise ConfigError(
            f"`--version {version}` is no version: {error}", hint="write it as 1.4.2"
        ) from error
    return RunRequest(
        version=parsed, rebuild_of=rebuild, reason=reason, allow_backward=allow_backward, offline=offline
    )


def make_plan(session: Session, wishes: RunRequest, builds: Builds) -> tuple[tuple[ReleaseInput, ...], Plan]:
    """Gather, prepare what has to be built, and plan; the order of the components is the config's."""
    subjects = tuple(gather(session, component, wishes) for component in session.components)
    warn(session, subjects)
    subjects = builds.prepare(session, subjects, offline=wishes.offline)
    plan = plan_release(subjects, wishes.request)
    said = {text for subject in subjects for text in subject.decision.warnings}
    for text in [text for release in plan.releases for text in release.decision.warnings if text not in said]:
        session.sink.emit(Note(level="warning", text=text))
    for step in plan.steps:
        fact = step.operands.fact if isinstance(step.operands, Record) else {}
        if fact.get("kind") == "abandoned":
            text = f"the image that an earlier run built is built again: {fact['reason']}"
            session.sink.emit(Note(level="warning", text=text))
    return subjects, plan


def warn(session: Session, subjects: Sequence[ReleaseInput]) -> None:
    """Say each warning of the decisions once."""
    for subject in subjects:
        for text in subject.decision.warnings:
            session.sink.emit(Note(level="warning", text=text))
    if names := sorted({name for subject in subjects for name in subject.build.args if looks_secret(name)}):
        session.sink.emit(_secret_arguments(names))


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


def refusal(session: Session) -> ReleaseError | None:
    """What `run` refuses although a plan can be made: a dirty tree."""
    for component in session.components:
        snapshot = session.snapshot(policy_of(component))
        if snapshot.dirty_count:
            shown = ", ".join(f"`{path}`" for path in snapshot.dirty[:3])
            more = snapshot.dirty_count - min(3, len(snapshot.dirty))
            rest = f" and {more} more" if more > 0 else ""
            return DirtyTree(
                f"tracked files differ from commit {snapshot.head[:12]}: {shown}{rest}",
                hint="commit or restore them: an image must be what its commit says",
            )
    return None


def with_withheld(report: Report, error: ReleaseError | None) -> Report:
    """The report ending with `error`, or with what was withheld only because something was unknown."""
    if error is None:
        doubtful = [
            one for release in report.plan.releases for one in release.decision.withheld if not one.rightly
        ]
        if doubtful:
            names = ", ".join(f"`{one.name}`" for one in doubtful)
            error = PartialError(
                f"{names} not moved: {doubtful[0].reason}", hint="run again when it can be known"
            )
    return msgspec.structs.replace(report, error=error)
