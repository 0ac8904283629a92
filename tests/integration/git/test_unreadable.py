"""A repository that exists, and that this user may not read."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo
from tests.support.services.required import program


@pytest.mark.parametrize("folder", [".", "sub"])
@pytest.mark.parametrize("part", [".git", ".git/HEAD", ".git/refs", ".git/objects"])
def test_unreadable_repository_is_not_called_missing(
    git_repo: GitRepo, shipmark: Shipmark, part: str, folder: str
) -> None:
    git_repo.commit(files={"sub/file": "x"})
    (git_repo.path / part).chmod(0)
    # Root reads every file, unless the program that it starts has lost that right.
    bound = [program("setpriv"), "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*bound, *shipmark.argv, "tags", "--image", "ghcr.io/acme/app"],
        cwd=git_repo.path / folder,
        env=shipmark.env,
        capture_output=True,
        text=True,
        check=False,
    )
    (git_repo.path / part).chmod(0o700)
    assert done.returncode == 3
    assert f"the git repository at `{git_repo.path}/.git` cannot be read: permission denied" in done.stderr
    assert "git init" not in done.stderr
