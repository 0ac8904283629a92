"""Remembers the diff id of each built layer by the names, sizes and modes of its files.

The memory is a guess, never a proof: a file may have changed and kept its size. The layer writer reads the layer's
files again and compares diff ids before it uses a guess. The guess names the stored blob to check at the same time;
without a guess, no stored blob is read.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable

import msgspec

from release.compression import LayerStore
from release.compression.entries import Node
from release.decoding import decode
from release.errors import ConfigError, RefusedError
from release.filesystem.files import read_limited
from release.filesystem.new_files import NewFile
from release.limits import KIB
from release.oci.grammar import is_digest

# A diff id with its braces takes 90 bytes. Without a limit, whoever can write the cache could fill the memory.
_LARGEST_ENTRY = 1 * KIB
# Folder of the entries beside the layout's blobs. Codecs have sibling folders of their own names.
_FOLDER = ("cache", "layers")


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A remembered layer. `diff_id`: digest of its uncompressed tar."""

    diff_id: str


def layer_shape(entries: Iterable[tuple[str, Node]], *, mtime: int) -> str:
    """SHA-256 in hex over everything in the tar of `entries` except the content of files."""
    found = hashlib.sha256(f"{mtime}\n".encode())
    for path, node in entries:
        size = node.content.size if node.content is not None else -1
        fields = (path, node.kind, node.mode, node.uid, node.gid, size, node.target, node.xattrs)
        found.update(repr(fields).encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def recall_layer(store: LayerStore, shape: str) -> str | None:
    """The diff id that the last layer of this shape had; None if none is remembered or the entry is damaged."""
    try:
        with store.folder(*_FOLDER) as folder, folder.read(shape) as stream:
            entry = decode(read_limited(stream, shape, _LARGEST_ENTRY), _Entry)
    except (OSError, ConfigError, RefusedError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return entry.diff_id if is_digest(entry.diff_id) else None


def remember_layer(store: LayerStore, shape: str, diff_id: str) -> None:
    """Remember a layer. Errors of the file system are ignored: without the entry the next build compresses again."""
    with (
        contextlib.suppress(OSError, RefusedError),
        store.folder(*_FOLDER, make=True) as folder,
        NewFile(folder) as new,
    ):
        new.stream.write(msgspec.json.encode(_Entry(diff_id=diff_id)))
        new.place(shape)
