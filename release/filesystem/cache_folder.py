"""Finds the folder where shipmark keeps state between runs, and makes sure that nobody else can write there.

The workspace is not safe: a pull request may have written all of it. The state lies in the user's cache folder, in one
folder for each repository, named by a hash of the user id and the real path of git's common folder. A process that uses
a repository's folder holds a shared lock on its file `lease`; a process that deletes the folder locks it exclusively.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from release.errors import ConfigError, RefusedError, ReleaseError
from release.filesystem.folders import OpenFolder, open_folder, open_parent
from release.filesystem.workspace_paths import is_within

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Name of the lock file in a repository's folder.
LEASE = "lease"
# Permission bits with which group or others could create files in the folder, such as forged cache entries.
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# Variables that name temporary folders of CI systems: GitHub and Gitea, Azure Pipelines, Jenkins.
_RUNNERS = ("RUNNER_TEMP", "AGENT_TEMPDIRECTORY", "WORKSPACE_TMP")
# Seconds between two attempts to lock the lease. A deletion usually holds the lock for less than a second; a longer
# pause would delay the start of a command, a shorter one would burn CPU time.
_PAUSE = 0.05
# Seconds to wait for the lease, for deletions of many files on a slow disk. Then a temporary folder is used, which
# costs only a cold cache.
_PATIENCE = 30.0


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


class Unsafe(Exception):
    """Somebody else could have written to the folder. Caught in this module."""


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
            hint="set TMPDIR or SHIPMARK_CACHE_DIR to a folder that this user can write",
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
    with open_parent(path, workspace, make=True) as (parent, name), _opened(parent, name) as folder:
        if not folder.can_write():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return path


def _hide_from_git(workspace: str) -> None:
    """Write `.shipmark/.gitignore`, as the version log does, so that the cache is not committed."""
    with open_folder(os.path.join(workspace, ".shipmark"), workspace, make=True) as folder:
        if folder.status(".gitignore") is None:
            with suppress(FileExistsError), open(folder.create(".gitignore", 0o666), "wb") as file:
                file.write(b"*\n")


def _opened(parent: OpenFolder, name: str) -> OpenFolder:
    """A folder that only this user can write, created if it is missing. Raises `Unsafe`, `OSError`."""
    try:
        folder = parent.folder(name, make=True, mode=0o700)
    except RefusedError as error:
        raise Unsafe(error.message) from error
    found = folder.own_status()
    reason = None
    if found.st_uid != os.geteuid():
        reason = f"it belongs to user id {found.st_uid}, not to this user"
    elif found.st_mode & _OTHERS_WRITE:
        reason = f"others may write there (`chmod go-w {folder.path}` helps)"
    if reason is not None:
        folder.close()
        raise Unsafe(reason)
    return folder


def lease(root: str, key: str, wait: Callable[[float], None] = time.sleep) -> int:
    """Create the repository's folder in `root`, and return the locked descriptor of its lease.

    Raises `Unsafe`, `OSError`; `TimeoutError` if a deletion holds the lock longer than `_PATIENCE`.
    """
    end = time.monotonic() + _PATIENCE
    with open_folder(root, None) as above:
        while time.monotonic() < end:
            with _opened(above, key) as folder:
                folder.chmod(0o700)
                held = _locked(folder, fcntl.LOCK_SH)
                if held is None:
                    wait(_PAUSE)
                elif _is_still(above, key, folder.own_status()) and _is_still(folder, LEASE, os.fstat(held)):
                    os.utime(held)  # the time of the last use, by which `cache_limit` deletes folders
                    return held
                else:
                    os.close(held)  # deleted between opening and locking: create it again
    raise TimeoutError(errno.ETIMEDOUT, "another process is deleting the repository's folder", root)


@contextmanager
def alone(above: OpenFolder, key: str) -> Iterator[OpenFolder | None]:
    """A repository's folder, locked exclusively for the body.

    None if a process uses the folder, or the folder has no lease or cannot be opened.
    """
    held = folder = None
    try:
        with suppress(OSError, RefusedError):
            folder = above.folder(key)
            # Without a lease the folder may belong to somebody else: leave it alone.
            if folder.status(LEASE) is not None:
                held = _locked(folder, fcntl.LOCK_EX)
        yield folder if held is not None else None
    finally:
        if held is not None:
            os.close(held)
        if folder is not None:
            folder.close()


def _locked(folder: OpenFolder, kind: int) -> int | None:
    """The descriptor of the lease with a lock of this `kind` (of flock(2)); None if other processes hold the lock."""
    held = folder.open(LEASE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    except BaseException:
        os.close(held)
        raise
    return held


def _is_still(folder: OpenFolder, name: str, opened: os.stat_result) -> bool:
    found = folder.status(name)
    return found is not None and os.path.samestat(found, opened)


def _is_ours(path: str) -> bool:
    try:
        return os.stat(path).st_uid == os.geteuid()
    except OSError:
        return False


def _reason(error: BaseException) -> str:
    if isinstance(error, ReleaseError):
        return error.message
    return (getattr(error, "strerror", None) or str(error)).lower()
