"""A disk in memory that enumerates the states which a power cut may leave.

`ModelFiles` does what `release.log.stores.syscalls.OsFiles` does, on a `Disk`. A killed process leaves the disk as
it is (the page cache survives); a power cut leaves one of `Disk.after_power_cut()`: unsynced bytes may be there,
partly there, zeros, or gone; a new name in a directory may be lost until the directory was synced.
"""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Callable, Iterator

from release.log.stores.syscalls import FileFacts

#: Ends of the names of files whose content does not matter to a log, so their loss is not enumerated.
_INDIFFERENT = (".lock", ".gitignore")


class Killed(BaseException):
    """Raised in a writer on a `Disk` to end it, as SIGKILL would."""


class Directory:
    def __init__(self) -> None:
        self.entries: dict[str, File | Directory] = {}
        self.durable: dict[str, File | Directory] = {}

    def sync(self) -> None:
        self.durable = dict(self.entries)


class File:
    def __init__(self) -> None:
        self.data = b""
        self.durable = b""
        self.unsynced: list[tuple[str, int, bytes]] = []
        self.locked_by: int | None = None

    def write(self, offset: int, data: bytes) -> None:
        self.data = _spliced(self.data, offset, data)
        self.unsynced.append(("write", offset, data))

    def truncate(self, size: int) -> None:
        self.data = self.data[:size].ljust(size, b"\0")
        self.unsynced.append(("truncate", size, b""))

    def sync(self) -> None:
        self.durable, self.unsynced = self.data, []

    def after_power_cut(self, sector: int) -> set[bytes]:
        """Return contents that a power cut may leave: unsynced sectors are old, new or zeros, or the size is less."""
        states, new = {self.durable}, self.durable
        for kind, offset, data in self.unsynced:
            new = new[:offset].ljust(offset, b"\0") if kind == "truncate" else _spliced(new, offset, data)
            states |= set(_mixed(self.durable, new, sector))
        return states


class Disk:
    """A disk in memory. `folders`: absolute paths of folders that exist and that no power cut loses."""

    def __init__(self, *folders: str) -> None:
        self.root = Directory()
        for folder in folders:
            here = self.root
            for name in _names(folder):
                here = here.entries.setdefault(name, Directory())  # type: ignore[assignment]  # no file among them
        for folder in ["/", *(str(path) for whole in folders for path in _parents(whole))]:
            found = self.find(folder)
            assert isinstance(found, Directory)
            found.sync()

    def find(self, path: str) -> File | Directory | None:
        here: File | Directory | None = self.root
        for name in _names(path):
            here = here.entries.get(name) if isinstance(here, Directory) else None
        return here

    def parent(self, path: str) -> Directory:
        found = self.find(os.path.dirname(path))
        if not isinstance(found, Directory):
            raise FileNotFoundError(path)
        return found

    def content(self, path: str) -> bytes | None:
        found = self.find(path)
        return found.data if isinstance(found, File) else None

    def put(self, path: str, data: bytes) -> None:
        """Create a file in the model disk that no power cut loses."""
        file = File()
        file.data = file.durable = data
        self.parent(path).entries[path.rpartition("/")[2]] = file
        self.parent(path).sync()

    def copy(self) -> Disk:
        return copy.deepcopy(self)

    def after_power_cut(self, sector: int) -> Iterator[Disk]:
        """Yield the disks that a power cut may leave. `sector`: bytes that are written together or not at all.

        The yielded disks share their files: `copy` a disk before a test writes to it.
        """
        for root in _remains(self.root, sector):
            disk = Disk()
            disk.root = root
            yield disk


def _remains(directory: Directory, sector: int) -> Iterator[Directory]:
    """Yield copies of `directory` as a power cut may leave it: without some unsynced names, with possible contents."""
    new = [name for name in directory.entries if name not in directory.durable]
    losable = [name for name in new if not name.endswith(_INDIFFERENT)]
    for lost in itertools.chain.from_iterable(
        itertools.combinations(losable, count) for count in range(len(losable) + 1)
    ):
        names = [name for name in directory.entries if name not in lost]
        for nodes in itertools.product(
            *(_node_remains(name, directory.entries[name], sector) for name in names)
        ):
            left = Directory()
            left.entries = dict(zip(names, nodes, strict=True))
            left.sync()
            yield left


def _node_remains(name: str, node: File | Directory, sector: int) -> list[File | Directory]:
    if isinstance(node, Directory):
        return list(_remains(node, sector))
    contents = [node.data] if name.endswith(_INDIFFERENT) else sorted(node.after_power_cut(sector))
    found: list[File | Directory] = []
    for content in contents:
        file = File()
        file.data = file.durable = content
        found.append(file)
    return found


def _mixed(old: bytes, new: bytes, sector: int) -> Iterator[bytes]:
    """Yield `new` with some sectors missing (old bytes, or zeros beyond the old end), and cut to shorter sizes."""
    yield new
    edges = sorted({*range(0, len(new), sector), len(new)})
    sectors = list(itertools.pairwise(edges))
    base = old[: len(new)].ljust(len(new), b"\0")
    changed = [number for number, (start, end) in enumerate(sectors) if new[start:end] != base[start:end]]

    def with_sectors(arrived: set[int]) -> bytes:
        parts = (
            (new if number in arrived or number not in changed else base)[start:end]
            for number, (start, end) in enumerate(sectors)
        )
        return b"".join(parts)

    for count in range(len(changed) + 1):
        yield with_sectors(set(changed[:count]))
        yield with_sectors(set(changed[count:]))
    for number in changed:
        yield with_sectors({number})
        yield with_sectors(set(changed) - {number})
    # Delayed allocation: the size grows with the blocks that were written.
    for end in (*edges, len(new) - 1):
        if len(old) < end < len(new):
            yield new[:end]


def _spliced(old: bytes, offset: int, data: bytes) -> bytes:
    return old[:offset].ljust(offset, b"\0") + data + old[offset + len(data) :]


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _parents(path: str) -> list[str]:
    names = _names(path)
    return ["/" + "/".join(names[: count + 1]) for count in range(len(names))]


class ModelFiles:
    """The port `release.log.stores.syscalls.Files` on `disk`. `before` is called before every change, sync and lock.

    `before` gets the operation's name and may raise `Killed`; for a `write` it may return the number of bytes that are
    written before the process is killed.
    """

    def __init__(self, disk: Disk, before: Callable[[str], int | None] = lambda operation: None) -> None:
        self.disk = disk
        self.before = before
        self._open: dict[int, tuple[File | Directory, str, bool]] = {}
        self._numbers = itertools.count(3)

    def open(
        self, path: str, *, create: bool, append: bool = False, exclusive: bool = False, mode: int = 0o666
    ) -> int:
        node = self.disk.find(path)
        if node is None:
            if not create:
                raise FileNotFoundError(path)
            self.before("create")
            node = self.disk.parent(path).entries[path.rpartition("/")[2]] = File()
        elif exclusive:
            raise FileExistsError(path)
        return self._opened(node, path, append)

    def open_read(self, path: str) -> int:
        node = self.disk.find(path)
        if node is None:
            raise FileNotFoundError(path)
        return self._opened(node, path, False)

    def open_folder(self, path: str) -> int:
        return self.open_read(path)

    def close(self, fd: int) -> None:
        if fd in self._open:  # else the process ended before: see `close_all`
            self.unlock(fd)
            del self._open[fd]

    def unlock(self, fd: int) -> None:
        node = self._open[fd][0]
        if isinstance(node, File) and node.locked_by == id(self) + fd:
            node.locked_by = None

    def close_all(self) -> None:
        """Close all files and release all locks, as the kernel does when a process ends."""
        for fd in list(self._open):
            self.close(fd)

    def path(self, fd: int) -> str:
        return self._open[fd][1]

    def facts(self, fd: int) -> FileFacts:
        file = self._file(fd)
        return FileFacts(device=1, inode=id(file), size=len(file.data))

    def facts_at(self, path: str) -> FileFacts | None:
        node = self.disk.find(path)
        return FileFacts(device=1, inode=id(node), size=len(node.data)) if isinstance(node, File) else None

    def read(self, fd: int, offset: int) -> Iterator[bytes]:
        if data := self._file(fd).data[offset:]:
            yield data

    def part(self, fd: int, offset: int, size: int) -> bytes:
        return self._file(fd).data[offset : offset + size]

    def start(self, fd: int) -> bytes:
        return self._file(fd).data[:200]

    def write(self, fd: int, data: bytes) -> int:
        file, appends = self._file(fd), self._open[fd][2]
        let_through = self.before("write")
        file.write(len(file.data) if appends else 0, data if let_through is None else data[:let_through])
        if let_through is not None:
            raise Killed
        return len(data)

    def rewrite(self, fd: int, data: bytes, offset: int) -> int:
        self.before("rewrite")
        self._file(fd).write(offset, data)
        return len(data)

    def truncate(self, fd: int, size: int) -> None:
        self.before("truncate")
        self._file(fd).truncate(size)

    def sync(self, fd: int) -> None:
        self.before("sync")
        self._open[fd][0].sync()

    def lock(self, fd: int) -> bool:
        self.before("lock")
        file = self._file(fd)
        if file.locked_by is not None:
            return False
        file.locked_by = id(self) + fd
        return True

    def make_directory(self, path: str) -> None:
        self.before("mkdir")
        self.disk.parent(path).entries.setdefault(path.rpartition("/")[2], Directory())

    def exists(self, path: str) -> bool:
        return self.disk.find(path) is not None

    def writable(self, path: str) -> bool:
        return True

    def network_filesystem(self, path: str) -> str | None:
        return None

    def _opened(self, node: File | Directory, path: str, append: bool) -> int:
        fd = next(self._numbers)
        self._open[fd] = (node, path, append)
        return fd

    def _file(self, fd: int) -> File:
        node = self._open[fd][0]
        assert isinstance(node, File)
        return node
