"""Opens files that were listed before; a symlink that was put in a file's place meanwhile is not followed."""

from __future__ import annotations

import io
import os
import stat

from release.compression.entries import HostFile
from release.errors import BuildError, RefusedError
from release.filesystem.folders import open_parent
from release.hints import MAKE_READABLE

# O_NOFOLLOW: a symlink may have replaced the listed file. O_NONBLOCK: opening a pipe would wait for a writer. O_NOCTTY:
# a terminal would become the controlling terminal. O_CLOEXEC: child processes do not inherit the descriptor.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_host_file(content: HostFile) -> io.FileIO:
    """Open the listed file. Raises `BuildError` if it is not readable, or its path no longer leads to a regular file.
    A new regular file at the path is accepted only if `root` is set and no symlink below `root` leads to it.
    """
    try:
        file = io.FileIO(os.open(content.path, _FLAGS))
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode) and content.inode in (None, (found.st_dev, found.st_ino)):
            return file
        file.close()
        if content.root is None or not stat.S_ISREG(found.st_mode):
            raise changed(content.path)
        # The inode differs for three reasons: a new file has the same name, the file system has no stable inode
        # numbers, or a folder on the way became a symlink. Opening folder by folder refuses only the symlink.
        with open_parent(content.path, content.root) as (folder, name):
            return folder.read(name)
    except RefusedError as error:
        raise changed(content.path) from error
    except OSError as error:
        raise BuildError(
            f"`{content.path}` cannot be read: {error.strerror}",
            hint=MAKE_READABLE,
        ) from error


def changed(path: str) -> BuildError:
    """The error for a file that changed after it was listed."""
    return BuildError(
        f"`{path}` changed while it was read", hint="let nothing write to the context during a build"
    )
