"""A private folder for one build, next to the content store: the context, the Dockerfile and the image that comes back.

BuildKit transfers only what changed since the last build from the same path, so the folder's name stays the same from
build to build. A build that runs at the same time gets a folder of its own. The next build removes folders that a
killed process left.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from release.errors import BuildError
from release.filesystem.files import write_hint

#: The place of these folders, in hints.
CACHE_FOLDER = "the cache folder (SHIPMARK_CACHE_DIR)"
_LOCK = ".lock"


def not_prepared(error: OSError, folder: str) -> BuildError:
    """The error for a build whose files cannot be written to a folder in `folder`."""
    # A failed write(2) names no file.
    return BuildError(
        f"the build cannot be prepared: {error.strerror or error}: `{error.filename or folder}`",
        hint=write_hint(error, f"check the space and the rights of {CACHE_FOLDER}"),
    )


def remove_tree(path: str) -> None:
    """Remove a folder and its content. Errors are ignored, and a missing folder is not an error."""
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def working_folder(parent: str, name: str, *, remove: Callable[[str], None] = remove_tree) -> Iterator[str]:
    """An empty folder `name` in `parent`, locked for the body and removed after it. Raises `OSError`.

    While another process has locked `name`, the folder gets a random name. `remove`: removes a folder, which
    need not exist.
    """
    _remove_abandoned(parent, remove)
    path = os.path.join(parent, name)
    while (held := _lock(path)) is None:
        path = os.path.join(parent, os.urandom(8).hex())
    try:
        remove(path)
        os.mkdir(path, 0o700)
        yield path
    finally:
        remove(path)
        # The file is removed before its lock ends: a process that opened it meanwhile compares it with the file at this
        # path, sees that it is another one, and locks anew.
        with suppress(OSError):
            os.unlink(path + _LOCK)
        os.close(held)
        with suppress(OSError):
            os.rmdir(parent)


def _lock(path: str) -> int | None:
    """The descriptor of the folder's lock; None while another process has it."""
    # Repeated while the parent folder or the lock file is removed between two calls: each removal means that another
    # process has ended, so the loop ends.
    while True:
        try:
            descriptor = os.open(path + _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            # The parent folder does not exist yet, or the last process that used it has removed it.
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), os.lstat(path + _LOCK)):
                return descriptor
        os.close(descriptor)  # the previous owner removed the lock file between our open(2) and our flock(2)


def _remove_abandoned(parent: str, remove: Callable[[str], None]) -> None:
    """Remove the folders whose lock no process holds, because their processes were killed."""
    try:
        entries = os.listdir(parent)
    except FileNotFoundError:
        return
    for entry in entries:
        path = os.path.join(parent, entry.removesuffix(_LOCK))
        if not entry.endswith(_LOCK) or (held := _lock(path)) is None:
            continue
        remove(path)
        with suppress(OSError):
            os.unlink(path + _LOCK)
        os.close(held)
