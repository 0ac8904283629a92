"""`restore`: takes a yank back, and moves the moving tags to the highest version that counts again."""

from __future__ import annotations

import msgspec

from release.app.lifecycle.landings import Ground
from release.app.lifecycle.new_status import changed, ground_of, proposal, statuses_for
from release.app.lifecycle.results import ChangeResult, RestoreReport
from release.app.log.anchor import warn_of_lost_entries
from release.app.releases.execute import execute, survey
from release.app.releases.release_sources import with_decided
from release.app.releases.request import require_said
from release.app.releases.results import error_report, exit_code, step_reports
from release.app.session import Session
from release.errors import RefusedError
from release.events import Note
from release.plan.model import Plan
from release.plan.rollback import plan_restore
from release.versions.status import KnownStatus


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks that a version counts again that a rollback took back. `reason`: recorded with it.

    `component`: None for the workspace's only component. `preview`: show what would happen, and change nothing.
    """

    version: str
    reason: str
    component: str | None = None
    preview: bool = False


def restore(session: Session, request: RestoreRequest) -> ChangeResult:
    """Let a version count again. Raises errors that prevent a plan; errors of its steps are the result's `error`."""
    session.require_trusted("restore")
    require_said(request.reason, "`restore`")
    warn_of_lost_entries(session)
    ground = ground_of(session, request.component, request.version, "")
    plan, new = _plan(ground, request.reason)
    restored = tuple(dict.fromkeys(one.version for one in new))
    session.sink.emit(Note(level="info", text=f"restoring: {', '.join(restored) or 'nothing more'}"))
    if (note := still_taken_back(ground)) is not None:
        session.sink.emit(note)
    carry_out = survey if request.preview else execute
    details = carry_out(session, plan, with_decided(session, ground.component, new))
    report = RestoreReport(
        component=ground.component.name,
        version=ground.name,
        reason=request.reason,
        restored=restored,
        steps=step_reports(details),
        plan=details.plan.hash,
        exit_code=exit_code(details),
        error=error_report(details),
    )
    notes = (f"restored: {', '.join(restored) or 'nothing more'}", f"reason: {request.reason}")
    about = changed(details, ground.version, f"shipmark restore {ground.name}", notes)
    return ChangeResult(report=report, details=details, changed=about)


def still_taken_back(ground: Ground) -> Note | None:
    """A warning if the version of a restored rebuild is taken back, too: then the rebuild does not count again."""
    if not ground.rebuild or str(ground.version) not in ground.known.yanked:
        return None
    return Note(
        level="warning",
        text=f"{ground.version} itself was taken back, so {ground.name} still does not count",
        hint=f'`shipmark restore {ground.version} --reason "..."` lets it count, and {ground.name} with it',
    )


def _plan(ground: Ground, reason: str) -> tuple[Plan, tuple[KnownStatus, ...]]:
    version, known = ground.version, ground.known
    if not any((one.version, one.rebuild) == (version, ground.rebuild) for one in known.listed):
        raise RefusedError(
            f"{ground.name} was never released, as far as git, the log and the registry know",
            hint="`shipmark log list` lists the versions that were released",
        )
    name = ground.name
    new: tuple[KnownStatus, ...] = ()
    before = known.statuses.get(name)
    if name in known.yanked:
        new = statuses_for(ground, (name,), "restored", reason)
    if before is not None and before.status in ("yanked", "restored") and _was_prerelease(ground, before):
        # The next number: the version counts again, and still for no stable line. A restore that was killed between
        # the two records has only this one left.
        (mark,) = statuses_for(ground, (name,), "prerelease", reason)
        new = (*new, msgspec.structs.replace(mark, number=mark.number + len(new)))
    # A restore that was killed after it was recorded, and before it was told on each target or moved the tags, is
    # finished by running it again.
    told = new[-1:] or tuple(one for one in (known.statuses.get(name),) if one is not None)
    planned, basis, _ = proposal(ground, (version,), new, told=told, reason=reason, lower=False)
    return plan_restore(planned, basis), new


def _was_prerelease(ground: Ground, now: KnownStatus) -> bool:
    """Whether the version was marked as a pre-release before it was taken back.

    The log has the earlier statuses; in a registry, the yank says what it replaced.
    """
    if now.before == "prerelease":
        return True
    own = (ground.project, now.version)
    said = [
        str(one.fields.get("status", ""))
        for one in ground.session.log.entries()
        if one.kind == "status" and (one.fields.get("project"), one.fields.get("version")) == own
    ]
    return bool(said) and said[-1] == "prerelease"
