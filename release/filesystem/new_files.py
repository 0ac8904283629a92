"""Writes files under a temporary name and renames them when they are complete."""

from __future__ import annotations

import os
from contextlib import suppress
from types import TracebackType
from typing import IO, Self, cast

from release.filesystem.folders import OpenFolder

#: Mode of files that only their owner may read and write: they can hold private names, such as those of registries
#: (plans, facts that could not be recorded, tails of logs that were put aside).
PRIVATE = 0o600
#: Prefix of temporary file names. By this prefix a layout finds temporary files that killed processes left.
PARTIAL = ".partial-"


class NewFile:
    """A new file in `folder` with a temporary name, written through `stream`. `place` renames it; `discard` removes it.

    `mode`: before the umask. `readable`: `stream` can be read too.
    """

    def __init__(self, folder: OpenFolder, *, mode: int = PRIVATE, readable: bool = False) -> None:
        self._folder = folder.twin()
        self._gone = False  # whether the temporary name was renamed or removed
        #: The temporary name.
        self.name = f"{PARTIAL}{os.urandom(8).hex()}"
        try:
            descriptor = self._folder.create(self.name, mode)
        except BaseException:
            self._folder.close()
            raise
        self.stream = cast(IO[bytes], os.fdopen(descriptor, "w+b" if readable else "wb"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def place(
        self,
        name: str,
        *,
        into: OpenFolder | None = None,
        mode: int | None = None,
        durable: bool = False,
        replace: bool = True,
    ) -> None:
        """Rename the file to `name` (in `into`, else in its own folder), atomically replacing a file there.

        `mode`: permission bits, regardless of the umask; the mode of a replaced file is kept. `durable`: fsync the
        content first. `replace`: False keeps an existing file, and discards the new one. Raises `RefusedError` if
        `name` exists
        and is not a regular file, and `OSError`.
        """
        target = into or self._folder
        kept = target.mode_at(name)
        if (wanted := mode if kept is None else kept) is not None:
            os.fchmod(self.stream.fileno(), wanted)
        self.stream.flush()
        if durable:
            os.fsync(self.stream.fileno())
        self.stream.close()
        if replace or not self._linked(target, name):
            self._folder.rename(self.name, target, name)
            self._gone = True
            self._folder.close()
        else:
            self.discard()

    def _linked(self, target: OpenFolder, name: str) -> bool:
        """Link the file to `name` unless that exists; a rename would replace it. Returns whether `name` exists then."""
        try:
            self._folder.link(self.name, target, name)
        except FileExistsError:
            return True
        except OSError:
            # The file system has no hard links. `place` then renames the file, unless `name` exists.
            return target.status(name) is not None
        return True

    def discard(self, *, close: bool = True) -> None:
        """Remove the file unless it was placed. `close`: also close its stream."""
        if self._gone:
            return
        if close:
            # On a full disk closing fails too, because the buffer cannot be written.
            with suppress(OSError):
                self.stream.close()
        with suppress(OSError):
            self._folder.remove(self.name)
        self._gone = True
        self._folder.close()


def scratch_file(folder: OpenFolder) -> IO[bytes]:
    """An unnamed temporary file on the disk of `folder`, for writing and reading. Closing the file frees its space."""
    new = NewFile(folder, readable=True)
    new.discard(close=False)
    return new.stream
