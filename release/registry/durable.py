"""Having content survive a power cut, before something that is read first names it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable


def keep_files(paths: Iterable[str]) -> None:
    """Wait until the content of files is on the disk; quick where it is there already. Raises `OSError`."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def keep_names(folders: Iterable[str]) -> None:
    """Wait until the names in folders are on the disk, where the file system can do that."""
    for folder in folders:
        with contextlib.suppress(OSError):
            keep_files((folder,))
