"""Refuses a `.shipmark` folder in the workspace that somebody else may have prepared.

A pull request can contain a `.shipmark` folder, which after the checkout looks like the one that shipmark makes. So
shipmark neither reads nor writes the folder if, for example, it is a symlink, belongs to a third user, or holds files
that git tracks.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Mapping

from release.errors import ConfigError, GitError, RefusedError
from release.filesystem.files import open_file
from release.git.command import Git
from release.git.repository import find_places
from release.ports import Process

NAME = ".shipmark"
# Versions of git's index file that store whole paths (gitformat-index(5)). Version 4 shortens paths.
_VERSIONS = (2, 3)


def require_own_folder(process: Process, root: str, env: Mapping[str, str]) -> None:
    """Raise `RefusedError` if somebody else may have made `.shipmark` in `root`, the work tree's absolute path.

    Costs one lstat if there is no such folder. A git process runs only if git's index file may contain the folder's
    name.
    """
    path = os.path.join(root, NAME)
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISLNK(found.st_mode):
        raise _refused("is a symlink", f"remove it: `rm {NAME}`")
    if not stat.S_ISDIR(found.st_mode):
        raise _refused("is not a folder", f"remove it: `rm {NAME}`")
    if found.st_uid not in (os.geteuid(), os.stat(root).st_uid):
        raise _refused(
            f"belongs to user id {found.st_uid}, neither to this user nor to the workspace's owner",
            f"change its owner: `chown -R {os.geteuid()} {NAME}`",
        )
    if NAME not in os.listdir(root):
        raise _refused(
            "exists here under another spelling (the file system ignores case)", "rename that folder"
        )
    tracked = _tracked(process, root, env)
    if tracked is not None:
        raise _refused(
            f"holds files that git tracks (`{tracked}`), so that others can write it",
            f"`git rm -r --cached {NAME}` and commit, then delete in it what you did not make yourself",
        )
    _require_ignore_file(path)


def _require_ignore_file(folder: str) -> None:
    try:
        found = os.lstat(os.path.join(folder, ".gitignore"))
    except OSError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise _refused("holds a `.gitignore` that is not a regular file", f"remove `{NAME}/.gitignore`")


def _tracked(process: Process, root: str, env: Mapping[str, str]) -> str | None:
    """A tracked path at or below `.shipmark` (the folder itself if it is a submodule), or None."""
    try:
        git_dir = find_places(root, env).git_dir
    except GitError:
        return None  # not a repository
    if not _may_hold_name(git_dir):
        return None
    listed = Git(process, root, env).read("ls-files", "-z", "--", f":(top,literal){NAME}")
    first, _, _ = listed.partition(b"\0")
    return first.decode("utf-8", "backslashreplace") or None


def _may_hold_name(git_dir: str) -> bool:
    """Whether git's index may contain the path `.shipmark`. True if the index cannot be searched.

    The file is searched as bytes, because a git process would take longer than all other checks. Source:
    gitformat-index(5). Versions 2 and 3 of git's index format contain whole paths; a split index has some paths in
    `sharedindex.*`.
    """
    try:
        if any(name.startswith("sharedindex.") for name in os.listdir(git_dir)):
            return True
        with (
            open_file(os.path.join(git_dir, "index")) as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as index,
        ):
            if index[:4] != b"DIRC" or int.from_bytes(index[4:8], "big") not in _VERSIONS:
                return True
            name = NAME.encode()
            return any(index.find(name + end) >= 0 for end in (b"/", b"\0"))
    except (ConfigError, OSError, ValueError):
        return True


def _refused(reason: str, hint: str) -> RefusedError:
    return RefusedError(f"`{NAME}` {reason}", hint=hint)
