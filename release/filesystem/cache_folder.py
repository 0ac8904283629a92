"""Finds the folder where shipmark keeps state between runs, and makes sure that nobody else can write there.

The workspace is not safe: a pull request may have written all of it. The state lies in the user's cache folder, in one
folder for each repository, named by a hash of the user id and the real path of git's common folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from release.errors import ConfigError, RefusedError, ReleaseError
from release.filesystem.cache_lease import Unsafe, lease, open_own_folder
from release.filesystem.folders import open_folder, open_parent
from release.filesystem.workspace_paths import is_within

if TYPE_CHECKING:
    from collections.abc import Iterator

# Variables that name temporary folders of CI systems: GitHub and Gitea, Azure Pipelines, Jenkins.
_RUNNERS = ("RUNNER_TEMP", "AGENT_TEMPDIRECTORY", "WORKSPACE_TMP")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """The environment of a command. `workspace`: absolute; None outside of repositories.

    `repository`: the folder that the state belongs to: git's common folder, else the working directory. `private`: the
    run is not trusted, and gets a fresh folder. `warn`: prints a warning. `guard`: raises unless `.shipmark` in the
    workspace is shipmark's own; called if the cache lies in `.shipmark`. `wait`: sleeps; raises when cancelled.
    """

    env: Mapping[str, str]
    workspace: str | None
    repository: str
    private: bool
    warn: Callable[[str], None]
    guard: Callable[[], None] = lambda: None
    wait: Callable[[float], None] = time.sleep


class Cache:
    """A repository's folder at `path`. `root`: the cache folder; None for a temporary folder of this process."""

    def __init__(self, path: str, *, root: str | None = None, held: int | None = None) -> None:
        self.path = path
        self.root = root
        self._held = held

    def release(self) -> None:
        """Release the lease: other processes may delete the folder from now on."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def open_cache(around: Surroundings) -> Cache:
    """The repository's folder in the cache: created with mode 0700, owned by this user, leased until `release`.

    A temporary folder, removed when this process ends, if the run is private or no cache folder is usable. Raises
    `ConfigError` if there is no place for a temporary folder.
    """
    found = None if around.private else open_root(around)
    if found is None:
        return Cache(fresh_folder())
    key = repository_key(around.repository)
    path = os.path.join(found, key)
    try:
        return Cache(path, root=found, held=lease(found, key, around.wait))
    except (OSError, Unsafe, RefusedError) as error:
        around.warn(
            f"the cache folder `{path}` is not used: {_reason(error)}; nothing is kept for the next run"
        )
        return Cache(fresh_folder())


def open_root(around: Surroundings) -> str | None:
    """The cache folder, created if it is missing; None if there is no usable one.

    A candidate that cannot be created or written is skipped, unless SHIPMARK_CACHE_DIR names it. A candidate that is
    unsafe ends the search, with a warning.
    """
    for candidate, chosen in _candidates(around.env):
        path = os.path.abspath(candidate)
        try:
            return _opened_root(path, around, chosen=chosen)
        except (Unsafe, RefusedError) as error:
            around.warn(f"the cache folder `{path}` is not used: {error}; nothing is kept for the next run")
            return None
        except OSError as error:
            if chosen:
                around.warn(
                    f"the cache folder `{path}` cannot be used: {_reason(error)}; nothing is kept for the next run"
                )
                return None
    return None


def fresh_folder() -> str:
    """A temporary folder that is removed when this process ends. Raises `ConfigError` if none can be created."""
    import atexit
    import shutil
    import tempfile

    try:
        folder = tempfile.mkdtemp(prefix="shipmark-")
    except OSError as error:
        raise ConfigError(
            f"there is no folder for temporary files: {_reason(error)}",
            hint="set TMPDIR or SHIPMARK_CACHE_DIR to a folder that this user can write, on a disk with room",
        ) from error
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def repository_key(folder: str) -> str:
    """The name of a repository's folder in the cache. `folder`: git's common folder, which its worktrees share."""
    text = f"shipmark.cache/1\0{os.geteuid()}\0".encode() + os.fsencode(os.path.realpath(folder))
    return hashlib.sha256(text).hexdigest()


def _candidates(env: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """Candidates for the cache folder, best first; each with True if SHIPMARK_CACHE_DIR names it."""
    if named := env.get("SHIPMARK_CACHE_DIR"):
        yield named, True
        return
    # The XDG base directory specification: a relative path is invalid and ignored.
    if (xdg := env.get("XDG_CACHE_HOME", "")).startswith("/"):
        yield os.path.join(xdg, "shipmark"), False
    # In a container HOME often belongs to somebody else (GitHub's /github/home) or is missing.
    if (home := env.get("HOME", "")).startswith("/") and _is_ours(home):
        yield os.path.join(home, ".cache", "shipmark"), False
    for name in _RUNNERS:
        if (path := env.get(name, "")).startswith("/"):
            yield os.path.join(path, "shipmark-cache"), False


def _opened_root(path: str, around: Surroundings, *, chosen: bool) -> str:
    """Create the folder if it is missing, and check it. Raises `Unsafe`, and `OSError` if it cannot be created.

    `OSError` also if the folder cannot be written, or is in the workspace though SHIPMARK_CACHE_DIR does not name it.
    """
    workspace = around.workspace
    if workspace is not None and (
        is_within(path, workspace) or is_within(os.path.realpath(path), os.path.realpath(workspace))
    ):
        # HOME=$WORKSPACE is common. Outside of `.shipmark/` the cache would get into build contexts and commits.
        if not chosen:
            raise PermissionError(errno.EACCES, "the cache folder lies in the workspace", path)
        if not is_within(path, workspace):
            path, workspace = os.path.realpath(path), os.path.realpath(workspace)
        if not path.startswith(os.path.join(workspace, ".shipmark", "")):
            raise Unsafe("a cache folder in the workspace has to lie below `.shipmark/`")
        around.guard()
        _hide_from_git(workspace)
    else:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open_parent(path, workspace, make=True) as (parent, name), open_own_folder(parent, name) as folder:
        if not folder.can_write():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return path


def _hide_from_git(workspace: str) -> None:
    """Write `.shipmark/.gitignore`, as the version log does, so that the cache is not committed."""
    with open_folder(os.path.join(workspace, ".shipmark"), workspace, make=True) as folder:
        if folder.status(".gitignore") is None:
            with suppress(FileExistsError), open(folder.create(".gitignore", 0o666), "wb") as file:
                file.write(b"*\n")


def _is_ours(path: str) -> bool:
    try:
        return os.stat(path).st_uid == os.geteuid()
    except OSError:
        return False


def _reason(error: BaseException) -> str:
    if isinstance(error, ReleaseError):
        return error.message
    return (getattr(error, "strerror", None) or str(error)).lower()
