"""Whether a commit is in the history of some tips, of which the clone may lack any."""

from __future__ import annotations

import pytest

from release.control import Cancel
from release.git.command import Git
from release.git.remote import reaches
from release.programs.processes import Processes
from tests.support.releases.git import GitRepo

ABSENT, OTHER = "0" * 39 + "1", "0" * 39 + "2"


@pytest.mark.parametrize(
    ("tips", "commit", "expected"),
    [
        (("new",), "old", True),
        (("new",), "new", True),
        (("old",), "new", False),
        ((ABSENT, "new"), "old", True),
        ((ABSENT,), "old", False),
        ((), "old", False),
        (("new",), ABSENT, False),
        ((ABSENT,), ABSENT, False),
        ((ABSENT, OTHER), OTHER, False),
        (("new",), "--all", False),
        (("new", "--all"), "side", False),
        (("new", "side"), "side", True),
    ],
)
def test_only_a_commit_that_the_clone_has_is_reached(
    tips: tuple[str, ...], commit: str, expected: bool, git_repo: GitRepo
) -> None:
    ids = {"old": git_repo.commit("old")}
    git_repo.branch("side")
    ids["side"] = git_repo.commit("side")
    git_repo.checkout("main")
    ids["new"] = git_repo.commit("new")
    git = Git(Processes(Cancel()), str(git_repo.path), git_repo.env)
    assert reaches(git, [ids.get(tip, tip) for tip in tips], ids.get(commit, commit)) is expected
