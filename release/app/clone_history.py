"""Reads the git tags and the history that the clone lacks from the clone's remote.

Git tags are kept in memory, history in the cache folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from release.events import Note
from release.facts import commit_of_tag, local_branches
from release.git.command import Git
from release.git.completed import Completed, completed
from release.git.model import RemoteRefs, Snapshot
from release.git.remote import Ancestry, Relation, missing_in, reaches, relation, remote_tip

if TYPE_CHECKING:
    from release.app.session import Session
    from release.git.fetched_history import FetchedHistory
    from release.tagging.model import TagPolicy

# Moved tags that get a warning, to keep the output short: if a remote was rewritten, hundreds of tags have moved.
_NAMED = 3


def ask_remote(session: Session) -> RemoteRefs:
    """The branches and git tags of the remote, from one `git ls-remote`. In an untrusted run the remote is not asked.

    The state of the result says so, and whether there is a remote. With several remotes, of which none is chosen, the
    state is `refused`.
    """
    taken = session.git.any_snapshot()
    if not taken.remotes:
        return RemoteRefs(state="no remote")
    if not session.may_ask_remote():
        return RemoteRefs(state="not asked", name=taken.remote)
    if taken.remote is None:
        names = ", ".join(f"`{name}`" for name in taken.remotes)
        cause = f"none of the remotes {names} is called `origin`, and the branch at HEAD follows none of them"
        return RemoteRefs(state="refused", cause=cause)
    return session.ports.remote_refs(session, taken.remote)


def complete(session: Session, policy: TagPolicy) -> Completed:
    """The snapshot of the clone, with the remote's git tags if the remote answered.

    Fetches history into the cache only if HEAD's version depends on it.
    """
    taken = session.git.snapshot(policy)
    remote = session.git.remote
    if remote.state != "answered":
        return Completed(taken)
    git = Git(session.process, taken.root, session.settings.env)
    return completed(
        git,
        taken,
        remote,
        session.git.whole_history,
        prefix=policy.prefix,
        base=policy.base,
        versions=policy.versions,
        counted=policy.counted,
        edge=edge_of(session, taken),
    )


def ancestry_of(session: Session) -> Ancestry:
    """A function that tells how two commits are related.

    The function fetches history that a shallow clone lacks if the answer depends on that history.
    """

    def between(held_revision: str, commit: str) -> Relation:
        taken = session.git.any_snapshot()
        found = relation(Git(session.process, taken.root, session.settings.env), held_revision, commit)
        if found != "unknown" or not taken.shallow:
            return found
        whole = session.git.whole_history()
        return "unknown" if whole is None else relation(whole, held_revision, commit)

    return between


def warnings_of(session: Session, whole: Completed, taken: Snapshot) -> tuple[str, ...]:
    """Warnings for the first version tags that the remote moved. `taken`: the snapshot before it was completed."""
    remote = session.git.remote.name
    return tuple(
        f"git tag `{name}` names `{(commit_of_tag(taken, name) or '')[:12]}` here and "
        f"`{session.git.remote.tags[name][:12]}` on the remote `{remote}`, which counts: "
        f"`git fetch --force {remote} tag {name}` updates this clone"
        for name in whole.moved[:_NAMED]
    )


def tag_of_the_clone_only(session: Session, git_tag: str) -> str:
    """A warning if the clone has the git tag, and its remote, which was asked, does not; otherwise empty."""
    remote = session.git.remote
    if remote.state != "answered" or git_tag in remote.tags:
        return ""
    if commit_of_tag(session.git.any_snapshot(), git_tag) is None:
        return ""
    return (
        f"git tag `{git_tag}` is in this clone, and not on the remote `{remote.name}`: "
        f"`git tag -d {git_tag}` if it was deleted there, `git push {remote.name} {git_tag}` if it was not pushed yet"
    )


def branches_of(session: Session) -> Mapping[str, str]:
    """The branches of the remote, each with its commit; without a remote, the branches of the clone.

    Empty if there is a remote that was not asked or did not answer.
    """
    if session.git.remote.state != "no remote":
        return session.git.remote.heads
    return local_branches(session.git.any_snapshot())


def tips_of(session: Session) -> Callable[[str], str | None]:
    """A function that asks the remote for the commit of a branch on each call; its result is None if unknown.

    Without a remote the function gives the commit of the clone's branch. A remote that did not answer before is not
    asked again.
    """

    def tip(branch: str) -> str | None:
        remote = session.git.remote
        if remote.state != "answered" or remote.name is None:
            return branches_of(session).get(branch)
        return remote_tip(session.process, session.root, branch, session.settings.env, remote=remote.name)

    return tip


def whole_history(session: Session, *, trees: bool = False) -> Git | None:
    """A git reader with HEAD's whole history; None, after a warning, if the history cannot be fetched."""
    taken = session.git.any_snapshot()
    clone = Git(session.process, taken.root, session.settings.env)
    without_trees = trees and lacks_trees(clone)
    if not taken.shallow and not without_trees:
        return clone
    remote = session.git.remote
    if remote.state != "answered" or remote.name is None:
        return None  # the warning about the remote says why
    text = f"fetching the history that this clone lacks from `{remote.name}` into the cache"
    session.sink.emit(Note(level="info", text=text))
    # Without trees the commits that the clone has are of no use, either.
    ends = frozenset({taken.head}) if without_trees else _ends(session, clone, taken)
    fetched = fetched_history(session, remote.name, trees=trees).of(ends)
    if fetched.git is None:
        lacks = "is shallow" if taken.shallow else "has no trees"
        session.warn(
            f"this clone {lacks}, and its history could not be fetched from `{remote.name}`: {fetched.cause}"
        )
    return fetched.git


def history_with(session: Session, tip: str) -> Git | None:
    """A git reader with HEAD's history and that of `tip`, a commit of the remote; None if it cannot be fetched."""
    taken, remote = session.git.any_snapshot(), session.git.remote
    if remote.state != "answered" or remote.name is None:
        return None
    clone = Git(session.process, taken.root, session.settings.env)
    ends = _ends(session, clone, taken) if taken.shallow else frozenset()
    return fetched_history(session, remote.name).of({tip, *ends}).git


def _ends(session: Session, clone: Git, taken: Snapshot) -> frozenset[str]:
    """The commits at which HEAD's history ends in a shallow clone; HEAD, if it has none.

    The clone may also end at commits of other branches, which the remote no longer has.
    """
    edge = edge_of(session, taken)
    history = frozenset(clone.read("rev-list", taken.head, "--").split()) if edge else frozenset()
    return frozenset(commit.decode() for commit in edge & history) or frozenset({taken.head})


def lacks_trees(clone: Git) -> bool:
    """Whether the clone was made without trees (`git clone --filter=tree:0`), by which commands compare files."""
    done = clone.run("config", "--get-regexp", r"^remote\..*\.partialclonefilter$")
    return any(b"tree:" in line for line in done.stdout.splitlines())


def fetched_history(session: Session, remote: str, *, trees: bool = False) -> FetchedHistory:
    """The private repository for history of this clone, in the cache folder."""
    from release.git.fetched_history import FetchedHistory

    taken = session.git.any_snapshot()
    # A remote's name may hold characters that a file name must not have, such as `/`.
    digest = hashlib.sha256(remote.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    kind = f"{'-trees' if trees else ''}{'' if taken.shallow else '-beside'}"
    return FetchedHistory(
        session.process,
        session.settings.env,
        root=taken.root,
        remote=remote,
        path=os.path.join(session.cache.path, f"history-{digest}{kind}.git"),
        object_format=taken.object_format,
        trees=trees,
        complete=not taken.shallow and not trees,
    )


def tags_of_remote(session: Session) -> FetchedHistory:
    """The private repository, in the cache folder, for single objects that git tags of the remote name."""
    return private_repository(session, session.git.remote.name or "", "tags")


def private_repository(session: Session, remote: str, kind: str, *, trees: bool = False) -> FetchedHistory:
    """The private repository for single objects of one kind, in the cache folder."""
    from release.git.fetched_history import FetchedHistory

    taken = session.git.any_snapshot()
    digest = hashlib.sha256(remote.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return FetchedHistory(
        session.process,
        session.settings.env,
        root=taken.root,
        remote=remote,
        path=os.path.join(session.cache.path, f"{kind}-{digest}.git"),
        object_format=taken.object_format,
        trees=trees,
    )


def is_published(session: Session, commit: str) -> bool:
    """Whether a branch of the remote contains `commit`. True without a remote; False if the answer cannot be found."""
    remote = session.git.remote
    tips = frozenset(remote.heads.values())
    if remote.state == "no remote" or commit in tips:
        return True
    taken = session.git.any_snapshot()
    clone = Git(session.process, taken.root, session.settings.env)
    if remote.name is None or not tips:
        return False
    if reaches(clone, tips, commit):
        return True
    # A branch may have gone on since the clone was made, so the commits that the clone lacks are looked at, too.
    missing = tips if taken.shallow else missing_in(clone, tips)
    fetched = fetched_history(session, remote.name).of(missing)
    return fetched.git is not None and reaches(fetched.git, tips, commit)


def edge_of(session: Session, taken: Snapshot) -> frozenset[bytes]:
    """The commits whose parents the clone lacks; empty if the clone is not shallow."""
    from release.git.repository import find_places

    return find_places(taken.root, session.settings.env).shallow_edge() if taken.shallow else frozenset()
