"""Files that are written under a temporary name and get their own when they are whole."""

from __future__ import annotations

import os
from contextlib import suppress
from types import TracebackType
from typing import IO, Self, cast

from release.filesystem.folders import OpenFolder

#: For content that only its owner may read: plans, parked facts, logs' put-aside tails.
PRIVATE = 0o600
#: How temporary names start; a layout removes old ones that a killed process left.
PARTIAL = ".partial-"


class NewFile:
    """A new file in `folder`, for whoever writes `stream`, until `place` gives it its name or `discard` removes it.

    mode: before the umask. readable: `stream` can be read as well.
    """

    def __init__(self, folder: OpenFolder, *, mode: int = PRIVATE, readable: bool = False) -> None:
        self._folder = folder.twin()
        self._gone = False  # from under its temporary name
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
        """Give the file its name, in `into` or where it is: whole, at once, in place of what has that name.

        mode: permission bits, whatever the umask; a file that is replaced hands on its own. durable: only once the
        content is on the disk. replace: False keeps what is there. Raises `RefusedError` for what is not a regular
        file, and `OSError`.
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
        """Whether `name` is there now. A link fails where a rename would replace."""
        try:
            self._folder.link(self.name, target, name)
        except FileExistsError:
            return True
        except OSError:
            # Some file systems have no links.
            return target.status(name) is not None
        return True

    def discard(self, *, close: bool = True) -> None:
        """Remove the file unless it is placed. close: its stream, too."""
        if self._gone:
            return
        if close:
            # On a full disk closing fails as well: what was buffered cannot be written.
            with suppress(OSError):
                self.stream.close()
        with suppress(OSError):
            self._folder.remove(self.name)
        self._gone = True
        self._folder.close()


def scratch_file(folder: OpenFolder) -> IO[bytes]:
    """A file without a name in `folder`, to write and to read again; its space is free when it is closed."""
    new = NewFile(folder, readable=True)
    new.discard(close=False)
    return new.stream
