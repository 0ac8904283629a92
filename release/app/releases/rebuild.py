"""Finds the number of a rebuild of a released commit, for `run --rebuild`."""

from __future__ import annotations

from collections.abc import Sequence

from release.app.session import Session
from release.errors import GitError, RefusedError
from release.oci import Repository
from release.plan.obtain import primary_tag
from release.plan.release import release_key
from release.ref_names import require_git_tag
from release.tagging.model import Decision


def require_checked_out(decision: Decision, named: str | None) -> None:
    """Raise `GitError` if `--rebuild NAME` names another release than HEAD's, `ConfigError` if it is no tag name."""
    if named:
        require_git_tag("--rebuild", named)
    if named and named not in {decision.git_tag, decision.version, f"v{decision.version}"}:
        raise GitError(
            f"`--rebuild {named}` does not name the release of commit {decision.commit[:12]}, which is checked out",
            hint=f"`git checkout {named}` first: an image is built from what is checked out",
        )


def rebuild_number(
    session: Session, project: str, decision: Decision, repositories: Sequence[Repository]
) -> int:
    """The number n of the rebuild's tag suffix `_rn`: the lowest that no finished rebuild has.

    `decision`: of the original release. Raises `RefusedError` if that was never released.
    """
    primary = primary_tag(decision).name
    if not _is_taken(session, project, decision, primary, repositories):
        raise RefusedError(
            f"`{primary}` was never released, so there is nothing to rebuild",
            hint="release it with `shipmark run`",
        )
    number = 1
    while _is_taken(session, project, decision, f"{primary}_r{number}", repositories):
        number += 1
    return number


def _is_taken(
    session: Session, project: str, decision: Decision, tag: str, repositories: Sequence[Repository]
) -> bool:
    state = session.log_state.release(release_key(project, decision.commit, tag))
    if state is not None:
        return state.finished
    return any(repository.resolve(tag) is not None for repository in repositories)
