"""Writes a tar as a stream of chunks. Equal entries give equal bytes.

The headers are those of `release.compression.tar_header`. Of a file on disk only one chunk at a time is in memory.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, cast

from release.compression.entries import Content, HostFile, Inline, Node
from release.compression.host_files import changed, open_host_file
from release.compression.tar_header import header
from release.errors import BuildError
from release.events import Progress, Sink
from release.hints import MAKE_READABLE

#: Bytes of one read. Bounds the memory of a stream, and the work between two calls of `check`, which may cancel it.
#: Smaller reads cost more calls. The bytes of the tar do not depend on this size.
CHUNK = 256 * 1024
# Bytes between two progress events. One event for each chunk would be sixteen times as many, faster than anybody reads.
_SHOWN_EVERY = 4 * 1024 * 1024
_BLOCK = tarfile.BLOCKSIZE


def tar_chunks(
    entries: Iterable[tuple[str, Node]],
    *,
    mtime: int,
    check: Callable[[], None] = lambda: None,
    look: Callable[[str, Node, bytes], None] | None = None,
    hashes: dict[HostFile, str] | None = None,
) -> Iterator[bytes]:
    """The archive of `entries`, in their order. `mtime`: seconds, for all. `check`: called between chunks; may raise.

    `look`: called with each file and its first chunk, but not for an empty file on disk; may raise. `hashes`: gets the
    SHA-256 in hex of each whole file on disk. Raises `BuildError` if a file cannot be read, or was replaced or
    changed its size after it was listed.
    """
    for path, node in entries:
        check()
        yield header(path, node, mtime)
        if node.content is not None:
            looking = look
            for chunk in read_content(node.content) if hashes is None else _hashed(node.content, hashes):
                check()
                if looking is not None:
                    looking(path, node, chunk)
                    looking = None
                yield chunk
            yield b"\0" * (-node.content.size % _BLOCK)
    yield b"\0" * (2 * _BLOCK)


def read_content(content: Content) -> Iterator[bytes]:
    """The content in chunks. Raises `BuildError` when it cannot be read or has changed since it was listed."""
    if isinstance(content, Inline):
        yield content.data
        return
    left = content.size
    try:
        with open_host_file(content) as source:
            source.seek(content.offset or 0)
            # Try to read one byte more: it shows whether a whole file has grown.
            ahead = 1 if content.offset is None else 0
            while left + ahead and (chunk := source.read(min(CHUNK, left + ahead))):
                left -= len(chunk)
                if left < 0:
                    break
                yield chunk
    except OSError as error:
        raise BuildError(
            f"`{content.path}` cannot be read: {error.strerror}",
            hint=MAKE_READABLE,
        ) from error
    if left:
        raise changed(content.path)


def _hashed(content: Content, hashes: dict[HostFile, str]) -> Iterator[bytes]:
    if not isinstance(content, HostFile) or content.offset is not None or content in hashes:
        yield from read_content(content)
        return
    found = hashlib.sha256()
    for chunk in read_content(content):
        found.update(chunk)
        yield chunk
    hashes[content] = found.hexdigest()


def counted(chunks: Iterator[bytes], label: str, sink: Sink) -> Iterator[bytes]:
    """`chunks`, reporting the number of bytes to `sink` from time to time and at the end. `label`: of the progress."""
    done = shown = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        if done - shown >= _SHOWN_EVERY:
            shown = done
            sink.emit(Progress(label=label, done=done))
    sink.emit(Progress(label=label, done=done, total=done))


def stream(chunks: Iterator[bytes]) -> IO[bytes]:
    """`chunks` as a readable stream."""
    return cast(IO[bytes], io.BufferedReader(_Chunks(chunks), CHUNK))


def pieces(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """`chunks` cut anew into pieces of `size` bytes, the last one with the rest. Each byte is copied once."""
    waiting: list[bytes | memoryview] = []
    count = 0
    for chunk in chunks:
        rest = memoryview(chunk)
        while count + len(rest) >= size:
            cut = size - count
            yield b"".join((*waiting, rest[:cut]))
            waiting, count, rest = [], 0, rest[cut:]
        if rest:
            waiting.append(rest)
            count += len(rest)
    if waiting:
        yield b"".join(waiting)


class _Chunks(io.RawIOBase):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
