"""Lays out a build context as a folder of hard links, which BuildKit reads like any other folder.

BuildKit takes over modes and times of files as they are, and compares size and time to find what changed since the
last transfer. A file is linked if its mode and time are right as they are; otherwise it is copied. A hard link shares
the mode, time and content of its file, so the link does not change them. A new hard link changes the file's ctime,
which git compares: `git status` reads the file once more, and until then `git diff-index` lists it as changed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable

from release.build.context.tree import Tree
from release.compression.entries import Content, HostFile, Node
from release.compression.host_files import changed
from release.compression.tar_stream import read_content
from release.errors import BuildError
from release.hints import DEFECT

_FOLDER_MODE = 0o755  # git stores no modes of folders, so their real modes differ from clone to clone
_NANO = 1_000_000_000  # nanoseconds in a second: `st_mtime_ns` is in nanoseconds, a commit's time in seconds
# Without RUN, copies get times chosen by their content, in the span of this many seconds (8 years) that follows the one
# with the commit's time: so a file has one time for all commits of a span. The span after today's ends in 2038, before
# the times that 32-bit programs cannot read. With nanoseconds, a time holds 57 bits of the content's SHA-256, so no two
# contents of one path get equal times.
_SPAN = 1 << 28


class Farm:
    """Lays out trees in folders. `created`: the commit's time, in seconds. `check`: raises when the run is cancelled.

    In layers, BuildKit replaces times after `created` by `created` (`rewrite-timestamp`). So each file here gets a time
    that is not before `created`, and the same commit gives the same layers in every clone.

    `drops_attributes`: copy files with extended attributes, which no commit has; BuildKit drops them itself.

    `for_run`: whether a command of the build sees the files. `make` warns of times in the future, takes what it made
    for older than such a source, and makes it again each time. So all copies get one time then, in the second after
    `created`; BuildKit reads them again for each commit. Copies that no command sees have times in the future.
    """

    def __init__(
        self, *, created: int, check: Callable[[], None], for_run: bool, drops_attributes: bool = False
    ) -> None:
        self._created = created
        self._check = check
        self._for_run = for_run
        self._drops_attributes = drops_attributes
        self._linked: set[tuple[int, int]] = set()

    def lay_out(self, tree: Tree, folder: str) -> None:
        """Write `tree` into the new folder `folder`. Special files are left out, as docker does.

        Raises `BuildError` for a file that changed meanwhile, and `OSError`.
        """
        _make_folder(folder)
        copied: dict[str, bytes] = {}  # path in `folder` -> SHA-256 of the content
        for path in tree.paths():
            node = tree.get(path)
            if node is None or node.kind == "special":
                continue
            self._check()
            target = os.path.join(folder, path)
            if node.kind == "dir":
                _make_folder(target)
            elif node.kind == "symlink":
                os.symlink(node.target, target)
            elif (digest := self._file(node, target)) is not None:
                copied[path] = digest
        together = hashlib.sha256(b"".join(copied.values()), usedforsecurity=False).digest()
        for path, digest in copied.items():
            time = self._near(together) if self._for_run else self._ahead(digest)
            os.utime(os.path.join(folder, path), ns=(time, time))

    def _file(self, node: Node, target: str) -> bytes | None:
        """Link or copy a file; return the SHA-256 of a copy, whose time is still to be set."""
        content = node.content
        if content is None:
            raise BuildError(f"`{target}` in the build context has no content", hint=DEFECT)
        if not isinstance(content, HostFile) or not self._link(content, target, node.mode):
            return self._copy(content, target, node.mode)
        return None

    def _link(self, content: HostFile, target: str, mode: int) -> bool:
        """Make a hard link; return False if the file has to be copied instead."""
        try:
            found = os.lstat(content.path)
        except OSError:
            return False  # copying the file raises the error, with its reason
        inode = (found.st_dev, found.st_ino)
        fits = stat.S_IMODE(found.st_mode) == mode and found.st_mtime_ns >= self._created * _NANO
        fits = fits and not (self._drops_attributes and _has_attributes(content.path))
        # BuildKit would turn two links of one file into a hard link in the image, which other clones do not have.
        if not fits or inode in self._linked or content.inode not in (None, inode):
            return False
        try:
            os.link(content.path, target, follow_symlinks=False)
        except (OSError, NotImplementedError):
            return False  # another file system, one without links, or a file that belongs to another user
        # The path may have led elsewhere by now: only the file that was listed may be in the context.
        linked = os.lstat(target)
        if not stat.S_ISREG(linked.st_mode) or (linked.st_dev, linked.st_ino) != inode:
            os.unlink(target)
            raise changed(content.path)
        self._linked.add(inode)
        return True

    def _copy(self, content: Content, target: str, mode: int) -> bytes:
        found = hashlib.sha256(usedforsecurity=False)
        with open(target, "xb") as copy:
            for piece in read_content(content):
                self._check()
                found.update(piece)
                copy.write(piece)
            os.fchmod(copy.fileno(), mode)
        return found.digest()

    # BuildKit does not read a file again whose size and time are those of the last transfer, which may have been that
    # of another commit, or of this one with changed files. So both times depend on the content.

    def _near(self, together: bytes) -> int:
        """The time of all copies, which RUN sees: so none is newer than another, and each older than what RUN makes."""
        return self._created * _NANO + int.from_bytes(together[:8], "big") % _NANO

    def _ahead(self, digest: bytes) -> int:
        """The time of a copy with this content, the same for all commits of a span."""
        number = int.from_bytes(digest[:8], "big")
        seconds = (self._created // _SPAN + 1) * _SPAN + number % _SPAN
        return seconds * _NANO + (number // _SPAN) % _NANO


def _has_attributes(path: str) -> bool:
    try:
        return bool(os.listxattr(path, follow_symlinks=False))
    except (OSError, AttributeError):
        return False  # a file system, or a system, without them


def _make_folder(path: str) -> None:
    os.mkdir(path)
    os.chmod(path, _FOLDER_MODE)  # mkdir applies the umask
