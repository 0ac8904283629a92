"""Commits that are not released yet, read from real repositories, and the version part that they raise."""

from __future__ import annotations

import pytest

from release.control import Cancel
from release.git.changed_files import changed_files
from release.git.command import Git
from release.git.unreleased import unreleased_commits
from release.programs.processes import Processes
from release.versions.bump import step_of
from release.versions.commits import Commit, standing_changes
from tests.support.releases.git import GitRepo


def commits(repo: GitRepo, *, paths: bool = False) -> tuple[Commit, ...]:
    git = Git(Processes(Cancel()), str(repo.path), repo.env)
    return unreleased_commits(git, repo.head, "v1.0.0", paths=paths)


def part(repo: GitRepo) -> str | None:
    step = step_of(standing_changes(commits(repo)))
    return None if step is None else step.part


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("start", {"a": "1"})
    git_repo.tag("v1.0.0")
    return git_repo


def test_changed_files_of_unreleased_commits_have_the_names_that_git_tracks(repo: GitRepo) -> None:
    odd = ["äöü", "with blank", "line\nbreak", '"quoted"', "-dash", "\x01x", "deep/er/file"]
    repo.commit("feat: names", dict.fromkeys(odd, "1"))
    repo.commit("fix: nothing")
    repo.git("mv", "a", "b")
    repo.commit("docs: move")
    found = commits(repo, paths=True)
    assert [one.message for one in found] == ["docs: move", "fix: nothing", "feat: names"]
    assert [sorted(one.paths) for one in found] == [["a", "b"], [], sorted(odd)]
    assert [one.parents for one in found[:2]] == [(found[1].id,), (found[2].id,)]


def test_git_configuration_does_not_change_the_unreleased_commits(repo: GitRepo) -> None:
    for name, value in (
        ("diff.renames", "copies"),
        ("core.quotePath", "true"),
        ("log.showSignature", "true"),
        ("log.diffMerges", "separate"),
        ("format.pretty", "oneline"),
        ("diff.noprefix", "true"),
    ):
        repo.git("config", name, value)
    repo.git("mv", "a", "ä")
    repo.commit("feat: move")
    assert [(one.message, one.paths) for one in commits(repo, paths=True)] == [("feat: move", ("a", "ä"))]


def test_files_of_the_first_commit_are_listed_whatever_git_is_configured_to_show(git_repo: GitRepo) -> None:
    git_repo.git("config", "log.showRoot", "false")
    git_repo.commit("feat: start", {"a": "1"})
    git = Git(Processes(Cancel()), str(git_repo.path), git_repo.env)
    assert [one.paths for one in unreleased_commits(git, git_repo.head, None, paths=True)] == [("a",)]


@pytest.mark.parametrize(
    "setting",
    [
        ("diff.ignoreSubmodules", "all"),
        ("submodule.lib.ignore", "all"),
        ("--file=.gitmodules", "submodule.lib.ignore", "all"),
    ],
)
def test_moved_submodule_is_a_changed_file_although_git_is_told_to_ignore_it(
    repo: GitRepo, setting: tuple[str, ...]
) -> None:
    repo.git("config", "--file=.gitmodules", "submodule.lib.path", "lib")
    repo.git("config", *setting)
    for message, moved in (("chore: add lib", "1" * 40), ("fix: move lib", "2" * 40)):
        repo.git("add", ".gitmodules")
        repo.git("update-index", "--add", "--cacheinfo", f"160000,{moved},lib")
        repo.git("commit", "--quiet", "--allow-empty", f"--message={message}")
    found = commits(repo, paths=True)
    assert [one.paths for one in found] == [("lib",), (".gitmodules", "lib")]
    git = Git(Processes(Cancel()), str(repo.path), repo.env)
    assert changed_files(git, repo.head, [found[1].id]) == {found[1].id: ("lib",)}


def test_an_unreleased_merge_has_no_files_and_the_merged_commits_raise_the_version(repo: GitRepo) -> None:
    repo.branch("topic")
    repo.commit("fix: t", {"t": "1"})
    repo.checkout("main")
    repo.commit("docs: m", {"m": "1"})
    repo.merge("topic", "feat!: merge topic")
    found = commits(repo, paths=True)
    assert (found[0].message, found[0].paths, len(found)) == ("feat!: merge topic", (), 3)
    assert part(repo) == "patch"


def test_git_revert_takes_a_breaking_change_back_and_a_second_one_brings_it_again(repo: GitRepo) -> None:
    repo.commit("fix: b", {"b": "1"})
    broken = repo.commit("feat!: c", {"c": "1"})
    assert part(repo) == "major"
    repo.git("revert", "--no-edit", broken)
    assert part(repo) == "patch"
    repo.git("revert", "--no-edit", "HEAD")
    assert part(repo) == "major"


def test_git_revert_of_a_merge_takes_the_merged_commits_back(repo: GitRepo) -> None:
    repo.branch("topic")
    repo.commit("feat!: t", {"t": "1"})
    repo.commit("feat: u", {"u": "1"})
    repo.checkout("main")
    repo.commit("fix: m", {"m": "1"})
    repo.merge("topic", "Merge topic")
    assert part(repo) == "major"
    repo.git("revert", "--no-edit", "-m", "1", "HEAD")
    assert part(repo) == "patch"


def test_git_merge_squash_counts_as_the_commits_that_it_squashes(repo: GitRepo) -> None:
    repo.branch("topic")
    repo.commit("docs: t", {"t": "1"})
    broken = repo.commit("fix: u\n\nBREAKING CHANGE:\nu is gone", {"u": "1"})
    repo.checkout("main")
    repo.git("merge", "--squash", "topic")
    repo.git("commit", "--no-edit")
    assert part(repo) == "major"
    repo.git("reset", "--hard", "v1.0.0")
    repo.checkout("topic")
    repo.git("revert", "--no-edit", broken)
    repo.checkout("main")
    repo.git("merge", "--squash", "topic")
    repo.git("commit", "--no-edit")
    assert part(repo) is None


def test_commit_messages_that_are_empty_or_have_other_line_ends_are_read(repo: GitRepo) -> None:
    repo.git("commit", "--allow-empty", "--allow-empty-message", "--message=")
    assert part(repo) is None
    for cleanup, message, expected in (
        ("verbatim", "# a comment\n\nfix: x\n", "patch"),
        ("verbatim", "\r\nfeat: x\r\n\r\nfooter\r\n", "minor"),
        ("verbatim", "fix: x\r\n\r\nBREAKING CHANGE:\r\ny\r\n", "major"),
    ):
        repo.git("commit", "--allow-empty", f"--cleanup={cleanup}", "--file=-", stdin=message)
        assert part(repo) == expected
