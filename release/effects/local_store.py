"""Opens the sources of an image: a plan's targets, the content store in the cache folder, the image of `run --from`."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Protocol

from release.errors import NotFound, RegistryError
from release.layout.layout import Layout
from release.oci import Registries, Repository
from release.oci.graph import blobs_of, read_manifests
from release.plan.evidence import STORE
from release.plan.supply import FROM


class ContentStore(Protocol):
    """The content store that builders write to."""

    path: str

    def open(self) -> Repository:
        """Open the store as a repository."""

    def mark_used(self, digest: str) -> None:
        """Note that the image was used now: trimming the cache deletes the least recently used images first."""


class LocalStore:
    """A content store in a folder: an OCI layout."""

    def __init__(self, path: str) -> None:
        self.path = path

    def open(self) -> Layout:
        """Open the store as an OCI layout."""
        return Layout(self.path)

    def mark_used(self, digest: str) -> None:
        """Set the times of the image's blobs to now.

        Errors are ignored: at worst the image is deleted early and built again.
        """
        store = self.open()
        with suppress(OSError, RegistryError):
            manifests = read_manifests(store, digest)
            blobs = [blob.digest for blob in blobs_of(manifests)]
            for name in (*blobs, *(manifest.digest for manifest in manifests)):
                os.utime(store.blob_path(name), follow_symlinks=False)


class Sources:
    """Opens the sources of images that plans name: a target, `store`, or `from`.

    `supplied`: the image given by `run --from`.
    """

    def __init__(
        self, registries: Registries, store: ContentStore, *, supplied: Repository | None = None
    ) -> None:
        self._registries = registries
        self.store = store
        self._supplied = supplied

    def open(self, name: str) -> Repository:
        """Open the repository with the name `name` in the plan.

        Raises `NotFound` for `from` if the run was not given an image.
        """
        if name == FROM:
            if self._supplied is None:
                raise NotFound(
                    "the plan's image was given with `--from`, and this run has no `--from`",
                    hint="give the same `--from` again, beside `--plan`",
                )
            return self._supplied
        return self.store.open() if name == STORE else self._registries.open(name)
