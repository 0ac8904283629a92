"""Writes the layers of a build into a layout, and reuses layers that an earlier build wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from release.build.embedded.layer_memory import layer_shape, recall_layer, remember_layer
from release.build.embedded.programs import Programs
from release.build.embedded.stage_image import Layer
from release.build.ignore import Ignore
from release.compression import Watch
from release.compression.codecs import Codec
from release.compression.compress import CompressedLayer, compress_pieces, find_compressed
from release.compression.entries import HostFile
from release.compression.parallel_gzip import PIECE
from release.compression.tar_stream import counted, pieces, tar_chunks
from release.control import Cancel
from release.errors import BuildError
from release.events import Sink
from release.layout.adopt import translated
from release.layout.layout import Layout
from release.task_group import Task, TaskGroup


class WrittenLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer in the layout, and the programs that are in it."""

    compressed: CompressedLayer
    programs: Programs


class LayerWriter:
    """Writes layers with one codec and one time. `allowed`: patterns of paths whose programs may be for any machine.

    `hashes`: gets the SHA-256 in hex of each file of the context that was read.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        codec: Codec,
        mtime: int,
        allowed: Ignore,
        sink: Sink,
        cancel: Cancel,
        hashes: dict[HostFile, str] | None = None,
    ) -> None:
        self._layout = layout
        self._codec = codec
        self._mtime = mtime
        self._allowed = allowed
        self._sink = sink
        self._cancel = cancel
        self._hashes = hashes
        self._written: dict[Layer, WrittenLayer] = {}  # platforms may share a layer
        #: Starts a follower for each layer that is compressed; None: layers are not followed.
        self.watch: Watch | None = None

    def write(self, layer: Layer) -> WrittenLayer:
        """The layer as a blob of the layout, compressed at most once. Raises `BuildError`."""
        found = self._written.get(layer)
        if found is None:
            shape = layer_shape(layer, mtime=self._mtime)
            found = self._written[layer] = self._remembered(layer, shape) or self._compressed(layer, shape)
        return found

    def _remembered(self, layer: Layer, shape: str) -> WrittenLayer | None:
        """The blob of an earlier build with this layer's diff id, if there was one of this layer's shape.

        Reading the files and checking the blob run side by side: each takes about as long as the other.
        """
        expected = recall_layer(self._layout, shape)
        if expected is None:
            return None
        programs = Programs(self._allowed)
        with translated(), self._finding(expected) as blob:
            if self._diff_id(layer, programs) != expected:
                return None
            found = blob.result()
        return None if found is None else WrittenLayer(compressed=found, programs=programs)

    @contextmanager
    def _finding(self, diff_id: str) -> Iterator[Task[CompressedLayer | None]]:
        """Look for the blob of `diff_id` in a thread of its own. Leaving the body ends the search."""
        is_over = False

        def check() -> None:
            self._cancel.check()
            if is_over:
                raise BuildError("the search has ended")  # nobody waits for the result any more

        group = TaskGroup(jobs=1, name="layer", cancel=self._cancel)
        try:
            yield group.start(lambda: find_compressed(self._layout, diff_id, codec=self._codec, check=check))
        finally:
            is_over = True

    def _diff_id(self, layer: Layer, programs: Programs) -> str:
        found = hashlib.sha256(usedforsecurity=False)
        for chunk in self._chunks(layer, programs.look):
            found.update(chunk)
        return f"sha256:{found.hexdigest()}"

    def _compressed(self, layer: Layer, shape: str) -> WrittenLayer:
        programs = Programs(self._allowed)
        cut = pieces(self._chunks(layer, programs.look), PIECE)
        with translated():
            compressed = compress_pieces(
                cut, self._layout, codec=self._codec, check=self._cancel.check, watch=self.watch
            )
            remember_layer(self._layout, shape, compressed.diff_id)
        return WrittenLayer(compressed=compressed, programs=programs)

    def _chunks(self, layer: Layer, look: Callable[..., None]) -> Iterator[bytes]:
        chunks = tar_chunks(
            layer, mtime=self._mtime, check=self._cancel.check, look=look, hashes=self._hashes
        )
        return counted(chunks, "layer", self._sink)
