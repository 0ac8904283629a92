"""Version tags that name no commit: they are no releases, and block no tag of an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import shipmark
from release.app.component_policy import policy_of
from release.app.workspace import open_workspace
from release.errors import AmbiguousVersion
from release.versions.tag_listing import names_of
from tests.support.releases.git import GitRepo
from tests.support.releases.snapshots import at_head, base, read

FILES = {"Dockerfile": "FROM scratch\nCOPY a /a\n", "a": "1"}
ABSENT = "1" * 40


def broken(repo: GitRepo) -> None:
    """Make an annotated tag whose commit does not exist."""
    text = f"object {ABSENT}\ntype commit\ntag v2.0.0\ntagger A <a@b.c> 1 +0000\n\nx\n"
    made = repo.git("hash-object", "-t", "tag", "-w", "--literally", "--stdin", stdin=text)
    repo.git("update-ref", "refs/tags/v2.0.0", made)


def absent(repo: GitRepo) -> None:
    (repo.path / ".git" / "refs" / "tags" / "v2.0.0").write_text(f"{ABSENT}\n")


def nested(repo: GitRepo) -> None:
    repo.tag("inner", "HEAD^{tree}")
    repo.tag("v2.0.0", "inner")


#: What the tag v2.0.0 names, and how it is made.
MAKE: dict[str, tuple[str, Callable[[GitRepo], object]]] = {
    "a tree": ("tree", lambda repo: repo.tag("v2.0.0", "HEAD^{tree}", annotated=False)),
    "a blob": ("blob", lambda repo: repo.tag("v2.0.0", "HEAD:a", annotated=False)),
    "a blob, annotated": ("blob", lambda repo: repo.tag("v2.0.0", "HEAD:a")),
    "a tag of a tree": ("tree", nested),
    "a commit that is missing, annotated": ("missing", broken),
    "a commit that is missing": ("missing", absent),
}


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """Give a repository with v1.0.0 at HEAD and v0.9.0-rc.1, which is annotated twice, in its history."""
    git_repo.commit(files=FILES)
    git_repo.tag("inner-rc")
    git_repo.tag("v0.9.0-rc.1", "inner-rc")
    git_repo.commit("feat: two")
    git_repo.tag("v1.0.0")
    return git_repo


def latest(repo: GitRepo) -> tuple[bool, str]:
    """Return whether `shipmark tags` moves `latest`, and why it does not."""
    found = shipmark.tags(
        open_workspace(str(repo.path), env=repo.env, images=["oci:dist/x"]), shipmark.TagsRequest()
    )
    withheld = next((one.reason for one in found.withheld if one.name == "latest"), "")
    return any(tag.name == "latest" for tag in found.tags), withheld


@pytest.mark.parametrize("what", MAKE)
def test_version_tag_that_names_no_commit_blocks_no_moving_tag(repo: GitRepo, what: str) -> None:
    kind, make = MAKE[what]
    make(repo)
    for pack in (False, True):
        if pack and what != "a commit that is missing":
            repo.git("pack-refs", "--all")
        taken = read(repo)
        assert [(one.git_tag, one.kind) for one in taken.unfit] == [("v2.0.0", kind)]
        assert ("v2.0.0" in names_of(taken.tag_listing), at_head(taken)) == (False, ["v1.0.0"])
        # A tag whose object is missing may be a release, which a registry or the remote may know.
        moves, why = latest(repo)
        assert (moves, "may be incomplete" in why) == (kind != "missing", kind == "missing")
    repo.commit("feat: three")
    taken = read(repo)
    assert (base(taken), [one.git_tag for one in taken.unfit]) == (("v1.0.0", 1), ["v2.0.0"])


def test_all_version_tags_that_name_no_commit_are_found_once_one_of_the_highest_is(repo: GitRepo) -> None:
    for name in ("v1.0.9", "v1.5.0", "v2.0.0", "v1.0.9-rc.1", "1.5.0"):
        repo.tag(name, "HEAD^{tree}", annotated=False)
    repo.tag("v3.0.0-rc.1", "HEAD~1")
    taken = read(repo)
    assert {one.git_tag for one in taken.unfit} == {"v1.0.9", "v1.5.0", "v2.0.0", "v1.0.9-rc.1", "1.5.0"}
    assert "v3.0.0-rc.1" in names_of(taken.tag_listing)
    assert latest(repo) == (True, "")


def test_run_for_a_git_tag_of_a_tree_is_refused_though_another_version_is_at_head(repo: GitRepo) -> None:
    repo.tag("v2.0.0", "HEAD^{tree}")
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/tags/v2.0.0",
        "GITHUB_SHA": repo.head,
    }
    session = open_workspace(str(repo.path), env={**repo.env, **env}, images=["oci:dist/x"])
    with pytest.raises(AmbiguousVersion, match=r"`v2\.0\.0` started this run, but it names"):
        shipmark.tags(session, shipmark.TagsRequest())


def test_name_of_a_git_tag_of_a_tree_is_taken_for_the_next_version(repo: GitRepo) -> None:
    repo.tag("v2.0.0", "HEAD^{tree}")
    repo.commit("feat!: three")
    session = open_workspace(str(repo.path), env=repo.env, images=[])
    found = shipmark.next_version(session, shipmark.NextVersionRequest(part="major"))
    assert found is not None
    assert (found.version, "2.0.0 (git tag) is taken" in str(found.reason)) == ("3.0.0", True)


def test_git_tag_of_a_tree_on_the_remote_too_is_no_tag_that_the_clone_lacks(
    repo: GitRepo, tmp_path: Path
) -> None:
    repo.tag("v2.0.0", "HEAD^{tree}")
    clone = repo.clone(tmp_path / "clone")
    session = open_workspace(str(clone.path), env=clone.env, images=["oci:dist/x"])
    whole = session.git.completed(policy_of(session.components[0]))
    assert "v2.0.0" not in names_of(whole.tag_listing)
    clone.commit("feat: three")
    again = open_workspace(str(clone.path), env={**clone.env, "GIT_AUTHOR_NAME": "A"}, images=[])
    request = shipmark.NextVersionRequest(part="minor", git_tag="local", force_unpushed=True)
    clone.git("config", "user.name", "Ada")
    clone.git("config", "user.email", "ada@example.org")
    made = shipmark.next_version(again, request)
    assert made is not None
    assert made.version == "1.1.0"
