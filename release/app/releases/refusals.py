"""The errors of a run that releases nothing, or not every tag: a dirty tree, and tags that are withheld."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.app.component_policy import policy_of
from release.app.help_topics import caught
from release.app.session import Session
from release.errors import DirtyTree, GitError, PartialError, ReleaseError, ShallowClone
from release.plan.outcome import Report
from release.tagging.model import Withheld


def refusal(session: Session, name: str | None) -> ReleaseError | None:
    """`DirtyTree` if tracked files differ from the commit, in which case `run` releases nothing. Else None.

    `name`: the name of one component; None for all.
    """
    for component in session.components_named(name):
        snapshot = session.git.snapshot(policy_of(component))
        if snapshot.dirty_count:
            shown = ", ".join(f"`{path}`" for path in snapshot.dirty[:3])
            more = snapshot.dirty_count - min(3, len(snapshot.dirty))
            rest = f" and {more} more" if more > 0 else ""
            return DirtyTree(
                f"tracked files differ from commit {snapshot.head[:12]}: {shown}{rest}",
                hint="commit or restore them: an image must be what its commit says",
            )
    return None


def with_withheld(session: Session, report: Report, error: ReleaseError | None) -> Report:
    """The report with `error`; without one, with an error if a tag is withheld because something is unknown.

    The error for an unknown fact is a `PartialError` if a later run may find the fact out, else a `GitError` with what
    helps in this clone.
    """
    if error is None:
        doubtful = [
            one for release in report.plan.releases for one in release.decision.withheld if not one.rightly
        ]
        lacking = [one for one in doubtful if one.lacks is not None]
        if lacking:
            error = caught(_refuse_lacking, session, lacking)
        elif doubtful:
            text = f"{_names(doubtful)} not moved: {doubtful[0].reason}"
            error = PartialError(text, hint="run the command again later, when what is missing can be read")
    return msgspec.structs.replace(report, error=error)


def _names(withheld: Sequence[Withheld]) -> str:
    return ", ".join(f"`{one.name}`" for one in withheld)


def _refuse_lacking(session: Session, withheld: Sequence[Withheld]) -> None:
    """Raise the error for tags of branches whose history is unknown here."""
    text = f"{_names(withheld)} not moved: {withheld[0].reason}"
    from ci.remedies import remedy

    if session.git.any_snapshot().shallow and withheld[0].lacks == "history":
        raise ShallowClone(text, hint=remedy(session.ci.system, "shallow"))
    remote = session.git.remote
    if remote.state == "refused":
        raise GitError(text, hint=f"`git ls-remote {remote.name}` has to work here: {remote.cause}")
    hint = "`git fetch` brings the commits of other runs, and `shipmark image delete` lets the tag start anew"
    raise GitError(text, hint=hint)
