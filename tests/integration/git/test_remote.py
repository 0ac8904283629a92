"""How two commits are related, and which refs the remote has."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.control import Cancel
from release.git.command import Git
from release.git.remote import is_ancestor, relation, remote_refs, remote_tip
from release.programs.processes import Processes
from tests.support.programs.counting import Counting
from tests.support.releases.git import GitRepo


class TestRelations:
    @pytest.fixture
    def history(self, git_repo: GitRepo) -> dict[str, str]:
        first = git_repo.commit()
        second = git_repo.commit()
        git_repo.branch("side", first)
        side = git_repo.commit()
        return {"first": first, "second": second, "side": side, "none": "d" * 40}

    @pytest.mark.parametrize(
        ("held", "head", "expected"),
        [
            ("first", "first", "same"),
            ("first", "second", "ancestor"),
            ("second", "first", "descendant"),
            ("side", "second", "diverged"),
            ("none", "second", "unknown"),
        ],
    )
    def test_commits_are_same_ancestor_descendant_or_diverged_by_their_history(
        self, git_repo: GitRepo, history: dict[str, str], held: str, head: str, expected: str
    ) -> None:
        process = Processes(Cancel())
        assert (
            relation(Git(process, str(git_repo.path), git_repo.env), history[held], history[head]) == expected
        )

    def test_relation_of_two_commits_is_unknown_in_a_shallow_clone(
        self, git_repo: GitRepo, history: dict[str, str], tmp_path: Path
    ) -> None:
        git_repo.checkout("main")
        clone = git_repo.clone(tmp_path / "clone", "--depth=1", "--no-single-branch")
        process = Processes(Cancel())
        assert (
            relation(Git(process, str(clone.path), clone.env), history["side"], history["second"])
            == "unknown"
        )

    def test_text_that_is_not_a_commit_id_is_not_passed_to_git(self, git_repo: GitRepo) -> None:
        counting = Counting()
        head = git_repo.commit()
        assert is_ancestor(Git(counting, str(git_repo.path), git_repo.env), "--help", head) is None
        assert counting.started == []

    def test_branches_and_git_tags_of_the_remote_are_read(self, git_repo: GitRepo, tmp_path: Path) -> None:
        first = git_repo.commit()
        git_repo.tag("v1.0.0")
        git_repo.tag("light", annotated=False)
        clone = git_repo.clone(tmp_path / "clone", "--no-tags")
        second = git_repo.commit()
        process = Processes(Cancel())
        assert remote_tip(process, str(clone.path), "main", clone.env) == second
        assert remote_tip(process, str(clone.path), "none", clone.env) is None
        found = remote_refs(process, str(clone.path), clone.env, "origin")
        assert (found.state, found.heads) == ("answered", {"main": second})
        assert found.tags == {"v1.0.0": first, "light": first}

    def test_reading_the_refs_of_an_unreachable_remote_gives_refused_with_the_cause(
        self, git_repo: GitRepo, tmp_path: Path
    ) -> None:
        git_repo.commit()
        process = Processes(Cancel())
        found = remote_refs(process, str(git_repo.path), git_repo.env, "origin")
        assert (found.state, found.tags, "origin" in found.cause) == ("refused", {}, True)
        git_repo.git("remote", "add", "origin", str(tmp_path / "none"))
        assert remote_tip(process, str(git_repo.path), "main", git_repo.env) is None
