"""`rollback`: takes versions back, and moves the moving tags to the highest version that still counts."""

from __future__ import annotations

import msgspec

from release.app.lifecycle.landings import Ground, still_standing
from release.app.lifecycle.new_status import changed, ground_of, proposal, statuses_for
from release.app.lifecycle.results import ChangeResult, RollbackReport
from release.app.log.anchor import warn_of_lost_entries
from release.app.releases.execute import execute, survey
from release.app.releases.release_sources import with_decided
from release.app.releases.request import require_said
from release.app.releases.results import error_report, exit_code, step_reports
from release.app.session import Session
from release.errors import ConfigError, LogError
from release.events import Note
from release.log.records.entry_members import without_rebuild
from release.plan.model import Plan
from release.plan.rollback import plan_rollback
from release.plan.rollback_versions import above, rebuilds_above, taken_back
from release.plan.tag_kind import release_line
from release.tagging.model import Line
from release.versions.model import Version
from release.versions.semver import image_tag_of
from release.versions.status import KnownStatus


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
    require_said(request.reason, "`rollback`")
    warn_of_lost_entries(session)
    ground = ground_of(session, request.component, request.to, "--to ")
    plan, new, passed = _plan(ground, _line(request.line), request.reason)
    yanks = tuple(one.version for one in new)
    session.sink.emit(Note(level="info", text=f"taking back: {', '.join(yanks) or 'nothing more'}"))
    carry_out = survey if request.preview else execute
    details = carry_out(session, plan, with_decided(session, ground.component, new, passed))
    _warn_elsewhere(ground, yanks)
    report = RollbackReport(
        component=ground.component.name,
        to=ground.name,
        reason=request.reason,
        yanked=yanks,
        steps=step_reports(details),
        plan=details.plan.hash,
        exit_code=exit_code(details),
        error=error_report(details),
    )
    notes = (f"taken back: {', '.join(yanks) or 'nothing more'}", f"reason: {request.reason}")
    about = changed(details, ground.version, f"shipmark rollback to {ground.name}", notes)
    return ChangeResult(report=report, details=details, changed=about)


def _plan(
    ground: Ground, line: Line | None, reason: str
) -> tuple[Plan, tuple[KnownStatus, ...], frozenset[str]]:
    """The plan, the new statuses, and the builds without an image that tags pass over."""
    version, known = ground.version, ground.known
    gone = above(version, known, line)
    rebuilds = rebuilds_above(version, ground.rebuild, known)
    new = statuses_for(ground, (*(str(one) for one in gone), *rebuilds), "yanked", reason)
    if gone and rebuilds:
        text = f"{', '.join(rebuilds)} of {version} {'is' if len(rebuilds) == 1 else 'are'} taken back, too"
        hint = f"`--to {rebuilds[0]}` keeps the newest build"
        ground.session.sink.emit(Note(level="warning", text=text, hint=hint))
    # Includes versions that earlier rollbacks took back: one that was killed after it recorded the yank, and before it
    # told the yank on each target or moved the tags, is finished by running the rollback again.
    earlier = taken_back(version, known)
    told = (*_valid(ground, earlier), *new)
    rollback, basis, left = proposal(
        ground, (version, *gone, *earlier), new, told=told, reason=reason, lower=True
    )
    if new:
        for name in left:
            text = f"`{name}` stays where it is: no version of its line is left"
            ground.session.sink.emit(Note(level="warning", text=text))
    aims = [aim for landing in rollback.landings for aim in landing.aims]
    return plan_rollback(rollback, basis), new, frozenset(name for aim in aims for name in aim.passed)


def _valid(ground: Ground, earlier: tuple[Version, ...]) -> tuple[KnownStatus, ...]:
    """The statuses of `earlier`, and those of builds of the version that is rolled back to."""
    names = {str(one) for one in earlier}
    # The statuses of builds are kept under their fixed tags.
    own = image_tag_of(ground.version)
    return tuple(
        one
        for name, one in ground.known.statuses.items()
        if name in names or (name != own and without_rebuild(name) == own)
    )


def _warn_elsewhere(ground: Ground, yanks: tuple[str, ...]) -> None:
    session = ground.session
    try:
        notes = still_standing(
            session.log_state.whole,
            session.log.entries(),
            project=ground.project,
            targets=[session.registries.open(one.image).name for one in ground.component.targets],
            yanks=yanks,
        )
    except LogError:
        return  # the log does not answer any more: the report has that error, and raising would hide the report
    for note in notes:
        session.sink.emit(note)


def _line(text: str | None) -> Line | None:
    if text is None:
        return None
    found = release_line(text)
    if found is None:
        raise ConfigError(f"`--line {text}` is not a line of versions", hint="write it as 1.4 or 1")
    return found
