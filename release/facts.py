"""Combines the states of git, the CI system and the clock into the facts of a run; resolves contradictions. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ci.context import CiContext
from release.errors import AmbiguousVersion
from release.git.model import RemoteRefs, Snapshot
from release.run_scope import RunScope, scope_of
from release.versions.semver import looks_like_version
from release.versions.tag_listing import commit_named, has_version_tag

# Used if neither the CI system nor the clone names a default branch. The first that exists is the default branch.
_USUAL_DEFAULT_BRANCHES = ("main", "master")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a run: commit, branch or git tag, time. The commit is HEAD, whatever the CI system says.

    `scope`: what the run may release, with the reason. `git_tag`: the tag that triggered the run and names HEAD.
    `branch`: None where `scope` allows no branch (a git tag, a pull request, a fork), in a detached HEAD without CI
    context, and where the CI's commit is not HEAD. `now`: milliseconds since the epoch.
    """

    snapshot: Snapshot
    ci: CiContext
    scope: RunScope
    commit: str
    branch: str | None
    git_tag: str | None
    is_default_branch: bool
    now: int
    branches: tuple[str, ...] = ()  # known branches, to find those that would get the same image tag
    warnings: tuple[str, ...] = ()
    remote: RemoteRefs = RemoteRefs(state="not asked")


def reconcile(
    snapshot: Snapshot,
    ci: CiContext,
    now: int,
    *,
    remote_branches: Iterable[str] = (),
    default_branch: str | None = None,
    remote: RemoteRefs = RemoteRefs(state="not asked"),  # noqa: B008 - frozen
) -> Facts:
    """The facts of the run. `now`: milliseconds since the epoch.

    `remote_branches`: the branches of the remote, if they were listed: a CI system's clone often has only one branch.
    `default_branch`: the branch that the clone's `origin/HEAD` names; it counts if the CI system names no default
    branch, before `main` and `master`. `remote`: the refs read from the remote, if it was asked. Raises
    `AmbiguousVersion` when the tag that triggered the run does not name HEAD; a tag that the clone lacks is accepted
    with a warning if the CI system says that it names HEAD.
    """
    warnings = list(ci.warnings)
    branches = {*local_branches(snapshot), *remote_branches}
    ci = _with_ref(snapshot, _without_remote(snapshot, ci), branches, warnings)
    at_head = _is_head(snapshot, ci)
    git_tag = _triggering_tag(snapshot, ci, at_head=at_head, warnings=warnings)
    scope = _narrowed(snapshot, ci)
    branch = None
    if git_tag is None and at_head:
        branch = _branch(snapshot, ci, scope)
    elif git_tag is None:
        named = ci.branch or ci.ref_name
        warnings.append(
            f"{ci.system} says commit `{_short(ci.commit)}`, but HEAD is `{_short(snapshot.head)}`: "
            f"HEAD is taken, and the branch{f' `{named}`' if named else ''} is left out"
        )
    return Facts(
        snapshot=snapshot,
        ci=ci,
        scope=scope,
        commit=snapshot.head,
        branch=branch,
        git_tag=git_tag,
        is_default_branch=_is_default(ci, branch, default_branch, branches),
        now=now,
        branches=tuple(sorted(branches)),
        warnings=tuple(warnings),
        remote=remote,
    )


def _with_ref(snapshot: Snapshot, ci: CiContext, branches: set[str], warnings: list[str]) -> CiContext:
    """`ci` with `ref_name` as a git tag, if only a git tag at HEAD has the name, else as a branch.

    A name that looks like a version is left out unless it is a known branch, or the CI system takes it for one: the
    clone may lack the git tag.
    """
    name = ci.ref_name
    if name is None:
        return ci
    is_branch = name in branches or snapshot.branch == name
    if not is_branch and commit_of_tag(snapshot, name) == snapshot.head:
        return msgspec.structs.replace(ci, git_tag=name, branch=None, ref_name=None, is_default_branch=None)
    if not is_branch and ci.branch is None and looks_like_version(name):
        warnings.append(
            f"the event names `{name}`, which is neither a branch nor a git tag at HEAD in this clone: it is left out"
        )
        return msgspec.structs.replace(ci, ref_name=None)
    is_default = None if ci.default_branch is None else name == ci.default_branch
    return msgspec.structs.replace(ci, branch=name, ref_name=None, is_default_branch=is_default)


def _without_remote(snapshot: Snapshot, ci: CiContext) -> CiContext:
    """`ci` with `main` for Jenkins' `upstream/main`, where the clone's remote is not called `origin`."""
    branch, remote = ci.branch or "", snapshot.remote
    said = any(one.field == "branch" and one.variable == "GIT_BRANCH" for one in ci.concluded)
    if (
        remote is None
        or not said
        or branch in local_branches(snapshot)
        or not branch.startswith(f"{remote}/")
    ):
        return ci
    name = branch.removeprefix(f"{remote}/")
    ref_name = None if ci.ref_name is None else name
    return msgspec.structs.replace(ci, branch=name, ref_name=ref_name)


def _narrowed(snapshot: Snapshot, ci: CiContext) -> RunScope:
    """The scope of the run; `nothing` where a `pull_request_target` run has not checked out the pull request."""
    scope = scope_of(ci)
    request = ci.pull_request
    if scope.may != "request" or ci.event != "pull-request-target" or request is None:
        return scope
    if request.head_sha is not None and request.head_sha in (snapshot.head, *snapshot.parents):
        return scope
    return scope.narrowed(
        f"`{ci.event_name or ci.event}` has checked out the base branch, not pull request {request.number}"
    )


def may_lack_tags(snapshot: Snapshot, git_tag: str | None = None) -> bool:
    """Whether the remote may have version tags that this clone lacks, as far as the clone itself shows.

    True if the clone is shallow, if it has a remote and no version tag at all, or if it lacks `git_tag`, the tag that
    triggered the run.
    """
    none = bool(snapshot.remotes) and not has_version_tag(snapshot.tag_listing)
    return snapshot.shallow or none or (git_tag is not None and commit_of_tag(snapshot, git_tag) is None)


def local_branches(snapshot: Snapshot) -> dict[str, str]:
    """The branches of the clone, each with its commit."""
    # The listing has `refs/heads/` before `refs/tags/`. Cutting there saves decoding the tags, of which a
    # repository may have twenty thousand.
    heads = snapshot.tag_listing.partition(b" refs/tags/")[0].decode("utf-8", "backslashreplace")
    rows = (line.partition(" refs/heads/") for line in heads.splitlines())
    return {branch: commit for commit, _, branch in rows if branch}


def _is_head(snapshot: Snapshot, ci: CiContext) -> bool:
    """Whether the commit that the CI system names is checked out.

    Also true if the CI system names no commit. For a pull request also true if HEAD is the request's head commit, or
    has the CI system's commit or the request's head as a parent, as a merge commit has.
    """
    if ci.commit is None or _same(ci.commit, snapshot.head):
        return True
    request = ci.pull_request
    if request is None:
        return False
    return (
        request.head_sha == snapshot.head
        or ci.commit in snapshot.parents
        or request.head_sha in snapshot.parents
    )


def _same(commit: str, head: str) -> bool:
    # Some CI systems give a short id. Git shortens to 7 digits or more; fewer would fit other commits too.
    return len(commit) >= 7 and head.startswith(commit.lower())


def _triggering_tag(snapshot: Snapshot, ci: CiContext, *, at_head: bool, warnings: list[str]) -> str | None:
    if ci.git_tag is None:
        return None
    named = commit_of_tag(snapshot, ci.git_tag)
    if named == snapshot.head:
        return ci.git_tag
    if named is None and ci.commit is not None and at_head:
        warnings.append(
            f"git tag `{ci.git_tag}` is not in this clone; {ci.system} says that it names this commit"
        )
        return ci.git_tag
    where = f"names `{_short(named)}`" if named else "is not in this clone"
    raise AmbiguousVersion(
        f"git tag `{ci.git_tag}` started this run, but it {where} and HEAD is `{_short(snapshot.head)}`",
        hint="the tag was moved, or something else was checked out: "
        f"`git fetch --force {snapshot.remote or 'origin'} tag {ci.git_tag}` "
        f"and `git checkout {ci.git_tag}`",
    )


def commit_of_tag(snapshot: Snapshot, git_tag: str) -> str | None:
    """The object that `git_tag` peels to (a commit, as a rule), or None when this clone has no such tag."""
    unfit = next((one.target for one in snapshot.unfit if one.git_tag == git_tag), None)
    return unfit or commit_named(snapshot.tag_listing, git_tag)


def _branch(snapshot: Snapshot, ci: CiContext, scope: RunScope) -> str | None:
    return (ci.branch or snapshot.branch) if scope.may == "branch" else None


def _is_default(ci: CiContext, branch: str | None, default_branch: str | None, branches: set[str]) -> bool:
    if branch is None:
        return False
    if ci.is_default_branch is not None and branch == ci.branch:
        return ci.is_default_branch
    named = ci.default_branch or default_branch
    if named is not None:
        return branch == named
    usual = next((one for one in _USUAL_DEFAULT_BRANCHES if one == branch or one in branches), None)
    return branch == usual


def _short(commit: str | None) -> str:
    return (commit or "nothing")[:12]
