"""Keeps the failure of one component from stopping others, except those that depend on the failed component."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from release.app.obtain.builds import Builds
from release.app.releases.gathering.gather import gather
from release.app.releases.request import RunRequest
from release.app.session import Session
from release.config.component import Component
from release.config.components import dependencies
from release.errors import Interrupted, ReleaseError
from release.plan.outcome import Report
from release.plan.release import plan_release
from release.plan.release_input import ReleaseInput

if TYPE_CHECKING:
    from release.app.obtain.supplied import OpenedSupply


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """The planner's input of each component that can be planned, and the error of each other component.

    `stopped`: component -> the component that it depends on and that failed.
    """

    subjects: tuple[ReleaseInput, ...]
    failed: Mapping[str, ReleaseError] = {}
    stopped: Mapping[str, str] = {}


def gather_each(
    session: Session,
    components: Sequence[Component],
    request: RunRequest,
    builds: Builds,
    *,
    supplied: OpenedSupply | None = None,
) -> Gathered:
    """Gather the planner's input of several components, prepare their builds, and check that each can be planned.

    Raises the first error, in the order of the config, if no component is left.
    """
    failed: dict[str, ReleaseError] = {}
    subjects: list[ReleaseInput] = []
    for component in components:
        try:
            subjects.append(gather(session, component, request, supplied=supplied))
        except Interrupted:
            raise
        except ReleaseError as error:
            failed[component.name] = error
    prepared, unprepared = builds.prepare_each(session, subjects, offline=request.offline)
    failed |= unprepared
    ready: list[ReleaseInput] = []
    for subject in prepared:
        try:
            plan_release([subject], request.request)
            ready.append(subject)
        except ReleaseError as error:
            failed[subject.component] = error
    stopped = _stopped(session.config.components, [one.component for one in ready], failed)
    ready = [one for one in ready if one.component not in stopped]
    if failed and not ready:
        raise first_of(components, failed)
    return Gathered(subjects=tuple(ready), failed=failed, stopped=stopped)


def _stopped(
    components: Sequence[Component], names: Iterable[str], failed: Mapping[str, ReleaseError]
) -> dict[str, str]:
    found = {}
    for name in names:
        needed = next((one for one in dependencies(components, name) if one in failed), None)
        if needed is not None:
            found[name] = needed
    return found


def first_of(components: Sequence[Component], failed: Mapping[str, ReleaseError]) -> ReleaseError:
    """The error of the first component, in the order of the config, that has one."""
    return next(failed[one.name] for one in components if one.name in failed)


def with_failures(session: Session, report: Report, gathered: Gathered) -> Report:
    """The report with the errors of planning, too.

    The report's error is that of the first component, in the order of the config, that has one.

    An error that stopped every component stays the report's error.
    """
    _say(session, report)
    if not gathered.failed:
        return report
    errors = {**report.errors, **gathered.failed}
    if report.error is not None and not any(report.error is one for one in report.errors.values()):
        if len(report.plan.releases) != 1 or isinstance(report.error, Interrupted):
            return msgspec.structs.replace(report, errors=errors)
        errors[report.plan.releases[0].component] = report.error
    first = first_of(session.config.components, errors)
    return msgspec.structs.replace(report, error=first, errors=errors)


def _say(session: Session, report: Report) -> None:
    """Name each component that failed or was stopped while the plan was carried out."""
    for name, error in report.errors.items():
        session.warn(f"component `{name}` failed: {error.message}")
    depends = report.plan.depends or {}
    for name, needed in depends.items():
        failed = next((one for one in needed if one in report.errors), None)
        if failed is not None and name not in report.errors:
            session.warn(f"component `{name}` is not released: `{failed}`, which it depends on, failed")
