"""The system calls of the file store, behind one small object so that tests can record, fail and reorder them."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from typing import Protocol

import msgspec

from release.filesystem.folders import open_parent

# Bytes of one pread(2).
# Must exceed `LINE_LIMIT`, because `FileStore` judges a file by its first chunk; more would only use more memory.
_CHUNK = 1 << 20
_FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "lustre", "afs", "beegfs", "gpfs", "ocfs2"}
)
# Most FUSE file systems are networked; these are local.
_LOCAL_FUSE = frozenset({"fuseblk", "fuse.fuse-overlayfs", "fusectl"})


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Identity and size of an open file. `size`: bytes; `mode`: permission bits."""

    device: int
    inode: int
    size: int
    mode: int = 0o644

    @property
    def file(self) -> tuple[int, int]:
        """Device and inode: equal for two descriptors of one file."""
        return self.device, self.inode


class Files(Protocol):
    """The system calls that the file store uses. Every method may raise `OSError`.

    `open`, `open_read` and `make_directory` raise `RefusedError` for a symlink, a device or a pipe.
    """

    def open(
        self, path: str, *, create: bool, append: bool = False, exclusive: bool = False, mode: int = 0o666
    ) -> int:
        """A descriptor of a file for reading and writing, closed on exec. `mode`: of a new file, less the umask."""

    def open_read(self, path: str) -> int:
        """A descriptor for reading a regular file."""

    def open_folder(self, path: str) -> int:
        """A descriptor of a directory, to sync it."""

    def close(self, fd: int) -> None:
        """Close the descriptor, which releases a lock taken with it."""

    def facts(self, fd: int) -> FileFacts:
        """Identity, size and mode of the open file."""

    def facts_at(self, path: str) -> FileFacts | None:
        """Identity, size and mode of what is at `path`, a symlink not followed; None if nothing is there."""

    def read(self, fd: int, offset: int) -> Iterator[bytes]:
        """The bytes of a file from `offset` on, in chunks."""

    def part(self, fd: int, offset: int, size: int) -> bytes:
        """At most `size` bytes of a file from `offset` on; fewer only at its end."""

    def start(self, fd: int) -> bytes:
        """The first 200 bytes of a file, or all of a shorter one."""

    def write(self, fd: int, data: bytes) -> int:
        """Call `write(2)` once; returns the number of bytes that were written, which may be fewer than `data` has."""

    def rewrite(self, fd: int, data: bytes, offset: int) -> int:
        """Write `data` at `offset` by one `pwrite(2)`; returns the number of bytes that were written."""

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""

    def sync(self, fd: int) -> None:
        """Make file or directory durable."""

    def lock(self, fd: int) -> bool:
        """Take the exclusive advisory lock; False if another descriptor holds it. Never waits."""

    def unlock(self, fd: int) -> None:
        """Release the lock that `lock` took, also where a process made by fork shares the descriptor."""

    def make_directory(self, path: str) -> None:
        """Make one directory; an existing directory is not an error."""

    def exists(self, path: str) -> bool:
        """Whether there is something at `path`."""

    def writable(self, path: str) -> bool:
        """Whether this process may write the file, or make files in the directory, at `path`."""

    def network_filesystem(self, path: str) -> str | None:
        """The type of the network file system that `path` lies on; None when it is local or not known."""


class OsFiles:
    """`Files` over the operating system. `workspace`: absolute; no symlink below it is followed."""

    _workspace: str | None = None  # a class attribute, so that subclasses need not call `__init__`

    def __init__(self, workspace: str | None = None) -> None:
        self._workspace = workspace

    def open(
        self, path: str, *, create: bool, append: bool = False, exclusive: bool = False, mode: int = 0o666
    ) -> int:
        """See `Files.open`."""
        flags = os.O_RDWR | (os.O_CREAT if create else 0)
        flags |= os.O_APPEND if append else 0
        flags |= os.O_EXCL if exclusive else 0
        with open_parent(path, self._workspace) as (folder, name):
            return folder.open(name, flags, mode)

    def open_read(self, path: str) -> int:
        """See `Files.open_read`."""
        with open_parent(path, self._workspace) as (folder, name):
            return folder.open(name, os.O_RDONLY)

    def open_folder(self, path: str) -> int:
        """See `Files.open_folder`."""
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        """See `Files.close`."""
        os.close(fd)

    def facts(self, fd: int) -> FileFacts:
        """See `Files.facts`."""
        return _facts_of(os.fstat(fd))

    def facts_at(self, path: str) -> FileFacts | None:
        """See `Files.facts_at`."""
        try:
            return _facts_of(os.lstat(path))
        except FileNotFoundError:
            return None

    def read(self, fd: int, offset: int) -> Iterator[bytes]:
        """See `Files.read`."""
        while chunk := os.pread(fd, _CHUNK, offset):
            offset += len(chunk)
            yield chunk

    def part(self, fd: int, offset: int, size: int) -> bytes:
        """See `Files.part`."""
        parts = []
        while size > 0 and (part := os.pread(fd, size, offset)):
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return b"".join(parts)

    def start(self, fd: int) -> bytes:
        """See `Files.start`."""
        return os.pread(fd, 200, 0)

    def write(self, fd: int, data: bytes) -> int:
        """See `Files.write`."""
        return os.write(fd, data)

    def rewrite(self, fd: int, data: bytes, offset: int) -> int:
        """See `Files.rewrite`."""
        return os.pwrite(fd, data, offset)

    def truncate(self, fd: int, size: int) -> None:
        """See `Files.truncate`."""
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """See `Files.sync`. On macOS F_FULLFSYNC: fsync(2) leaves the data in the drive's cache there."""
        if _FULL_SYNC is None:
            os.fsync(fd)
        else:
            fcntl.fcntl(fd, _FULL_SYNC)

    def lock(self, fd: int) -> bool:
        """See `Files.lock`. By flock(2): a process loses fcntl(2) locks when it closes any descriptor of the file."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        return True

    def unlock(self, fd: int) -> None:
        """See `Files.unlock`."""
        fcntl.flock(fd, fcntl.LOCK_UN)

    def make_directory(self, path: str) -> None:
        """See `Files.make_directory`."""
        with open_parent(path, self._workspace) as (folder, name):
            folder.folder(name, make=True).close()

    def exists(self, path: str) -> bool:
        """See `Files.exists`."""
        return os.path.lexists(path)

    def writable(self, path: str) -> bool:
        """See `Files.writable`."""
        return os.access(path, os.W_OK | (os.X_OK if os.path.isdir(path) else 0))

    def network_filesystem(self, path: str) -> str | None:
        """See `Files.network_filesystem`. Linux only: looks up the file's device in the mount table."""
        while not os.path.exists(path):
            path = os.path.dirname(path) or "/"
        device = os.stat(path).st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        try:
            with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as table:
                return network_type(table, number)
        except OSError:
            return None


def _facts_of(status: os.stat_result) -> FileFacts:
    return FileFacts(
        device=status.st_dev, inode=status.st_ino, size=status.st_size, mode=stat.S_IMODE(status.st_mode)
    )


def network_type(mount_table: Iterator[str] | list[str], number: str) -> str | None:
    """The type of the network file system on device `number` (`0:42`), or None. `mount_table`: proc(5), mountinfo."""
    for line in mount_table:
        mount, _, source = line.partition(" - ")
        if mount.split()[2:3] != [number]:
            continue
        kind = source.split()[0]
        if kind in _NETWORK or (kind.startswith("fuse") and kind not in _LOCAL_FUSE):
            return kind
    return None
