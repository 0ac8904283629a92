"""Finds the folders of a repository by git's own rules, without the cost of a git process.

The module also decides in which repositories git never runs. Tracked files of a workspace can form a bare repository
(`HEAD`, `objects`, `refs`, `config`), and git would run programs that its `config` names.

Source: gitrepository-layout(5), `core.worktree` and `safe.bareRepository` in git-config(1), and the discovery in
git's setup.c.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from release.errors import BareRepository, ConfigError, GitError
from release.filesystem.files import open_file, read_file
from release.git.failures import RUN_IN_A_CLONE, bare_repository
from release.lazy_pattern import pattern
from release.limits import GIT_POINTER_BYTES, GIT_SHALLOW_BYTES

# What git's `validate_headref` accepts as HEAD: a symbolic ref, or a commit id.
_HEAD = pattern(rb"ref:\s*refs/|[0-9a-fA-F]{40}")


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Folders of a repository. `root`: the top of the work tree. `git_dir`: the git folder of this work tree.

    `common_dir`: the git folder that all work trees share.
    """

    root: str
    git_dir: str
    common_dir: str

    def shallow_edge(self) -> frozenset[bytes]:
        """The commits whose parents the clone lacks (`git clone --depth`); empty if the history is complete.

        Raises `ConfigError` if the list is larger than `GIT_SHALLOW_BYTES`.
        """
        # gitrepository-layout(5): one commit id on each line.
        text = read_file(os.path.join(self.common_dir, "shallow"), limit=GIT_SHALLOW_BYTES)
        return frozenset((text or b"").split())


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """The result of git's search upwards: the top of a work tree (`root`, `git_dir`), or a bare repository.

    `git_dir` is empty for a bare repository, and if `.git` is a file that does not point to a repository: git stops at
    such a file with an error.
    """

    root: str = ""
    git_dir: str = ""
    bare: str = ""


def discover(directory: str, env: Mapping[str, str]) -> Discovery | None:
    """The repository that git finds at `directory` or above, or None. `env`: its variables may limit git's search."""
    folder = os.path.realpath(directory)
    ceilings = [os.path.realpath(path) for path in env.get("GIT_CEILING_DIRECTORIES", "").split(":") if path]
    crosses = env.get("GIT_DISCOVERY_ACROSS_FILESYSTEM", "").lower() in {"1", "true", "yes", "on"}
    device = _device(folder)
    while True:
        git_dir = _git_dir(folder)
        if git_dir is not None:
            return Discovery(root=folder, git_dir=git_dir)
        if is_git_folder(folder):
            return Discovery(bare=folder)
        parent = os.path.dirname(folder)
        # Git compares GIT_CEILING_DIRECTORIES with the parent: the starting folder itself is always searched.
        if parent == folder or parent in ceilings or not (crosses or _device(parent) == device):
            return None
        folder = parent


def top_folder(directory: str, env: Mapping[str, str]) -> str | None:
    """The top of the work tree that git would enter at `directory`, or None.

    Raises as `require_entry`, but not for a bare repository outside of work trees: some commands need no work tree.
    """
    found = discover(directory, env)
    if found is not None and (found.git_dir or _lies_in_a_work_tree(found.bare, env)):
        require_entry(directory, env)
    return found.root if found is not None and found.root else None


def require_entry(directory: str, env: Mapping[str, str]) -> None:
    """Raise `BareRepository` in a bare repository, `GitError` if a stranger may have written the `config` git reads."""
    found = discover(directory, env)
    if found is None:
        return  # the git command fails then, and says whether the folder or the repository is missing
    if found.bare:
        raise _bare(directory, found.bare, env)
    if found.git_dir:
        _require_own(found)


def find_places(directory: str, env: Mapping[str, str], worktree: str | None = None) -> Places:
    """The folders of the repository around `directory`. `worktree`: the value of `core.worktree`, if set.

    Raises `GitError` if there is no repository with a work tree.
    """
    found = discover(directory, env)
    if found is None or not found.git_dir:
        raise GitError(
            f"there is no `.git` of a repository at `{directory}`, or in a folder above",
            hint=RUN_IN_A_CLONE,
        )
    root = found.root if worktree is None else os.path.realpath(_join(found.git_dir, worktree))
    return Places(root=root, git_dir=found.git_dir, common_dir=_common(found.git_dir))


def is_git_folder(path: str) -> bool:
    """Whether git accepts the folder `path` as a repository: checks `HEAD`, `objects`, `refs` like git's setup.c."""
    if not _is_head(os.path.join(path, "HEAD")):
        return False
    common = _common(path)
    return all(os.access(os.path.join(common, name), os.X_OK) for name in ("objects", "refs"))


def _bare(directory: str, bare: str, env: Mapping[str, str]) -> BareRepository:
    outer = _lies_in_a_work_tree(bare, env)
    if outer:
        return BareRepository(
            f"`{directory}` is in a bare repository, `{bare}`, that lies in the work tree `{outer}`; "
            "shipmark never enters one, because its `config` could run any program",
            hint=f"run in `{outer}`, or name another folder of it with `-C`",
        )
    return bare_repository(directory)


def _lies_in_a_work_tree(bare: str, env: Mapping[str, str]) -> str:
    """The work tree around a bare repository; empty if there is none, and inside a folder called `.git`."""
    if not bare or ".git" in bare.split("/"):
        return ""
    outer = discover(os.path.dirname(bare), env)
    return outer.root if outer is not None else ""


def _require_own(found: Discovery) -> None:
    """Raise `GitError` if `.git` is a file or symlink that leads into another repository's work tree.

    Git makes `.git` files for submodules and linked work trees. Files that git made lead into a folder called `.git`,
    which a commit cannot contain, or to a bare repository outside of work trees.
    """
    own = os.path.realpath(_common(found.git_dir))
    for target in (os.path.realpath(found.git_dir), own):
        folder = "/" if ".git" in target.split("/") else target
        while (parent := os.path.dirname(folder)) != folder:
            folder = parent
            inner = _git_dir(folder)
            if inner is not None and os.path.realpath(_common(inner)) != own:
                raise GitError(
                    f"`{found.root}/.git` leads to `{target}`, which lies among the files of the repository at "
                    f"`{folder}`; shipmark does not enter it, because its `config` could run any program",
                    hint=f"remove `{found.root}/.git`, or clone the repository to another folder",
                )


def _git_dir(folder: str) -> str | None:
    """The git folder of a work tree with top `folder`; None without `.git`; "" if git would stop with an error."""
    path = os.path.join(folder, ".git")
    if os.path.isfile(path):
        pointer = _read(path)
        target = _join(folder, pointer.removeprefix("gitdir: ")) if pointer.startswith("gitdir: ") else ""
        return target if target and is_git_folder(target) else ""
    return path if is_git_folder(path) else None


def _common(git_dir: str) -> str:
    return _join(git_dir, _read(os.path.join(git_dir, "commondir")))


def _is_head(path: str) -> bool:
    try:
        if os.path.islink(path):
            return os.readlink(path).startswith("refs/")
        # HEAD is one short line; git's `validate_headref` has a buffer of 256 bytes too.
        with open_file(path) as file:
            text = file.read(256) or b""
            # A branch, as git writes it, needs no regular expression.
            return text.startswith(b"ref: refs/") or _HEAD.match(text) is not None
    except (ConfigError, OSError):
        return False


def _read(path: str) -> str:
    """The file's text without its line end; empty if it is missing, unreadable, too large, or not a regular file."""
    try:
        content = read_file(path, limit=GIT_POINTER_BYTES) or b""
    except (ConfigError, OSError):
        return ""
    return content.decode("utf-8", "surrogateescape").rstrip("\r\n")


def _join(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))


def _device(path: str) -> int | None:
    try:
        return os.stat(path).st_dev
    except OSError:
        return None
