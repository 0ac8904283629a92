"""Several places read as one repository: the images of one release that other tools or runners left apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from release.errors import NotFound
from release.image_names.oci_archive import ReadOnly
from release.oci import Descriptor, Manifest, Repository
from release.oci.manifest import children, describe


class JoinedImages(ReadOnly):
    """Reads `index`, which no place has, and everything below it from the place that has it. Thread-safe.

    `places`: asked in this order for what no manifest told the place of.
    """

    def __init__(self, name: str, index: Manifest, places: Sequence[Repository]) -> None:
        self._name = name
        self._index = index
        self._places = tuple(places)
        # Content -> the place whose manifest names it. Threads only add; each would add the same.
        self._owners: dict[str, Repository] = {}

    @property
    def name(self) -> str:
        """As plans name it."""
        return self._name

    def resolve(self, reference: str) -> Descriptor | None:
        """The descriptor of the index, or of something below it; None for another digest. There are no tags."""
        if reference == self._index.digest:
            return describe(self._index)
        return next((found for place in self._places if (found := place.resolve(reference))), None)

    def manifest(self, reference: str) -> Manifest:
        """The index, or a manifest of one of the places. Raises `NotFound`."""
        if reference == self._index.digest:
            return self._index
        for place in self._places:
            if place.resolve(reference) is None:
                continue
            found = place.manifest(reference)
            self._owners.update({child.digest: place for child in children(found)})
            return found
        raise NotFound(f"none of the places that were given has the manifest {reference}")

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """A stream of the blob, from the place whose manifest names it. Raises `NotFound`."""
        return self._place_of(descriptor).open_blob(descriptor)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether one of the places has the blob."""
        return any(place.has_blob(descriptor) for place in self._places)

    def tags(self) -> tuple[str, ...]:
        """None: the joined image has no name yet."""
        return ()

    def _place_of(self, descriptor: Descriptor) -> Repository:
        owner = self._owners.get(descriptor.digest)
        if owner is not None:
            return owner
        for place in self._places:
            if place.has_blob(descriptor):
                return place
        raise NotFound(f"none of the places that were given has the blob {descriptor.digest}")
