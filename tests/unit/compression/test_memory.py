"""Cached layers are verified by their diff id before they are used, whoever wrote the cache."""

from __future__ import annotations

import gzip as standard_gzip
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.compression.codecs import gzip
from release.compression.compress import CompressedLayer, compress_layer, find_compressed
from release.layout.layout import Layout
from release.oci import OCI_LAYER, Descriptor
from tests.support.registries.images import digest

OURS, OTHER = b"ours " * 50_000, b"another layer " * 50_000

Change = Callable[[dict[str, Any], CompressedLayer], object]


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Give a layout in a process that has verified no cached layer yet."""
    monkeypatch.setattr("release.compression.compress._proven", set())
    return Layout.create(str(tmp_path / "l"))


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that forgets which layers this process verified, as a new process would."""
    return lambda: monkeypatch.setattr("release.compression.compress._proven", set())


def _entry(layout: Layout, diff_id: str) -> Path:
    return Path(layout.path, "cache", gzip().name, diff_id.replace(":", "-"))


def _points_to_the_other(entry: dict[str, Any], other: CompressedLayer) -> None:
    entry["descriptor"] = {
        "mediaType": other.descriptor.media_type,
        "digest": other.descriptor.digest,
        "size": other.descriptor.size,
    }


def _points_to_the_other_with_its_size(entry: dict[str, Any], other: CompressedLayer) -> None:
    _points_to_the_other(entry, other)
    entry["size"] = other.size


@pytest.mark.parametrize(
    "change",
    [
        _points_to_the_other,
        _points_to_the_other_with_its_size,
        lambda entry, other: entry.update(diff_id=other.diff_id),
        lambda entry, _: entry.update(size=entry["size"] + 1),
        lambda entry, _: entry["descriptor"].update(digest="sha256:../../../../etc/passwd"),
        lambda entry, _: entry["descriptor"].update(digest="md5:00"),
        lambda entry, _: entry["descriptor"].update(size=-1),
    ],
)
def test_a_layer_cache_entry_for_other_content_is_not_used_and_is_replaced(
    layout: Layout, forget: Callable[[], None], change: Change
) -> None:
    ours, other = compress_layer(io.BytesIO(OURS), layout), compress_layer(io.BytesIO(OTHER), layout)
    path = _entry(layout, ours.diff_id)
    entry = json.loads(path.read_text())
    change(entry, other)
    path.write_text(json.dumps(entry))
    forget()
    assert find_compressed(layout, ours.diff_id) is None
    assert compress_layer(io.BytesIO(OURS), layout) == ours  # and the entry is right again
    forget()
    assert find_compressed(layout, ours.diff_id) == ours


def test_a_cached_blob_of_the_same_tar_compressed_differently_is_used_under_its_own_digest(
    layout: Layout, forget: Callable[[], None]
) -> None:
    ours = compress_layer(io.BytesIO(OURS), layout)
    packed = standard_gzip.compress(OURS, 1)
    with layout.writer() as blob:
        blob.write(packed)
        blob.commit()
    path = _entry(layout, ours.diff_id)
    entry = json.loads(path.read_text())
    entry["descriptor"].update(digest=digest(packed), size=len(packed))
    path.write_text(json.dumps(entry))
    forget()
    found = find_compressed(layout, ours.diff_id)
    assert found is not None
    assert found.descriptor.digest == digest(packed)


def test_only_digest_and_size_are_taken_from_the_descriptor_in_a_layer_cache_entry(
    layout: Layout, forget: Callable[[], None]
) -> None:
    ours = compress_layer(io.BytesIO(OURS), layout)
    path = _entry(layout, ours.diff_id)
    entry = json.loads(path.read_text())
    entry["descriptor"].update(
        mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar",
        urls=["https://evil.example/layer"],
        annotations={"a": "b"},
    )
    path.write_text(json.dumps(entry))
    forget()
    found = find_compressed(layout, ours.diff_id)
    assert found is not None
    assert found.descriptor == Descriptor(
        media_type=OCI_LAYER + "+gzip", digest=ours.descriptor.digest, size=ours.descriptor.size
    )


@pytest.mark.parametrize("damage", [b"\0", b"\x1f\x8b\x08"])
def test_a_damaged_blob_is_not_used_and_is_replaced_by_compressing_again(
    layout: Layout, forget: Callable[[], None], damage: bytes
) -> None:
    ours = compress_layer(io.BytesIO(OURS), layout)
    blob = Path(layout.blob_path(ours.descriptor.digest))
    whole = blob.read_bytes()
    blob.write_bytes(damage.ljust(len(whole), b"\0"))
    forget()
    assert find_compressed(layout, ours.diff_id) is None
    compress_layer(io.BytesIO(OURS), layout)
    assert blob.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"[]", b"[" * 100_000, b'{"diff_id": 1}', b"\xff\xfe"])
def test_an_invalid_cache_entry_is_not_used(layout: Layout, content: bytes) -> None:
    ours = compress_layer(io.BytesIO(OURS), layout)
    _entry(layout, ours.diff_id).write_bytes(content)
    assert find_compressed(layout, ours.diff_id) is None


def test_the_layer_cache_follows_no_symlink(layout: Layout, tmp_path: Path) -> None:
    ours = compress_layer(io.BytesIO(OURS), layout)
    path, victim = _entry(layout, ours.diff_id), tmp_path / "victim"
    victim.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(victim)
    assert find_compressed(layout, ours.diff_id) is None
    before = victim.read_bytes()
    assert compress_layer(io.BytesIO(OURS), layout) == ours
    assert victim.read_bytes() == before
    assert path.is_symlink()


def test_verifying_a_cached_layer_can_be_cancelled(layout: Layout, forget: Callable[[], None]) -> None:
    ours = compress_layer(io.BytesIO(OURS), layout)
    forget()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_compressed(layout, ours.diff_id, check=stop)


def test_a_cached_layer_is_verified_once_in_a_process(
    layout: Layout, forget: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = compress_layer(io.BytesIO(OURS), layout)
    forget()
    assert find_compressed(layout, ours.diff_id) == ours
    monkeypatch.setattr(Layout, "open_blob", None)  # would be called for a second proof
    assert find_compressed(layout, ours.diff_id) == ours


def test_layer_cache_entries_are_files_that_only_their_owner_can_read(layout: Layout) -> None:
    ours = compress_layer(io.BytesIO(OURS), layout)
    assert os.stat(_entry(layout, ours.diff_id)).st_mode & 0o777 == 0o600
