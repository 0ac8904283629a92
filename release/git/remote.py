"""Single git queries: how two commits are related, and which branches and tags the remote has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from release.errors import GitError
from release.git.command import Git
from release.git.failures import told_by
from release.git.model import RemoteRefs
from release.ports import Process
from release.ref_names import is_commit
from release.secrets.redaction import redact

Relation = Literal["same", "ancestor", "descendant", "diverged", "unknown"]
#: Gives the relation of the commit that an image was built from to another commit, as `relation` does.
Ancestry = Callable[[str, str], Relation]
# Seconds for `git ls-remote`. A remote that answers at all lists 100,000 refs in a few seconds.
_TIMEOUT = 30.0
# Messages of git, ssh and hosts when a credential is missing or not admitted. A host may say that a private repository
# does not exist.
_LOCKED = (
    r"could not read (?:Username|Password)|terminal prompts disabled|Authentication failed|invalid credentials"
    r"|HTTP Basic: Access denied|returned error: 40[13]\b|Permission denied|Permission to \S+ denied"
    r"|Repository not found|repository '[^']*' not found|project you were looking for could not be found"
)


def is_ancestor(git: Git, a: str, b: str) -> bool | None:
    """Whether commit `a` is `b` or an ancestor of it; None if a commit is missing or an id is invalid."""
    if not (is_commit(a) and is_commit(b)):
        return None  # it may be the text of an image's label, which git could read as an option
    done = git.run("merge-base", "--is-ancestor", a, b)
    return {0: True, 1: False}.get(done.code)


def relation(git: Git, held_revision: str, head: str) -> Relation:
    """The relation of `held_revision` to `head`, see `Held.relation`.

    `unknown` if the clone lacks one of the commits or history that could decide, or if a text is not a commit id.
    """
    if held_revision == head:
        return "same"
    older = is_ancestor(git, held_revision, head)
    if older:
        return "ancestor"
    newer = is_ancestor(git, head, held_revision) if older is not None else None
    if newer:
        return "descendant"
    if newer is None or _is_shallow(git):
        return "unknown"
    return "diverged"


def reaches(git: Git, tips: Iterable[str], commit: str) -> bool:
    """Whether `commit` is in the history of one of `tips`, as far as git has them. False if git lacks the commit."""
    known = [tip for tip in tips if is_commit(tip)]
    # `rev-list --ignore-missing` says the same of a commit that git lacks as of one that a tip reaches.
    lacking = missing_in(git, [commit, *known])
    if not is_commit(commit) or commit in lacking:
        return False
    asked = "".join([f"{commit}\n", *(f"^{tip}\n" for tip in known if tip not in lacking)])
    done = git.run("rev-list", "--max-count=1", "--stdin", stdin=asked.encode())
    return done.code == 0 and not done.stdout.strip()


def missing_in(git: Git, commits: Iterable[str]) -> set[str]:
    """The ids in `commits` whose objects the clone lacks."""
    wanted = {commit for commit in commits if is_commit(commit)}
    done = git.run("cat-file", "--batch-check", stdin="".join(f"{one}\n" for one in wanted).encode())
    # Lines are `<object> <type> <size>`, or `<name> missing`.
    lines = done.stdout.decode("ascii", "replace").splitlines()
    return {line.partition(" ")[0] for line in lines if line.endswith(" missing")} & wanted


def _is_shallow(git: Git) -> bool:
    return git.read("rev-parse", "--is-shallow-repository").strip() == b"true"


def fetch_url(git: Git, remote: str) -> str | None:
    """The URL that `git fetch REMOTE` uses, as it is configured; None if the clone has no such remote.

    git-remote(1), `set-url --add`: a remote may have several URLs. Git fetches from the first, and pushes to all.
    """
    done = git.run("config", "--null", "--get-all", f"remote.{remote}.url")
    return done.stdout.decode("utf-8", "surrogateescape").partition("\0")[0].strip() or None


def remote_refs(
    process: Process, root: str, env: Mapping[str, str], remote: str, *, timeout: float = _TIMEOUT
) -> RemoteRefs:
    """Ask the remote called `remote` for its branches and tags, with one `git ls-remote`. `timeout`: seconds.

    A failure is not raised: the result has the state `refused` and the cause.
    """
    found = _ls_remote(process, root, env, remote, timeout, "--heads", "--tags")
    if isinstance(found, _Refusal):
        return RemoteRefs(state="refused", name=remote, cause=found.cause, locked=found.locked)
    return RemoteRefs(
        state="answered",
        name=remote,
        heads=_below("refs/heads/", found),
        # An annotated tag has a second line (`^{}`) with its commit, which replaces the object of the first.
        tags={name.removesuffix("^{}"): commit for name, commit in _below("refs/tags/", found).items()},
    )


def remote_tip(
    process: Process, root: str, branch: str, env: Mapping[str, str], *, remote: str = "origin"
) -> str | None:
    """The commit of `branch` on the remote; None if the remote has no such branch or does not answer."""
    found = _ls_remote(process, root, env, remote, _TIMEOUT, "--heads")
    return None if isinstance(found, _Refusal) else found.get(f"refs/heads/{branch}")


def _below(start: str, refs: Mapping[str, str]) -> dict[str, str]:
    return {ref.removeprefix(start): commit for ref, commit in refs.items() if ref.startswith(start)}


class _Refusal(NamedTuple):
    """Why a remote did not list its refs. `locked`: for want of a credential."""

    cause: str
    locked: bool = False


def _ls_remote(
    process: Process, root: str, env: Mapping[str, str], remote: str, timeout: float, *which: str
) -> dict[str, str] | _Refusal:
    """Ref -> object, in the remote's order; or the reason why the remote did not list its refs."""
    try:
        done = Git(process, root, env, online=True).run(
            "ls-remote", "--quiet", *which, "--", remote, timeout=timeout
        )
    except GitError as error:
        return _Refusal(error.message)
    if done.code != 0:
        text = done.stderr.decode("utf-8", "backslashreplace")
        return _Refusal(redact(told_by(done)), locked=re.search(_LOCKED, text, re.IGNORECASE) is not None)
    lines = done.stdout.decode("utf-8", "backslashreplace").split("\n")
    return {ref: commit for commit, _, ref in (line.partition("\t") for line in lines) if is_commit(commit)}
