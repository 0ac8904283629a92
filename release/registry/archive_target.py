"""An archive that is written, `oci-archive:FILE` or `docker-archive:FILE`: a `Repository` in front of a layout.

What arrives is kept in the content store; a tag writes the archive, which both `docker load` and readers of OCI
layouts take, under a temporary name first. Without a tag there is no archive.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import IO

from release.errors import ConfigError, Invalid
from release.files import require_file
from release.registry import Descriptor, Manifest
from release.registry.archive import write_combined_archive
from release.registry.documents import describe
from release.registry.layout import Layout
from release.world import Note, Sink


class ArchiveTarget:
    """`path`: the archive, replaced if it exists. `store`: where content waits for it. `image`: its repository's name.

    `shown`: transport and path for messages. `for_daemons`: old ones must be able to read every layer too.
    `workspace`: no symlink below it is followed to the archive.
    """

    def __init__(
        self,
        path: str,
        *,
        store: Layout,
        shown: str,
        sink: Sink,
        image: str = "image",
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

    @property
    def name(self) -> str:
        """Transport and path."""
        return self._shown

    def resolve(self, reference: str) -> Descriptor | None:
        """What was written here under a tag, or what is ready by its digest."""
        written = self._written.get(reference)
        if written is not None:
            return describe(written)
        return self._store.resolve(reference) if ":" in reference else None

    def manifest(self, reference: str) -> Manifest:
        """The manifest in the store. Raises `NotFound`."""
        return self._written.get(reference) or self._store.manifest(reference)

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob in the store."""
        return self._store.open_blob(descriptor)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the store has the blob."""
        return self._store.has_blob(descriptor)

    def put_blob(
        self, descriptor: Descriptor, reopen: Callable[[], IO[bytes]], *, mount_from: tuple[str, ...] = ()
    ) -> bool:
        """Keep the blob for the archive."""
        return self._store.put_blob(descriptor, reopen, mount_from=mount_from)

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Keep the manifest; with a tag, write the archive."""
        if tag is None:
            self._store.put_manifest(manifest)
            return
        if self._written and tag not in self._written:
            raise ConfigError(
                f"`{self.name}` holds one image under one tag", hint="write a layout, `oci:PATH`"
            )
        unpacked = write_combined_archive(
            self._store,
            manifest.digest,
            f"{self._image}:{tag}",
            self._path,
            workspace=self._workspace,
            for_daemons=self._for_daemons,
            check=self._check,
        )
        if unpacked:
            count = len(unpacked)
            text = f"`{self.name}`: zstd layers stand there unpacked too ({count}), for daemons before 23"
            self._sink.emit(Note(level="info", text=text))
        self._written[tag] = manifest

    def tags(self) -> tuple[str, ...]:
        """The tag that was written here."""
        return tuple(self._written)

    def check_push(self) -> None:
        """Raise `RefusedError` for a symlink or what else the archive could not replace."""
        with contextlib.suppress(OSError):
            require_file(self._path, workspace=self._workspace)

    def delete_tag(self, tag: str) -> None:
        """Refuse."""
        raise Invalid(f"`{self.name}` cannot lose `{tag}`", hint="remove the file")

    def delete_manifest(self, digest: str) -> None:
        """Refuse."""
        raise Invalid(f"`{self.name}` cannot lose `{digest}`", hint="remove the file")
