"""Branches and tags that are read from `packed-refs` are those that git lists, or git is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from release.control import Cancel
from release.facts import local_branches
from release.git.packed_refs import packed_listing
from release.git.snapshot import snapshot
from release.programs.processes import Processes
from release.versions.git_tags import versions_in
from release.versions.tag_listing import commit_named, names_of, tags_at, with_tags_of_remote
from tests.support.releases.git import GitRepo

Change = Callable[[GitRepo], object]


def refs(repo: GitRepo) -> Path:
    return repo.path / ".git" / "refs"


def header(repo: GitRepo, line: str) -> None:
    path = repo.path / ".git" / "packed-refs"
    path.write_text("\n".join([line, *path.read_text().splitlines()[1:]]) + "\n")


def cut(repo: GitRepo) -> None:
    path = repo.path / ".git" / "packed-refs"
    path.write_text(path.read_text()[:-1])


def other_refs(repo: GitRepo) -> None:
    for name in ("refs/notes/a", "refs/pull/1/head", "refs/remotes/origin/main", "refs/zzz/v9.9.9"):
        repo.git("update-ref", name, "HEAD")
    repo.git("pack-refs", "--all")


def without_tags(repo: GitRepo) -> None:
    for name in repo.git("tag").splitlines():
        repo.git("tag", "--delete", name)
    repo.git("pack-refs", "--all")


#: What is done to a repository whose refs are packed, and whether `packed-refs` is read without git.
CHANGES: dict[str, tuple[Change, bool]] = {
    "nothing": (lambda repo: repo, True),
    "a commit since": (lambda repo: repo.commit(), True),
    "a branch since": (lambda repo: repo.git("branch", "topic/new"), True),
    "a branch deleted since": (lambda repo: repo.git("branch", "--delete", "--force", "other"), True),
    "refs of other folders": (other_refs, True),
    "no tag at all": (without_tags, True),
    "a lock that is left": (lambda repo: (refs(repo) / "tags" / "v1.0.0.lock").touch(), True),
    "empty folders of tags": (lambda repo: (refs(repo) / "tags" / "a" / "b").mkdir(parents=True), True),
    "a tag since": (lambda repo: repo.tag("v1.7.0"), False),
    "a tag in a folder since": (lambda repo: repo.tag("api/v1.7.0"), False),
    "a tag that was moved since": (lambda repo: repo.git("tag", "--force", "v1.0.0", "other"), False),
    "a branch that is a symbolic ref": (
        lambda repo: repo.git("symbolic-ref", "refs/heads/alias", "refs/heads/main"), False,
    ),
    "a branch with other letters since": (lambda repo: repo.git("branch", "größe"), True),
    "a damaged branch": (lambda repo: (refs(repo) / "heads" / "bad").write_text("x\n"), False),
    "a symlink among the branches": (lambda repo: (refs(repo) / "heads" / "link").symlink_to("main"), False),
    "no `packed-refs`": (lambda repo: (repo.path / ".git" / "packed-refs").unlink(), False),
    "a header without `sorted`": (lambda repo: header(repo, "# pack-refs with: peeled fully-peeled "), False),
    "a header without `fully-peeled`": (lambda repo: header(repo, "# pack-refs with: peeled sorted "), False),
    "a last line without its end": (cut, False),
    "another ref storage": (lambda repo: (repo.path / ".git" / "reftable").mkdir(), False),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_packed_refs_has_the_branches_and_tags_that_git_lists_or_git_is_asked(
    git_repo: GitRepo, name: str
) -> None:
    commits = [git_repo.commit(), git_repo.commit()]
    git_repo.tag("v1.0.0", commits[0])
    git_repo.tag("v1.1.0", commits[0], annotated=False)
    git_repo.tag("inner")
    git_repo.tag("v1.2.0-rc.1", "inner")
    git_repo.tag("api/v3.0.0")
    git_repo.git("tag", "v1.3.0", git_repo.git("rev-parse", "HEAD^{tree}"))
    git_repo.branch("other")
    commits.append(git_repo.commit())
    git_repo.tag("v1.4.0+b.5")
    git_repo.checkout("main")
    git_repo.git("pack-refs", "--all")
    change, is_read = CHANGES[name]
    change(git_repo)
    listing = packed_listing(str(git_repo.path / ".git"))
    assert (listing is not None) == is_read
    told = git_repo.git("show-ref", "--heads", "--tags", "-d", check=False).encode() + b"\n"
    if listing is None or name == "no tag at all":
        assert told.count(b"refs/heads/") == (listing or told).count(b"refs/heads/")
        return
    assert names_of(listing) == names_of(told)
    for one in names_of(told):
        assert commit_named(listing, one) == commit_named(told, one)
    for commit in (*commits, git_repo.head):
        assert tags_at(listing, commit) == tags_at(told, commit)
    assert versions_in(listing).tags == versions_in(told).tags
    assert versions_in(listing).odd == versions_in(told).odd
    of_remote = {"v1.0.0": commits[2], "v5.0.0": commits[1], "inner": commits[0], "v1.1.0": commits[0]}
    ours, theirs = (with_tags_of_remote(one, of_remote) for one in (listing, told))
    assert (ours.missing, ours.moved) == (theirs.missing, theirs.moved)
    assert versions_in(ours.listing).tags == versions_in(theirs.listing).tags
    taken = snapshot(Processes(Cancel()), str(git_repo.path), env=git_repo.env)
    assert local_branches(taken) == dict(
        line.split(" refs/heads/")[::-1] for line in told.decode().splitlines() if " refs/heads/" in line
    )


def test_packed_refs_of_a_linked_worktree_and_of_sha_256_are_read(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit()
    git_repo.tag("v1.0.0")
    git_repo.git("pack-refs", "--all")
    git_repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    taken = snapshot(Processes(Cancel()), str(tmp_path / "linked"), env=git_repo.env)
    assert [tag.git_tag for tag in versions_in(taken.tag_listing).at(taken.head)] == ["v1.0.0"]
    other = tmp_path / "sha256"
    git_repo.git("init", "--quiet", "--object-format=sha256", "--initial-branch=main", str(other))
    wide = GitRepo(other, home=Path(git_repo.env["HOME"]), init=False)
    wide.commit()
    wide.tag("v2.0.0")
    wide.git("pack-refs", "--all")
    found = versions_in(packed_listing(str(other / ".git")) or b"").at(wide.head)
    assert [tag.git_tag for tag in found] == ["v2.0.0"]
