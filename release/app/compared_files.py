"""Lists the files that differ between commits, also of commits that the clone lacks or has without trees."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from release.app.clone_history import history_with, private_repository
from release.errors import GitError
from release.events import Note
from release.git.changed_files import changed_files, merge_base
from release.git.command import Git
from release.ref_names import is_commit

if TYPE_CHECKING:
    from release.app.session import Session


def files_since(session: Session, head: str, earlier: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Map each commit of `earlier` to the files that differ between it and `head`.

    Where the clone lacks a commit, or was made without trees, its trees are fetched into the cache: those of the commit
    alone, without its history. Commits that cannot be read are left out.
    """
    clone = Git(session.process, session.git.any_snapshot().root, session.settings.env)
    trouble = ""
    try:
        found = changed_files(clone, head, earlier)
    except GitError as error:  # a partial clone without the trees
        found, trouble = {}, error.message
    lacking = {one for one in earlier if is_commit(one)} - found.keys()
    if lacking and (whole := _alone(session, lacking)) is not None:
        try:
            return found | changed_files(whole, head, lacking)
        except GitError as error:
            trouble = error.message
    if trouble:
        session.warn(f"which components changed is not known: {trouble}")
    return found


def branching_point(session: Session, branch: str, head: str) -> str | None:
    """The commit at which HEAD left `branch` of the remote; None if it is not known.

    History that the clone lacks for the answer is fetched into the cache, without trees.
    """
    snapshot = session.git.any_snapshot()
    clone = Git(session.process, snapshot.root, session.settings.env)
    found = merge_base(clone, f"refs/remotes/{snapshot.remote or 'origin'}/{branch}", head)
    tip = session.git.remote.heads.get(branch) if found is None else None
    if tip is None:
        return found
    whole = None if (found := merge_base(clone, tip, head)) else history_with(session, tip)
    return found if whole is None else merge_base(whole, tip, head)


def _alone(session: Session, commits: Collection[str]) -> Git | None:
    """A git reader with these commits and their trees, from the remote; None if they cannot be fetched."""
    remote = session.git.remote
    if remote.state != "answered" or remote.name is None:
        return None
    text = f"fetching the trees of earlier commits, without history and files, from `{remote.name}` into the cache"
    session.sink.emit(Note(level="info", text=text))
    fetched = private_repository(session, remote.name, "trees", trees=True).alone(commits)
    if fetched.git is None:
        session.sink.emit(Note(level="debug", text=f"they cannot be fetched: {fetched.cause}"))
    return fetched.git
