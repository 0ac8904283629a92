"""`-C` does not lead through a symlink of a repository out of that repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.app.workspace import open_workspace
from release.errors import RefusedError
from tests.support.programs.environment import scrubbed
from tests.support.releases.git import GitRepo


@pytest.fixture
def repository(git_repo: GitRepo, tmp_path: Path) -> GitRepo:
    """Give a repository with symlinks: to another one, to a folder beside it, and to a folder in it."""
    git_repo.commit("first", files={"inside/file": "x", "deeper/file": "x"})
    (tmp_path / "beside").mkdir()
    (git_repo.path / "out").symlink_to(tmp_path / "beside")
    (git_repo.path / "deeper" / "chain").symlink_to("../out")
    (git_repo.path / "within").symlink_to("inside")
    (tmp_path / "way-in").symlink_to(git_repo.path)
    return git_repo


@pytest.mark.parametrize("directory", ["out", "out/.", "deeper/chain", "deeper/../out"])
def test_working_folder_behind_a_symlink_out_of_the_repository_is_refused(
    repository: GitRepo, tmp_path: Path, directory: str
) -> None:
    for given in (f"{repository.path}/{directory}", f"{tmp_path}/way-in/{directory}"):
        with pytest.raises(RefusedError, match="is a symlink out of the repository") as refused:
            _ = open_workspace(given, env=scrubbed(tmp_path)).root
        assert str(refused.value.hint).endswith(f"`-C {tmp_path}/beside`")


@pytest.mark.parametrize("directory", ["within", "inside", "../way-in", "../way-in/within", "../beside"])
def test_symlinks_within_a_repository_and_outside_of_one_are_followed(
    repository: GitRepo, tmp_path: Path, directory: str
) -> None:
    assert open_workspace(f"{repository.path}/{directory}", env=scrubbed(tmp_path)).root
