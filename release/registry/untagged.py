"""Registries that show a manifest only while a tag names it, such as Quay before 3.9.

Such registries accept a manifest by digest, and then answer 404 for the digest until a tag, or an index under a tag,
leads to it.
What such a registry stored is verified by the blobs of the manifest, and by the tag when it is read back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from release.events import Note
from release.oci import Descriptor, Manifest
from release.oci.graph import blobs_of, manifests_in
from release.registry.hosts.host import Host


class Untagged:
    """The manifests that this run put by digest into one repository. `has_blob`: asks the repository. Thread-safe."""

    def __init__(self, host: Host, repository: str, has_blob: Callable[[Descriptor], bool]) -> None:
        self._host = host
        self._repository = repository
        self._has_blob = has_blob
        # Guards both members, since threads put manifests at once.
        self._lock = threading.Lock()
        self._accepted: dict[str, Manifest] = {}
        self._whole: set[str] = set()  # digests whose blobs were all found

    def accepted(self, manifest: Manifest) -> None:
        """Note that the registry accepted the manifest by its digest."""
        with self._lock:
            self._accepted[manifest.digest] = manifest

    def hidden(self, digest: str) -> Manifest | None:
        """The manifest of a digest that the registry answers with 404, if it was accepted and its blobs are there.

        None for a registry that is not known to hide manifests.
        """
        return self._verified(digest) if self._host.hides_untagged else None

    def settle(self, digest: str) -> bool:
        """Whether the registry accepted the digest and has its blobs, for a digest that was not shown for seconds.

        If so, the host counts as one that hides manifests for the rest of the run; the warning about that is printed
        once.
        """
        found = self._verified(digest)
        if found is None:
            return False
        with self._lock:
            is_news, self._host.hides_untagged = not self._host.hides_untagged, True
        if is_news:
            text = (
                f"`{self._host.registry}` shows a manifest only under a tag: what is pushed by digest is verified"
                " by its blobs, and again when its tag is read back"
            )
            self._host.ports.sink.emit(Note(level="warning", text=text))
        return True

    def _verified(self, digest: str) -> Manifest | None:
        with self._lock:
            manifest = self._accepted.get(digest)
            if manifest is None or digest in self._whole:
                return manifest
        parts = [self._verified(child.digest) for child in manifests_in(manifest)]
        if None in parts or not all(map(self._has_blob, blobs_of((manifest,)))):
            return None
        with self._lock:
            self._whole.add(digest)
        return manifest
