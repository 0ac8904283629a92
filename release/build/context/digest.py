"""The digest of a context: SHA-256 over a canonical listing of its files.

The listing begins with `shipmark.context/1` and a newline. The entries follow in the order of the bytes of their paths,
each as fields that end with NUL: kind (`file`, `dir`, `symlink`), mode in octal, size in bytes, SHA-256 of
the content in hex (of a symlink its target), path. Nothing in `.git` is an entry, and no pipe, socket or device.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from release.build import BuiltFrom
from release.build.context.selection import Selection, is_git
from release.compression.entries import Content, HostFile, Node
from release.compression.tar_stream import read_content
from release.control import Cancel
from release.errors import BuildError
from release.task_group import Task, TaskGroup

# Hashed first: the digest of a context never equals a hash of the same bytes for another purpose or of another version.
_SCHEMA = b"shipmark.context/1\n"


def context_digest(
    chosen: Selection,
    *,
    check: Callable[[], None] = lambda: None,
    known: Mapping[HostFile, str] = MappingProxyType({}),
) -> str:
    """`sha256:…`.

    The digest of the selected files; every file is read once. `check`: called while files are read; may raise to
    cancel. `known`: SHA-256 in hex of files that need not be read. Raises `BuildError`.
    """
    listing = hashlib.sha256(_SCHEMA)
    for path, node in chosen.files.nodes().items():
        if node.kind != "special" and not is_git(path):
            head = f"{node.kind}\0{node.mode:o}\0{_size(node)}\0".encode()
            listing.update(b"%b%b\0%b\0" % (head, _content(node, check, known), os.fsencode(path)))
    return f"sha256:{listing.hexdigest()}"


class Hashing:
    """A digest that is computed in a thread of its own while the builder works."""

    def __init__(self, chosen: Selection, group: TaskGroup, task: Task[str]) -> None:
        self._chosen = chosen
        self._group = group
        self._task = task

    def built_from(self) -> BuiltFrom:
        """The context's digest and its number of untracked files, for the record.

        Waits for the digest. Raises as `context_digest`, and when cancelled.
        """
        self._group.wait()
        return _built_from(self._chosen, self._task.result())


@contextmanager
def hashing(chosen: Selection, cancel: Cancel) -> Iterator[Hashing]:
    """Hash the context beside the body. Leaving the body ends the hashing.

    The builder reads the same files, so they are in the page cache; with a free core, hashing costs no extra time.
    """
    is_over = False

    def check() -> None:
        cancel.check()
        if is_over:
            raise BuildError("the build has ended")  # nobody waits for the digest any more

    group = TaskGroup(jobs=1, name="context", cancel=cancel)
    task = group.start(lambda: context_digest(chosen, check=check))
    try:
        yield Hashing(chosen, group, task)
    finally:
        is_over = True


class SharedHashing:
    """The digest of a context from which several images are built in turn, computed during the first build.

    Each file is read once: the build hashes the files that it reads, and a thread hashes the others.
    """

    def __init__(self, chosen: Selection, cancel: Cancel) -> None:
        self._chosen = chosen
        self._cancel = cancel
        self._found: BuiltFrom | None = None
        #: SHA-256 in hex of the files that were read.
        self.hashes: dict[HostFile, str] = {}

    @contextmanager
    def beside(self, read_by_body: Collection[HostFile] = ()) -> Iterator[Callable[[], BuiltFrom]]:
        """Hash files in a thread during the body, unless an earlier call has the digest.

        Yields a function that waits for the digest. `read_by_body`: files whose hashes the body puts into `hashes`.
        Raises `BuildError` for a file that changes meanwhile.
        """
        if (found := self._found) is not None:
            yield lambda: found
            return
        others = [content for content in _files_of(self._chosen) if content not in read_by_body]
        is_over = False

        def check() -> None:
            self._cancel.check()
            if is_over:
                raise BuildError("the build has ended")  # nobody waits for the digest any more

        group = TaskGroup(jobs=1, name="context", cancel=self._cancel)
        task = group.start(lambda: {content: _hash(content, check) for content in others})
        try:
            yield lambda: self._digest(group, task)
        finally:
            is_over = True

    def _digest(self, group: TaskGroup, task: Task[dict[HostFile, str]]) -> BuiltFrom:
        group.wait()
        known = {**task.result(), **self.hashes}
        self._found = _built_from(
            self._chosen, context_digest(self._chosen, check=self._cancel.check, known=known)
        )
        return self._found


def _files_of(chosen: Selection) -> Iterator[HostFile]:
    for path, node in chosen.files.nodes().items():
        if isinstance(node.content, HostFile) and not is_git(path):
            yield node.content


def _built_from(chosen: Selection, digest: str) -> BuiltFrom:
    return BuiltFrom(digest=digest, untracked=None if chosen.untracked is None else len(chosen.untracked))


def _size(node: Node) -> int:
    return node.content.size if node.content is not None else 0


def _content(node: Node, check: Callable[[], None], known: Mapping[HostFile, str]) -> bytes:
    if node.content is None:
        return os.fsencode(node.target)
    if isinstance(node.content, HostFile) and node.content in known:
        return known[node.content].encode()
    return _hash(node.content, check).encode()


def _hash(content: Content, check: Callable[[], None]) -> str:
    found = hashlib.sha256()
    for chunk in read_content(content):
        check()
        found.update(chunk)
    return found.hexdigest()
