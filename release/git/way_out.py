"""Refuses a working folder behind a symlink in a repository that leads out of the repository.

The workspace is not ours: a pull request can put a symlink in the place of the folder that `-C` names in a CI file.
Git and shipmark would then read and write another repository, which the job did not mean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from release.errors import RefusedError
from release.filesystem.workspace_paths import is_within
from release.git.repository import discover


def require_no_way_out(path: str, env: Mapping[str, str]) -> None:
    """Raise `RefusedError` if a symlink on the way to `path` lies in a work tree and leads out of it.

    `path`: absolute. Symlinks outside of work trees belong to the user, and those that stay in one are harmless.
    """
    here = "/"
    for name in path.split("/"):
        link = os.path.join(here, name)
        if not os.path.islink(link):
            here = link
            continue
        target, found = os.path.realpath(link), discover(here, env)
        if found is not None and found.root and not is_within(target, found.root):
            raise RefusedError(
                f"`{link}` is a symlink out of the repository at `{found.root}`, and shipmark does not go through it",
                hint=f"if you mean the folder behind it, name that one: `-C {target}`",
            )
        here = target
