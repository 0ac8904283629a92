"""`rollback`: takes versions back, and moves the moving tags to the highest version that still counts."""

from __future__ import annotations

import msgspec

from release.app.released.landings import RollbackInput, landings, moving_tags, still_standing
from release.app.releases.execute import execute, survey
from release.app.releases.known import known_everywhere, project_of
from release.app.releases.release_sources import without_yanked
from release.app.releases.results import (
    Changed,
    ChangeResult,
    RollbackReport,
    error_report,
    exit_code,
    step_reports,
)
from release.app.session import Session, policy_of
from release.config.load import Component
from release.effects.watch import ReleaseSource
from release.errors import ConfigError, LogError, ShallowClone, Unreachable
from release.events import Note
from release.log.entry_members import rebuild_of, without_rebuild
from release.log.state import rebuild_name
from release.plan.model import Plan
from release.plan.operands import MoveTag
from release.plan.rollback import Rollback, above, aims, plan_rollback, rebuilds_above, taken_back, without
from release.plan.tag_kind import release_line
from release.runner import Report
from release.tagging.model import KnownReleases, Line, TagPolicy
from release.versions.model import Version
from release.versions.semver import image_tag_of, parse_as


class RollbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks to take back every released version above `to`, and newer builds of `to`.

    `to`: a version, which is its build without `_rn`, or a build, `1.4.2_r1`. `line`: only versions of this line, such
    as `1.4` or `1`. `reason`: recorded with every version. `component`: None for the workspace's only component.
    `preview`: show what would happen, and change nothing.
    """

    to: str
    reason: str
    line: str | None = None
    component: str | None = None
    preview: bool = False


def rollback(session: Session, request: RollbackRequest) -> ChangeResult:
    """Take versions back. Raises errors that prevent a plan; errors of the plan's steps are the result's `error`."""
    session.require_trusted("rollback")
    component = _component(session, request.component)
    version, rebuild = _build(request.to, policy_of(component))
    plan, yanks, releases = _plan(session, component, (version, rebuild), _line(request.line), request.reason)
    session.sink.emit(Note(level="info", text=f"taken back: {', '.join(yanks) or 'nothing more'}"))
    details = (survey if request.preview else execute)(session, plan, releases)
    _warn_elsewhere(session, component, yanks)
    report = RollbackReport(
        component=component.name,
        to=rebuild_name(str(version), rebuild),
        reason=request.reason,
        yanked=yanks,
        steps=step_reports(details),
        plan=details.plan.hash,
        exit_code=exit_code(details),
        error=error_report(details),
    )
    changed = _changed(details, version, yanks, request.reason)
    return ChangeResult(report=report, details=details, changed=changed)


def _changed(report: Report, to: Version, yanks: tuple[str, ...], reason: str) -> Changed:
    """The image of the version `to`. The member `digest` is `""` if no tag moves to that version."""
    images = [
        operands.image
        for outcome in report.outcomes
        if isinstance(operands := outcome.step.operands, MoveTag) and operands.candidate.version == to
    ]
    return Changed(
        title=f"shipmark rollback to {to}",
        digest=str(images[0]) if images else "",
        version=str(to),
        primary_tag=image_tag_of(to),
        notes=(f"taken back: {', '.join(yanks) or 'nothing more'}", f"reason: {reason}"),
    )


def _plan(
    session: Session, component: Component, build: tuple[Version, int], line: Line | None, reason: str
) -> tuple[Plan, tuple[str, ...], ReleaseSource]:
    version, rebuild = build
    policy = policy_of(component)
    repositories = [session.registries.open(one.image) for one in component.targets]
    known = known_everywhere(session, component, policy, repositories)
    _require_all_known(known)
    gone = above(version, known, line)
    rebuilds = rebuilds_above(version, rebuild, known)
    yanks = (*(str(one) for one in gone), *rebuilds)
    if gone and rebuilds:
        text = f"{', '.join(rebuilds)} of {version} {'is' if len(rebuilds) == 1 else 'are'} taken back, too"
        session.sink.emit(
            Note(level="warning", text=text, hint=f"`--to {rebuilds[0]}` keeps the newest build")
        )
    after = without(known, yanks)
    # Includes versions that earlier rollbacks took back: one that was killed after it recorded the yank and before it
    # moved the tags is finished by running the rollback again.
    concerned = (version, *gone, *taken_back(version, known))
    aimed, left = aims([tag for one in concerned for tag in moving_tags(session, component, one)], after)
    if yanks:
        for name in left:
            text = f"`{name}` stays where it is: no version of its line is left"
            session.sink.emit(Note(level="warning", text=text))
    ground = RollbackInput(
        session=session, component=component, project=project_of(session, component), known=after
    )
    landed, basis = landings(ground, aimed)
    rollback = Rollback(
        project=ground.project,
        component=component.name,
        reason=reason,
        to=rebuild_name(str(version), rebuild),
        yanks=yanks,
        landings=landed,
    )
    return plan_rollback(rollback, basis), yanks, without_yanked(session, component, yanks)


def _warn_elsewhere(session: Session, component: Component, yanks: tuple[str, ...]) -> None:
    try:
        notes = still_standing(
            session.log_state,
            session.log.entries(),
            project=project_of(session, component),
            targets=[session.registries.open(one.image).name for one in component.targets],
            yanks=yanks,
        )
    except LogError:
        return  # the log does not answer any more: the report has that error, and raising would hide the report
    for note in notes:
        session.sink.emit(note)


def _require_all_known(known: KnownReleases) -> None:
    """Raise `Unreachable` or `ShallowClone` if a source of releases could not be read completely.

    The highest version that still counts might be among the releases that were not read.
    """
    said = known.known_from
    hint = "run the command again when registries and log answer"
    for name, knowledge in (("a registry", said.registry), ("the version log", said.log), ("git", said.git)):
        if knowledge in {"partial", "unknown"}:
            if name == "git":
                raise ShallowClone("this clone lacks version tags", hint="`git fetch --tags --unshallow`")
            raise Unreachable(f"not all releases in {name} could be read, so no tag is moved back", hint=hint)


def _component(session: Session, name: str | None) -> Component:
    components = session.components_named(name)
    if len(components) > 1:
        names = ", ".join(one.name for one in components)
        raise ConfigError(f"there are several components: {names}", hint="choose one with `--component NAME`")
    if not components[0].targets:
        raise ConfigError(
            "there is no image to roll back",
            hint="give `--image ghcr.io/acme/app`, or write `image: ghcr.io/acme/app` into shipmark.yml",
        )
    return components[0]


def _build(text: str, policy: TagPolicy) -> tuple[Version, int]:
    """The version and the number of its build that `text` names: (1.4.2, 1) for `1.4.2_r1`."""
    name = text.removeprefix(policy.prefix).removeprefix("v")
    try:
        return parse_as(without_rebuild(name), policy.versions), rebuild_of(name)
    except ValueError as error:
        raise ConfigError(f"`--to {text}` is not a version: {error}", hint="write it as 1.4.1") from error


def _line(text: str | None) -> Line | None:
    if text is None:
        return None
    found = release_line(text)
    if found is None:
        raise ConfigError(f"`--line {text}` is not a line of versions", hint="write it as 1.4 or 1")
    return found
