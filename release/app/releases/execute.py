"""Surveys plans and carries them out: the same for releases, promotions and rollbacks.

Whatever the plan, a run announces itself while it works, answers a signal by recording how it ended, and keeps what
the log did not take in a file.
"""

from __future__ import annotations

from release.app.handlers import handlers, offline, ports_of
from release.app.open import record_context
from release.app.releases.builds import Builds
from release.app.releases.unrecorded import settle_end
from release.app.session import Session
from release.effects.watch import ReleaseSource
from release.handler import Handlers
from release.plan.model import Plan
from release.runner import Report, Runner


def survey(
    session: Session,
    plan: Plan,
    releases: ReleaseSource,
    *,
    builds: Builds | None = None,
    connected: bool = True,
) -> Report:
    """How the world stands to the plan; changes nothing. `releases`: what counts for moving tags.

    `builds`: what was prepared to be built. `connected`: False shows what would ask a registry as still to be asked.
    """
    table = _table(session, releases, "preview", builds)
    return _runner(session, table if connected else offline(table)).survey(plan)


def execute(session: Session, plan: Plan, releases: ReleaseSource, *, builds: Builds | None = None) -> Report:
    """Carry the plan out as one attempt. `releases`: what counts for moving tags."""
    attempt = session.entropy.token()
    table = _table(session, releases, attempt, builds)
    with session.ports.presence(session).announced(attempt):
        report = _runner(session, table).execute(plan)
        return report if report.error is None else settle_end(session, report, attempt)


def _table(session: Session, releases: ReleaseSource, attempt: str, builds: Builds | None) -> Handlers:
    prepared = builds.prepared if builds is not None else {}
    return handlers(ports_of(session), releases, context=record_context(session, attempt), builds=prepared)


def _runner(session: Session, table: Handlers) -> Runner:
    return Runner(table, clock=session.clock, sink=session.sink, cancel=session.cancel)
