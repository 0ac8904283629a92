"""A `Repository` that writes one image to a tar archive: `oci-archive:` and `docker-archive:`."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from functools import partial
from typing import IO

from release.errors import ConfigError, Invalid, NotFound, RefusedError
from release.events import Note, Sink
from release.filesystem.files import open_file, require_file
from release.hints import AGAIN
from release.image_names.archive_file import may_be_archive
from release.image_names.archive_writer import write_combined_archive
from release.image_names.loadable_image import loaded_alone
from release.layout.layout import Layout
from release.oci import Descriptor, Manifest
from release.oci.attached import is_attached
from release.oci.grammar import is_digest
from release.oci.manifest import describe, subject


class ArchiveTarget:
    """A `Repository` that writes one image to a tar archive. `path`: the archive, replaced if it exists.

    `store`: keeps blobs until the archive is written. `image`: `repository:tag`, or only a tag, that the image is
    called; None: an archive for daemons names no image, any other has the tag that is put. `shown`: transport and path
    for messages. `for_daemons`: store zstd layers uncompressed too, for old daemons. `workspace`: no symlink below this
    folder is followed on the path to the archive.

    An archive that is not for daemons also holds the image's referrers, which must be put before the image.
    """

    def __init__(
        self,
        path: str,
        *,
        store: Layout,
        shown: str,
        sink: Sink,
        image: str | None = None,
        for_daemons: bool = True,
        check: Callable[[], None] = lambda: None,
        workspace: str | None = None,
    ) -> None:
        self._path = path
        self._store = store
        self._shown = shown
        self._sink = sink
        self._image = image
        self._for_daemons = for_daemons
        self._check = check
        self._workspace = workspace
        self._written: dict[str, Manifest] = {}
        self._referrers: dict[str, Manifest] = {}  # manifests with a subject, by digest
        self._attached: dict[str, Manifest] = {}  # by fallback tag or tag of cosign
        #: Whether signatures and other referrers can be put.
        self.holds_referrers = not for_daemons
        #: Whether foreign layers must be put, which registries may leave at their `urls`: a daemon needs all layers.
        self.needs_foreign_layers = for_daemons

    @property
    def name(self) -> str:
        """The transport and the path of the archive."""
        return self._shown

    @property
    def tag(self) -> str | None:
        """The tag of the name that the image gets, if it was given one."""
        return self._image.rpartition(":")[2] if self._image else None

    def resolve(self, reference: str) -> Descriptor | None:
        """The descriptor of what was put under a tag, or of a manifest in the store; None if there is none."""
        put = self._put(reference)
        if put is not None:
            return describe(put)
        return self._store.resolve(reference) if is_digest(reference) else None

    def manifest(self, reference: str) -> Manifest:
        """The manifest that was put under a tag, or is in the store. Raises `NotFound`."""
        put = self._put(reference)
        if put is None and not is_digest(reference):
            raise NotFound(f"`{self.name}` has no `{reference}`", hint=AGAIN)
        return put or self._store.manifest(reference)

    def _put(self, reference: str) -> Manifest | None:
        places = (self._written, self._attached, self._referrers)
        return next((place[reference] for place in places if reference in place), None)

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """A blob from the store."""
        return self._store.open_blob(descriptor)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the store has the blob."""
        return self._store.has_blob(descriptor)

    def put_blob(
        self, descriptor: Descriptor, reopen: Callable[[], IO[bytes]], *, mount_from: tuple[str, ...] = ()
    ) -> bool:
        """Keep the blob in the store for the archive."""
        return self._store.put_blob(descriptor, reopen, mount_from=mount_from)

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Without a tag, keep the manifest in the store; with a tag, write the archive.

        A tag by which referrers are found is kept for the archive. Raises `ConfigError` if this object wrote the
        archive under another tag before.
        """
        if self.holds_referrers and tag is not None and is_attached(tag):
            self._store.put_blob(describe(manifest), partial(io.BytesIO, manifest.raw))
            self._attached[tag] = manifest
            return
        if self.holds_referrers and tag is None and subject(manifest) is not None:
            # Kept as a blob: the store is shared, and its `index.json` need not list this.
            self._store.put_blob(describe(manifest), partial(io.BytesIO, manifest.raw))
            self._referrers[manifest.digest] = manifest
            return
        if tag is None:
            self._store.put_manifest(manifest)
            return
        if self._written and tag not in self._written:
            raise ConfigError(
                f"`{self.name}` can have only one image, with one tag", hint="write a layout, `oci:PATH`"
            )
        self._write(manifest, self._image or (None if self._for_daemons else tag))
        self._written[tag] = manifest

    def put_only(self, manifest: Manifest) -> None:
        """Write the archive with an image that has no name."""
        self._write(manifest, None)

    def _write(self, manifest: Manifest, reference: str | None) -> None:
        self.check_push()
        if self._referrers.pop(manifest.digest, None) is not None:
            self._store.put_manifest(
                manifest
            )  # a referrer that is copied itself: its subject is another manifest
        unpacked = write_combined_archive(
            self._store,
            manifest.digest,
            reference,
            self._path,
            workspace=self._workspace,
            for_daemons=self._for_daemons,
            check=self._check,
            attached=(*self._referrers.values(), *self._attached.items()),
        )
        alone = loaded_alone(self._store, manifest) if self._for_daemons else None
        if alone is not None:
            text = f"`{self.name}`: a docker daemon without the containerd image store loads {alone}"
            self._sink.emit(Note(level="info", text=text))
        if unpacked:
            count = len(unpacked)
            text = f"`{self.name}`: zstd layers are stored uncompressed too ({count}), for docker daemons before 23"
            self._sink.emit(Note(level="info", text=text))

    def tags(self) -> tuple[str, ...]:
        """The tag that this object wrote; () if it wrote none, or wrote an archive for daemons that names no image."""
        return () if self._for_daemons and self._image is None else tuple(self._written)

    def check_push(self) -> None:
        """Raise `RefusedError` if the path is a symlink, not a regular file, or a file that is not an archive."""
        with contextlib.suppress(OSError):
            require_file(self._path, workspace=self._workspace)
            with open_file(self._path) as existing:
                head = existing.read(512)
            if not may_be_archive(head):
                raise RefusedError(
                    f"`{self._path}` is not an archive, so no image replaces it",
                    hint="remove the file, or name another path",
                )

    def delete_tag(self, tag: str) -> None:
        """Raise `Invalid`: an archive is only replaced as a whole."""
        raise Invalid(f"`{tag}` cannot be deleted from `{self.name}`", hint="remove the file")

    def delete_manifest(self, digest: str) -> None:
        """Raise `Invalid`: an archive is only replaced as a whole."""
        raise Invalid(f"`{digest}` cannot be deleted from `{self.name}`", hint="remove the file")
