"""The transport `docker-archive:FILE`: an archive of `docker save` as a read-only `Repository`.

An image is converted when it is read, since such an archive need not contain an OCI manifest: uncompressed layers are
compressed into the content store, several at a time, and a manifest is made of all layers and the unchanged config.
Layers that are already compressed in the archive are not changed.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO

import msgspec

from release.compression.codecs import Codec
from release.compression.compress import compress_layer, find_compressed, keep_layer
from release.compression.decompress import TELLING, suffix_of
from release.control import Cancel
from release.decoding import decode
from release.errors import Invalid, NotFound
from release.events import Note, Sink
from release.hints import ODD_IMAGE
from release.image_names.archive_file import ArchiveFile
from release.image_names.docker_archive_entries import SavedImage, chosen, images_in, wanted_image
from release.image_names.oci_archive import ReadOnly
from release.layout.layout import Layout
from release.oci import OCI_CONFIG, OCI_MANIFEST, Descriptor, Manifest
from release.oci.grammar import is_digest
from release.oci.manifest import describe, digest_bytes, encode_manifest
from release.task_group import run_all

# Bytes of `manifest.json` and of the image config, which are read into memory. Usual ones have some KiB.
_LARGEST_DOCUMENT = 8 * 1024 * 1024

# A layer of another content has the same error; `docker load` takes such a layer, but no registry's client does.
_OTHER_CODEC = (
    "the layer is compressed with bzip2 or xz: `docker load` the archive, and `docker save` the image again"
)


class _RootFiles(msgspec.Struct, frozen=True, kw_only=True):
    diff_ids: tuple[str, ...] | None = None  # Go writes null for an empty list


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    rootfs: _RootFiles = _RootFiles()


class DockerArchive(ReadOnly):
    """An image in an archive of `docker save`. `path`: the archive. `image`: the reference of one of several
    images, or its number, as `@0`.

    `store`: the content store for layers. `jobs`: number of layers compressed at a time. Call `close` at the end.
    """

    def __init__(
        self,
        path: str,
        *,
        store: Layout,
        sink: Sink,
        cancel: Cancel,
        image: str | None = None,
        codec: Codec | None = None,
        jobs: int = 2,
        shown: str | None = None,
    ) -> None:
        self._shown = shown or path
        self._store = store
        self._sink = sink
        self._cancel = cancel
        self._codec = codec
        self._jobs = jobs
        self._lock = threading.Lock()  # threads of a copy share this object; the image is converted only once
        self._converted: Manifest | None = None
        self._take: Callable[[Descriptor], None] = lambda _: None
        self._image = image
        self._wanted = wanted_image(image)
        self._archive = ArchiveFile(path)
        try:
            self._entry = self._choose()
        except BaseException:
            self._archive.close()
            raise

    @property
    def name(self) -> str:
        """The transport `docker-archive:` and the path."""
        return f"docker-archive:{self._shown}"

    def tags(self) -> tuple[str, ...]:
        """The tags of the image in the archive; only the requested one, if a name was requested."""
        if self._wanted.name is not None:
            return (self._wanted.name.tag or "latest",)
        return tuple(dict.fromkeys(tag for name in self._entry.names if (tag := name.tag)))

    def tag(self) -> str | None:
        """The tag of the image; None if it has none, or several."""
        tags = self.tags()
        return tags[0] if len(tags) == 1 else None

    def only(self) -> tuple[Descriptor, str | None]:
        """The converted image and its tag, None for the tag if the image has none or several."""
        return describe(self._convert()), self.tag()

    def resolve(self, reference: str) -> Descriptor | None:
        """The descriptor of the converted image for one of its tags or its digest, else None."""
        if not is_digest(reference) and reference not in self.tags():
            return None
        manifest = self._convert()
        return None if is_digest(reference) and reference != manifest.digest else describe(manifest)

    def manifest(self, reference: str) -> Manifest:
        """The manifest made by the conversion. Raises `NotFound` for other tags and digests."""
        if self.resolve(reference) is None:
            shown = ", ".join(self.tags()) or "none"
            raise NotFound(f"`{self.name}` has no `{reference}`", hint=f"tags that exist: {shown}")
        return self._convert()

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """A blob from the content store."""
        return self._store.open_blob(descriptor)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the content store has the blob."""
        return self._store.has_blob(descriptor)

    def announce(self, take: Callable[[Descriptor], None]) -> None:
        """Call `take` with the descriptor of each layer once the content store has the layer."""
        self._take = take

    def close(self) -> None:
        """Close the file of the archive."""
        self._archive.close()

    def _choose(self) -> SavedImage:
        images = images_in(self._document("manifest.json"), self.name)
        found = chosen(images, self._wanted, self.name.removesuffix(f":{self._image}"))
        if len(found) > 1:
            text = f"`{self.name}` holds {len(found)} images called `{self._image}`: the first is taken"
            self._sink.emit(Note(level="warning", text=text))
        return found[0]

    def _convert(self) -> Manifest:
        with self._lock:
            if self._converted is None:
                self._converted = self._make()
            return self._converted

    def _make(self) -> Manifest:
        config = self._document(self._entry.config)
        try:
            diff_ids = decode(config, _Config).rootfs.diff_ids or ()
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Invalid(
                f"the config in `{self.name}` is not an image config: {error}", hint=ODD_IMAGE
            ) from error
        if len(diff_ids) != len(self._entry.layers or ()) or not all(map(is_digest, diff_ids)):
            raise Invalid(f"the config in `{self.name}` does not fit its layers", hint=ODD_IMAGE)
        layers = self._layers(diff_ids)
        described = Descriptor(media_type=OCI_CONFIG, digest=digest_bytes(config), size=len(config))
        self._store.put_blob(described, partial(io.BytesIO, config))
        manifest = encode_manifest(
            {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": layers},
            OCI_MANIFEST,
        )
        self._sink.emit(
            Note(level="info", text=f"`{self.name}` has no manifest: one was made, `{manifest.digest}`")
        )
        return manifest

    def _layers(self, diff_ids: Sequence[str]) -> list[Descriptor]:
        """Store the layers; returns descriptors, base first. Layers with equal diff ids are stored once."""
        members = dict(zip(diff_ids, self._entry.layers or (), strict=True))
        # The largest first: otherwise one thread would compress the largest at the end, while the others have no work.
        largest_first = sorted(
            members.items(), key=lambda pair: self._archive.size(pair[1]) or 0, reverse=True
        )
        tasks = [partial(self._announced, diff_id, member) for diff_id, member in largest_first]
        made = run_all(tasks, jobs=self._jobs, cancel=self._cancel)
        found = dict(zip((diff_id for diff_id, _ in largest_first), made, strict=True))
        return [found[diff_id] for diff_id in diff_ids]

    def _announced(self, diff_id: str, member: str) -> Descriptor:
        layer = self._layer(diff_id, member)
        self._take(layer)
        return layer

    def _layer(self, diff_id: str, member: str) -> Descriptor:
        known = find_compressed(self._store, diff_id, codec=self._codec, check=self._cancel.check)
        if known is not None:
            return known.descriptor
        with self._archive.open(member) as stream:
            start = stream.read(TELLING)
        suffix = suffix_of(start)
        what = f"layer `{member}` in `{self.name}`"
        check = self._cancel.check
        with self._archive.open(member) as stream:
            if suffix:
                kept = keep_layer(stream, self._store, suffix, what=what, check=check, diff_id=diff_id)
                return kept.descriptor
            layer = compress_layer(stream, self._store, codec=self._codec, check=check)
        if layer.diff_id != diff_id:
            raise Invalid(
                f"{what} has diff id `{layer.diff_id}`, not `{diff_id}`",
                hint=_OTHER_CODEC if start.startswith((b"BZh", b"\xfd7zX")) else ODD_IMAGE,
            )
        return layer.descriptor

    def _document(self, name: str) -> bytes:
        if name not in self._archive:
            hint = ODD_IMAGE
            if "oci-layout" in self._archive:
                hint = f"the archive has an OCI layout: write `oci-archive:{self._shown}`"
            elif "repositories" in self._archive:
                hint = "Docker before 1.10 wrote it: `docker load` it, and `docker save` the image again"
            raise Invalid(f"`{self.name}` holds no `{name}`", hint=hint)
        return self._archive.read(name, most=_LARGEST_DOCUMENT)
