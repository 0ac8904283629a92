"""Reads several repositories as one: the images of one release that several tools or runners built."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from release.errors import NotFound
from release.image_names.oci_archive import ReadOnly
from release.oci import Descriptor, Manifest, Repository
from release.oci.manifest import children, describe

_ELSEWHERE = "name the place that holds it with one more `--from`; a place may have changed meanwhile"


class JoinedImages(ReadOnly):
    """An index that no repository has, and the manifests and blobs below it, read from `places`. Thread-safe.

    `places`: the repositories, searched in this order. A blob is read from the one whose manifest names the blob, if
    that manifest was read.
    """

    def __init__(self, name: str, index: Manifest, places: Sequence[Repository]) -> None:
        self._name = name
        self._index = index
        self._places = tuple(places)
        # Digest -> the place whose manifest names it. Needs no lock: threads only add entries, and equal ones.
        self._owners: dict[str, Repository] = {}

    @property
    def name(self) -> str:
        """The repository's name in plans."""
        return self._name

    def resolve(self, reference: str) -> Descriptor | None:
        """The descriptor of the index, or of a manifest that one of the repositories has; else None."""
        if reference == self._index.digest:
            return describe(self._index)
        return next((found for place in self._places if (found := place.resolve(reference))), None)

    def manifest(self, reference: str) -> Manifest:
        """The index, or a manifest of one of the repositories. Raises `NotFound`."""
        if reference == self._index.digest:
            return self._index
        for place in self._places:
            if place.resolve(reference) is None:
                continue
            found = place.manifest(reference)
            self._owners.update({child.digest: place for child in children(found)})
            return found
        raise NotFound(f"none of the places that were given has the manifest {reference}", hint=_ELSEWHERE)

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """A stream of the blob: from the repository whose manifest names it, if that manifest was read and it is there.

        Else from the first repository that has it. Raises `NotFound`.
        """
        owner = self._owners.get(descriptor.digest)
        if owner is not None:
            with suppress(NotFound):
                return owner.open_blob(descriptor)
        for place in self._places:
            if place.has_blob(descriptor):
                return place.open_blob(descriptor)
        raise NotFound(
            f"none of the places that were given has the blob {descriptor.digest}", hint=_ELSEWHERE
        )

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether one of the repositories has the blob."""
        return any(place.has_blob(descriptor) for place in self._places)

    def tags(self) -> tuple[str, ...]:
        """An empty tuple: a joined image has no tags before it is released."""
        return ()
