"""Creates the git tag of the next version, after checking that the clone, its remote and the commit allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.remedies import remedy
from release.app.clone_history import is_published
from release.errors import DirtyTree, GitError, RefusedError, ShallowClone
from release.events import Note
from release.git.unfit_tags import fit_tags
from release.versions.git_tags import versions_in
from release.versions.prereleases import is_same_prerelease
from release.versions.semver import parse_tag_name
from release.versions.tag_listing import with_tags_of_remote

if TYPE_CHECKING:
    from release.app.session import Session
    from release.git.model import Snapshot
    from release.tagging.model import KnownReleases, TagPolicy
    from release.versions.model import Version

# Tags that an error names; of the others it gives the number. A clone without tags may lack hundreds.
_NAMED = 3


def require_taggable(session: Session, policy: TagPolicy, *, push: bool, force_unpushed: bool) -> None:
    """Raise unless the clone and its remote allow a tag of a new version on HEAD.

    Raises `DirtyTree`, and `GitError` if the remote cannot be asked, if with `push` there is no remote, if the remote
    has version tags that the clone lacks, or, without `force_unpushed`, if the remote lacks the commit.
    """
    taken = session.git.snapshot(policy)
    if taken.dirty_count:
        raise DirtyTree(
            f"{taken.dirty_count} tracked files differ from the commit that would be tagged",
            hint="commit or stash them first (`git status`)",
        )
    remote = session.git.remote
    if remote.state == "refused":
        raise GitError(
            f"no version is tagged without the tags of the remote, which could not be asked: {remote.cause}",
            hint=_how_to_ask(session),
        )
    if push and remote.state == "no remote":
        raise GitError(
            "there is no remote to push to", hint="leave out `--push`, or add a remote: `git remote add`"
        )
    _require_known_tags(session, taken, policy)
    if not force_unpushed and not is_published(session, taken.head):
        raise GitError(
            f"commit `{taken.head[:12]}` is on no branch of the remote `{remote.name}`",
            hint="push the commit first, or add `--force-unpushed`",
        )


def _how_to_ask(session: Session) -> str:
    """What lets git ask the remote that could not be asked."""
    remote = session.git.remote
    if remote.locked:
        return remedy(session.ci.system, "no-credential")
    if remote.name is None:
        first = next(iter(session.git.any_snapshot().remotes), "NAME")
        branch = f"`git branch --set-upstream-to={first}/BRANCH`"
        return f"say which one counts: {branch}, or `git remote rename {first} origin`"
    return f"`git ls-remote {remote.name}` has to work here, with the credentials of this clone"


def _require_known_tags(session: Session, taken: Snapshot, policy: TagPolicy) -> None:
    """Raise `ShallowClone` if the remote has version tags that the clone lacks, or has on other commits."""
    difference = with_tags_of_remote(taken.tag_listing, fit_tags(session.git.remote.tags, taken))
    lacking = [
        name
        for name in (*difference.missing, *difference.moved)
        if parse_tag_name(name, policy.prefix, policy.versions) is not None
    ]
    if lacking:
        names = ", ".join(f"`{name}`" for name in lacking[:_NAMED])
        more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
        raise ShallowClone(
            f"the remote `{session.git.remote.name}` has version tags that this clone lacks, or that were moved: "
            f"{names}{more}",
            hint=f"{remedy(session.ci.system, 'shallow' if taken.shallow else 'no-tags')}, or add `--deepen`",
        )


def require_unreleased(whole: Snapshot, policy: TagPolicy, known: KnownReleases, due: Version) -> None:
    """Raise `RefusedError` if HEAD is released already, as a stable version or in the channel of the prerelease `due`.

    A pipeline that runs again for the same commit would otherwise make one prerelease after another.
    """
    at_head = versions_in(whole.tag_listing, policy.prefix, policy.versions).at(whole.head)
    names = [
        f"`{tag.git_tag}`" for tag in at_head if tag.version.is_stable or is_same_prerelease(tag.version, due)
    ]
    names += [
        f"{one.version} ({one.source})"
        for one in known.listed
        if one.commit == whole.head and one.version.is_stable and str(one.version) not in known.yanked
    ]
    if names:
        raise RefusedError(f"this commit is released as {names[0]} already", hint="commit something first")


def make_tag(session: Session, policy: TagPolicy, git_tag: str, version: Version, *, push: bool) -> None:
    """Make the annotated tag on HEAD, and push it. A note names the command that releases the tag in the same job."""
    from release.git.write import create_tag, push_tag

    taken, env = session.git.snapshot(policy), session.settings.env
    create_tag(taken.root, git_tag, taken.head, f"Release {version}", env)
    where = ""
    if push:
        push_tag(taken.root, git_tag, env, remote=session.git.remote.name or "origin")
        where = f" here and on `{session.git.remote.name}`"
    # A tag that is pushed with GitHub's GITHUB_TOKEN starts no workflow, so the job that made it releases it.
    line = f"`shipmark run --release {git_tag}` releases it in this job"
    text = f"note: git tag `{git_tag}` names `{taken.head[:12]}`{where}; {line}"
    session.sink.emit(Note(level="info", text=text))
