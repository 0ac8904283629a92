"""Opens a repository's folder in the cache for this user alone, and locks its file `lease` while the folder is used.

A process that uses the folder holds a shared lock; a process that deletes the folder holds an exclusive one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from release.errors import RefusedError
from release.filesystem.folders import OpenFolder, open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Name of the lock file in a repository's folder.
LEASE = "lease"
# Permission bits with which group or others could create files in the folder, such as forged cache entries.
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# Seconds between two attempts to lock the lease. A deletion usually holds the lock for less than a second; a longer
# pause would delay the start of a command, a shorter one would burn CPU time.
_PAUSE = 0.05
# Seconds to wait for the lease, for deletions of many files on a slow disk. Then a temporary folder is used, which
# costs only a cold cache.
_PATIENCE = 30.0


class Unsafe(Exception):
    """Somebody else could have written to the folder. `cache_folder` catches this."""


def open_own_folder(parent: OpenFolder, name: str) -> OpenFolder:
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
            with open_own_folder(above, key) as folder:
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
