"""Which layers `LayerWriter` compresses, and which it takes from an earlier build, in real layouts on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import release.compression.compress as compress_module
from release.build.embedded.layer_writer import LayerWriter
from release.build.ignore import parse_ignore
from release.compression.codecs import Codec, gzip
from release.compression.compress import CompressedLayer
from release.compression.entries import HostFile, Node
from release.control import Cancel
from release.events import Event
from release.layout.layout import Layout


class Quiet:
    """Event sink that drops every event."""

    def emit(self, event: Event) -> None:
        """Do nothing."""


class Builds:
    """Writes layers into one layout, each as a new process would; `compressed`: how many were compressed."""

    def __init__(self, folder: Path, forget: Callable[[], None]) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.compressed = 0
        self._forget = forget

    def write(
        self, content: bytes, *, name: str = "app", mtime: int = 1, mode: int = 0o644
    ) -> CompressedLayer:
        self._forget()
        path = self.folder / "source"
        path.write_bytes(content)
        node = Node(kind="file", mode=mode, content=HostFile(path=str(path), size=len(content)))
        writer = LayerWriter(
            Layout(str(self.store)),
            codec=self._counting(),
            mtime=mtime,
            allowed=parse_ignore("", "test"),
            sink=Quiet(),
            cancel=Cancel(),
        )
        return writer.write(((name, node),)).compressed

    def blob(self, layer: CompressedLayer) -> Path:
        return self.store / "blobs" / layer.descriptor.digest.replace(":", "/")

    def entry(self) -> Path:
        (found,) = (self.store / "cache" / "layers").iterdir()
        return found

    def _counting(self) -> Codec:
        codec = gzip()

        def start() -> object:
            self.compressed += 1
            return codec.start()

        return msgspec.structs.replace(codec, start=start)


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builds:
    # The pairs that one process has verified would hide what the next process has to verify.
    return Builds(tmp_path, lambda: monkeypatch.setattr(compress_module, "_proven", set()))


def test_an_unchanged_layer_is_compressed_once(builds: Builds) -> None:
    first = builds.write(b"one")
    assert builds.write(b"one") == first
    assert builds.compressed == 1


def test_a_changed_file_of_the_same_size_is_compressed_anew(builds: Builds) -> None:
    first = builds.write(b"one")
    second = builds.write(b"two")
    assert second.diff_id != first.diff_id
    assert builds.compressed == 2


@pytest.mark.parametrize("change", [{"name": "other"}, {"mtime": 2}, {"mode": 0o755}])
def test_a_changed_name_time_or_mode_is_compressed_anew(builds: Builds, change: dict[str, object]) -> None:
    first = builds.write(b"one")
    assert builds.write(b"one", **change).diff_id != first.diff_id  # type: ignore[arg-type]
    assert builds.compressed == 2


@pytest.mark.parametrize("damage", [b"", b"not gzip", None], ids=["empty", "other bytes", "missing"])
def test_a_damaged_or_missing_blob_is_written_anew(builds: Builds, damage: bytes | None) -> None:
    first = builds.write(b"one")
    blob = builds.blob(first)
    whole = blob.read_bytes()
    blob.unlink()
    if damage is not None:
        blob.write_bytes(damage.ljust(len(whole), b"\0") if damage else damage)
    assert builds.write(b"one") == first
    assert blob.read_bytes() == whole
    assert builds.compressed == 2


def test_layer_cache_entry_with_the_diff_id_of_another_layer_is_not_used(builds: Builds) -> None:
    other = builds.write(b"evil")
    builds.entry().unlink()
    honest = builds.write(b"good")
    builds.entry().write_bytes(msgspec.json.encode({"diff_id": other.diff_id}))
    assert builds.write(b"good") == honest


@pytest.mark.parametrize("entry", [b"", b"{", b'{"diff_id": "../../etc"}', b"\xff" * 100, b"x" * 5000])
def test_damaged_layer_cache_entry_causes_a_compression_and_no_error(builds: Builds, entry: bytes) -> None:
    first = builds.write(b"one")
    builds.entry().write_bytes(entry)
    assert builds.write(b"one") == first
    assert builds.compressed == 2
