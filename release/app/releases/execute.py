"""Surveys and executes plans of releases, promotions, rollbacks and prunes.

While a plan is executed, other processes can see that the attempt is alive. After a failure or signal the end of the
attempt is recorded; facts that the log does not take are written to a file.
"""

from __future__ import annotations

from collections.abc import Mapping

from release.app.attempt_records import record_context
from release.app.handlers import handlers, offline
from release.app.handlers.step_ports import ports_of
from release.app.obtain.builds import Builds
from release.app.session import Session
from release.effects.ahead import targets_ahead
from release.effects.watch import ReleaseSource
from release.handler import Handlers
from release.plan.model import Plan
from release.plan.outcome import Report
from release.runner import Runner

#: Repository -> tag -> digest.
Listed = Mapping[str, Mapping[str, str]]


def survey(
    session: Session,
    plan: Plan,
    releases: ReleaseSource,
    *,
    builds: Builds | None = None,
    connected: bool = True,
) -> Report:
    """Observe and judge every step of the plan, and change nothing. `releases`: those that count for moving tags.

    `builds`: the prepared builds. `connected`: if false, steps that need a registry are not observed but shown as free.
    """
    table = _table(session, plan, releases, "preview", builds)
    return _runner(session, table if connected else offline(table)).survey(plan)


def execute(
    session: Session,
    plan: Plan,
    releases: ReleaseSource,
    *,
    builds: Builds | None = None,
    attempt: str | None = None,
    listed: Listed | None = None,
) -> Report:
    """Execute the plan as one attempt. `releases`: those that count for moving tags. `builds`: the prepared builds.

    `attempt`: its id; None for a new one. `listed`: for a prune, the tags as its plan found them.
    """
    attempt = attempt or session.entropy.token()
    table = _table(session, plan, releases, attempt, builds, targets_ahead(plan), listed)
    with session.ports.presence(session).announced(attempt):
        report = _runner(session, table).execute(plan)
        if report.error is None:
            return report
        from release.app.releases.unrecorded import settle_end  # imported late: few runs fail

        return settle_end(session, report, attempt)


def _table(
    session: Session,
    plan: Plan,
    releases: ReleaseSource,
    attempt: str,
    builds: Builds | None,
    ahead: Mapping[str, str] | None = None,
    listed: Listed | None = None,
) -> Handlers:
    builds = builds or Builds()
    return handlers(
        frozenset(step.kind for step in plan.steps),
        ports_of(session),
        releases,
        context=record_context(session, attempt),
        builds=builds.prepared,
        supplied=builds.supplied,
        ahead=ahead,
        listed=listed,
    )


def _runner(session: Session, table: Handlers) -> Runner:
    return Runner(table, clock=session.clock, sink=session.sink, cancel=session.cancel)
