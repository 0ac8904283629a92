"""Layers that old daemons cannot read, unpacked for them: docker before 23 knows gzip, and not zstd.

An archive then holds the tar beside the layer, under the digest that the config calls it by, as `docker save` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

import msgspec

from release.errors import Invalid
from release.folders import OpenFolder
from release.new_files import scratch_file
from release.registry import Descriptor, Manifest
from release.registry.documents import children
from release.registry.layout import Layout
from release.registry.streams import CHUNK
from release.registry.unpacking import unpacked

_SUFFIX = "+zstd"
_LARGEST_CONFIG = 8 * 1024 * 1024


class _RootFiles(msgspec.Struct, frozen=True, kw_only=True):
    diff_ids: tuple[str, ...] = ()


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    rootfs: _RootFiles = _RootFiles()


class PlainLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer's tar. `diff_id`: its digest; `size`: bytes; `content`: at its beginning, gone with the body."""

    diff_id: str
    size: int
    content: IO[bytes]


@contextmanager
def plain_layers(
    layout: Layout, image: Manifest, folder: OpenFolder, *, check: Callable[[], None]
) -> Iterator[dict[str, PlainLayer]]:
    """The layers of `image` that are compressed with zstd, by their digest, for the time of the body.

    `folder`: where temporary files go. Raises `Invalid` for a layer that is not what the config says, `ConfigError`
    where the library for zstd is missing.
    """
    config, *layers = children(image)
    wanted = [number for number, layer in enumerate(layers) if layer.media_type.endswith(_SUFFIX)]
    with ExitStack() as kept:
        diff_ids = _diff_ids(layout, config, len(layers)) if wanted else ()
        found: dict[str, PlainLayer] = {}
        for number in wanted:
            layer = layers[number]
            if layer.digest not in found:
                content = kept.enter_context(scratch_file(folder))
                found[layer.digest] = _unpack(layout, layer, diff_ids[number], content, check)
        yield found


def _diff_ids(layout: Layout, config: Descriptor, count: int) -> tuple[str, ...]:
    with layout.open_blob(config) as stream:
        raw = stream.read(_LARGEST_CONFIG)
    try:
        diff_ids = msgspec.json.decode(raw, type=_Config).rootfs.diff_ids
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(f"`{config.digest}` is no image config: {error}") from error
    if len(diff_ids) != count:
        raise Invalid(f"the config `{config.digest}` does not fit its layers")
    return diff_ids


def _unpack(
    layout: Layout, layer: Descriptor, diff_id: str, content: IO[bytes], check: Callable[[], None]
) -> PlainLayer:
    what = f"layer `{layer.digest}`"
    hashed, size = hashlib.sha256(usedforsecurity=False), 0
    with layout.open_blob(layer) as packed, unpacked(packed, _SUFFIX, what=what) as plain:
        while data := plain.read(CHUNK):
            check()
            hashed.update(data)
            content.write(data)
            size += len(data)
    if f"sha256:{hashed.hexdigest()}" != diff_id:
        raise Invalid(f"{what} does not have diff id `{diff_id}`")
    content.seek(0)
    return PlainLayer(diff_id=diff_id, size=size, content=content)
