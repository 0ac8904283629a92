"""`prune undo`: puts back what a prune deleted, while the registry still has the blobs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.app.releases.execute import execute
from release.app.releases.release_sources import at_own_targets
from release.app.releases.results import error_report, exit_code, step_reports
from release.app.retention.prune import executed_error
from release.app.retention.reports import PruneResult, UndoneRepository, UndoReport
from release.app.session import Session
from release.errors import ConfigError, NotFound
from release.log.answers.retained import known_of, pruned_by, prunes
from release.plan.outcome import Report
from release.plan.prune.operands import RestoreManifest
from release.plan.prune.planner import UndoneTarget, plan_undo


def undo_prune(session: Session, run: str) -> PruneResult:
    """Put back what the prune `run` deleted. `run`: its id, or the beginning.

    Raises `NotFound` if the log knows no such prune, `ConfigError` if it knows several.
    """
    session.require_trusted("prune undo")
    entries = session.log.entries()
    run = _prune_named(run, prunes(entries))
    targets = []
    for one in pruned_by(run, entries):
        digests = {
            digest: tuple(tag for tag, held in one.tags.items() if held == digest) for digest in one.digests
        }
        # Tags whose digest stayed come back the same way: the manifest is there already.
        for digest in one.tags.values():
            if digest not in digests:
                digests[digest] = tuple(name for name, held in one.tags.items() if held == digest)
        follows = known_of(one.target, entries, session.log_state.whole).history.follows
        targets.append(
            UndoneTarget(
                target=one.target, project=one.project, digests=digests, follows=follows, trash=one.trash
            )
        )
    details = execute(session, plan_undo(targets, run), at_own_targets(session))
    error = executed_error(details)
    details = msgspec.structs.replace(details, error=error)
    report = UndoReport(
        run=run,
        repositories=_undone(details),
        steps=step_reports(details),
        exit_code=exit_code(details),
        error=error_report(details),
    )
    return PruneResult(report=report, details=details, error=error)


def _prune_named(run: str, known: Sequence[str]) -> str:
    """The id of the prune that `run` begins."""
    named = [one for one in known if run and one.startswith(run)]
    if len(named) > 1:
        raise ConfigError(f"several prunes begin with `{run}`", hint=f"name one: {', '.join(named[:5])}")
    if not named:
        last = f"the last one is `{known[-1]}`" if known else None
        hint = last or "nothing was pruned, as far as the version log knows"
        raise NotFound(f"the version log has no prune `{run}`", hint=hint)
    return named[0]


def _undone(details: Report) -> tuple[UndoneRepository, ...]:
    """What came back to each repository, repositories without any included."""
    digests: dict[str, list[str]] = {}
    tags: dict[str, list[str]] = {}
    for outcome in details.outcomes:
        operands = outcome.step.operands
        if isinstance(operands, RestoreManifest):
            of_digests = digests.setdefault(operands.target, [])
            of_tags = tags.setdefault(operands.target, [])
            if outcome.state in {"made", "done"}:
                of_digests.append(operands.digest)
                of_tags += operands.tags
    return tuple(
        UndoneRepository(repository=name, digests=tuple(digests[name]), tags=tuple(tags[name]))
        for name in digests
    )
