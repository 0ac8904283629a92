"""Repositories of which no snapshot can be taken, and the hint of each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from release.errors import BareRepository, DubiousOwnership, GitError, NoCommits, NoRepository
from tests.support.releases.git import GitRepo
from tests.support.releases.snapshots import at_head, base, read


class TestRefusals:
    def test_folder_outside_of_a_repository_is_an_error_with_a_hint(
        self, git_repo: GitRepo, tmp_path: Path
    ) -> None:
        (tmp_path / "plain").mkdir()
        with pytest.raises(NoRepository, match="no git repository") as caught:
            read(git_repo, tmp_path / "plain")
        assert caught.value.hint is not None

    def test_snapshot_of_a_missing_folder_is_an_error(self, git_repo: GitRepo, tmp_path: Path) -> None:
        with pytest.raises(NoRepository, match="no folder"):
            read(git_repo, tmp_path / "none")

    def test_git_ceiling_directories_limits_the_search(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={"a/b": "b"})
        with pytest.raises(NoRepository):
            read(git_repo, git_repo.path / "a", env={"GIT_CEILING_DIRECTORIES": str(git_repo.path)})

    def test_snapshot_of_a_branch_without_a_commit_is_an_error(self, git_repo: GitRepo) -> None:
        with pytest.raises(NoCommits, match="`main` has no commit"):
            read(git_repo)
        git_repo.commit()
        git_repo.git("checkout", "--quiet", "--orphan", "fresh")
        with pytest.raises(NoCommits, match="`fresh` has no commit"):
            read(git_repo)

    def test_snapshot_of_a_bare_repository_is_an_error(self, git_repo: GitRepo, tmp_path: Path) -> None:
        git_repo.commit()
        git_repo.clone(tmp_path / "bare.git", "--bare")
        with pytest.raises(BareRepository, match="without a work tree"):
            read(git_repo, tmp_path / "bare.git")

    def test_snapshot_of_the_folder_dot_git_is_an_error(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        with pytest.raises(BareRepository):
            read(git_repo, git_repo.path / ".git")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
    def test_repository_of_another_user_is_an_error_unless_it_is_a_safe_directory(
        self, git_repo: GitRepo
    ) -> None:
        git_repo.commit()
        for path in (git_repo.path, git_repo.path / ".git"):
            os.chown(path, 12345, 12345)
        with pytest.raises(DubiousOwnership) as caught:
            read(git_repo)
        assert caught.value.hint == f"`git config --global --add safe.directory {git_repo.path}`"
        trusted = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": str(git_repo.path),
        }
        assert read(git_repo, env=trusted).branch == "main"

    def test_missing_git_object_is_an_error_with_a_hint(self, git_repo: GitRepo) -> None:
        head = git_repo.commit(files={"a": "a"})
        (git_repo.path / ".git" / "objects" / head[:2] / head[2:]).unlink()
        with pytest.raises(GitError) as caught:
            read(git_repo)
        assert type(caught.value) is GitError
        assert "git fsck" in (caught.value.hint or "")

    def test_partial_clone_without_the_tree_of_head_is_an_error_with_the_command_that_fetches_it(
        self, git_repo: GitRepo, tmp_path: Path
    ) -> None:
        git_repo.commit(files={"a": "a"})
        git_repo.git("config", "uploadpack.allowFilter", "true")
        with pytest.raises(GitError, match="objects that this partial clone lacks") as caught:
            read(git_repo.clone(tmp_path / "clone", "--filter=tree:0", "--no-checkout"))
        assert "run `git status` in it once" in (caught.value.hint or "")

    def test_broken_ref_does_not_hide_other_tags(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        (git_repo.path / ".git" / "refs" / "tags" / "bad.txt").touch()
        assert at_head(read(git_repo)) == ["v1.0.0"]
        git_repo.commit()
        assert base(read(git_repo)) == ("v1.0.0", 1)

    @pytest.mark.parametrize("seconds", ["253402300800", "9223372036854775807", "18446744073709551615", "-5"])
    def test_impossible_commit_date_is_an_error_with_a_hint(self, git_repo: GitRepo, seconds: str) -> None:
        """Git stores a commit object with any text as its date."""
        git_repo.commit()
        person = f"A <a@b> {seconds} +0000"
        text = f"tree {git_repo.git('write-tree')}\nauthor {person}\ncommitter {person}\n\nm\n"
        commit = git_repo.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=text)
        git_repo.git("reset", "--quiet", "--hard", commit)
        with pytest.raises(GitError, match="as its date") as caught:
            read(git_repo)
        assert caught.value.hint == "`git commit --amend --date=now` writes a new date"

    @pytest.mark.parametrize(
        ("env", "hint"),
        [
            ({"GIT_CONFIG_COUNT": "many"}, "correct or unset the variables `GIT_CONFIG_…`"),
            ({"GIT_CONFIG_COUNT": "1"}, "correct or unset the variables `GIT_CONFIG_…`"),
            (
                {
                    "GIT_CONFIG_COUNT": "1",
                    "GIT_CONFIG_KEY_0": "core.excludesFile",
                    "GIT_CONFIG_VALUE_0": "~nobody-of-that-name/x",
                },
                "`git config --list --show-origin`",
            ),
        ],
    )
    def test_hint_about_a_wrong_setting_names_the_setting_and_not_the_repository(
        self, git_repo: GitRepo, env: dict[str, str], hint: str
    ) -> None:
        git_repo.commit()
        with pytest.raises(GitError, match="`git status` failed") as caught:
            read(git_repo, env=git_repo.env | env)
        assert hint in (caught.value.hint or "")

    def test_git_without_execute_permission_is_an_error(self, git_repo: GitRepo, tmp_path: Path) -> None:
        git_repo.commit()
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "git").write_text("#!/bin/sh\n")
        (tmp_path / "bin" / "git").chmod(0o644)
        with pytest.raises(GitError, match="may not be used"):
            read(git_repo, env={"PATH": str(tmp_path / "bin")})

    def test_missing_git_program_is_an_error(self, git_repo: GitRepo, tmp_path: Path) -> None:
        git_repo.commit()
        with pytest.raises(GitError, match="`git` was not found"):
            read(git_repo, env={"PATH": str(tmp_path)})
