"""Reads an image layout in a folder or in an archive.

Source: OCI image-spec v1.1, image-layout.
"""

from __future__ import annotations

from typing import IO

from release.errors import Invalid, NotFound, RegistryError
from release.hints import LARGE_IMAGE
from release.layout.index import Entries
from release.oci import INDEX_TYPES, Descriptor, Manifest
from release.oci.attached import describe_referrer, referrers_tag
from release.oci.grammar import is_digest
from release.oci.manifest import LARGEST_PULLED, children, read_manifest, subject
from release.oci.reference import require_name
from release.oci.verify import verified

#: The hint for an image whose parts are not all there, as an interrupted copy or a copy of one platform leaves it.
INCOMPLETE = (
    "the image is incomplete there: copy or build it again, or take one of its platforms with `--platform`"
)


class LayoutReader:
    """The reading half of a `Repository` over a layout. Subclasses supply the bytes."""

    @property
    def name(self) -> str:
        """The transport (such as `oci:`) and the path as the user gave it."""
        raise NotImplementedError

    def entries(self) -> Entries:
        """The current entries of `index.json`."""
        raise NotImplementedError

    def open_raw(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob as a stream. The size is checked, the digest is not: the receiver of a transfer compares that."""
        raise NotImplementedError

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the blob exists with the right size."""
        raise NotImplementedError

    def resolve(self, reference: str) -> Descriptor | None:
        """The descriptor of a tag, a whole reference or a digest, or None.

        A digest may be of a manifest that only an index in the layout lists.
        """
        entries = self.entries()
        if not is_digest(reference):
            return entries.named(require_name(reference))
        known = entries.with_digest(reference)
        return known if known is not None else self._nested(entries, reference)

    def manifest(self, reference: str) -> Manifest:
        """The manifest of a tag or digest; its digest is checked. Raises `NotFound`."""
        descriptor = self.resolve(reference)
        if descriptor is None:
            raise NotFound(
                f"`{self.name}` has no `{reference}`",
                hint=INCOMPLETE if is_digest(reference) and self.tags() else self._tag_hint(),
            )
        return self._load(descriptor)

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob as a stream. Reading it to its end checks size and digest (`DigestMismatch`)."""
        return verified(self.open_raw(descriptor), descriptor, source=f"`{self.name}`")

    def tags(self) -> tuple[str, ...]:
        """All tags, sorted."""
        return self.entries().names()

    def only(self) -> tuple[Descriptor, str | None] | None:
        """The only image and its tag; see `Entries.only`."""
        return self.entries().only()

    def is_ambiguous(self, name: str) -> bool:
        """Whether several images have this tag or reference."""
        return self.entries().is_ambiguous(name)

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """The manifests whose subject is `digest`, with artifact types. Missing and damaged manifests are skipped.

        Tools list referrers in two forms, and both are read: as entries of `index.json` (oras), or in the index of the
        fallback tag (regctl).
        """
        entries = self.entries()
        listed = self.fallback(entries, digest)
        # The index lists a manifest once for each of its tags; each manifest is read once.
        found = {item.digest: item for item in entries.descriptors()}
        found |= {item.digest: item for item in (children(listed) if listed is not None else ())}
        read = (self._readable(descriptor) for descriptor in found.values())
        return tuple(
            describe_referrer(manifest)
            for manifest in read
            if manifest is not None and (about := subject(manifest)) is not None and about.digest == digest
        )

    def fallback(self, entries: Entries, digest: str) -> Manifest | None:
        """The index of the fallback tag that lists the referrers of `digest`; None if there is none."""
        descriptor = entries.named(referrers_tag(digest))
        found = self._readable(descriptor) if descriptor is not None else None
        return found if found is not None and found.is_index else None

    def _readable(self, descriptor: Descriptor) -> Manifest | None:
        """The manifest; None if it is not one, or cannot be read. For entries that only a search looks at."""
        if not descriptor.is_manifest or not self.has_blob(descriptor):
            return None
        try:
            return self._load(descriptor)
        except RegistryError:
            return None

    def _load(self, descriptor: Descriptor) -> Manifest:
        if descriptor.size > LARGEST_PULLED:
            raise Invalid(
                f"manifest `{descriptor.digest}` in `{self.name}` has {descriptor.size} bytes,"
                f" more than {LARGEST_PULLED}",
                hint=LARGE_IMAGE,
            )
        with self.open_raw(descriptor) as stream:
            raw = stream.read(LARGEST_PULLED + 1)
        return read_manifest(
            raw,
            descriptor.media_type,
            expected=descriptor.digest,
            source=f"`{self.name}@{descriptor.digest}`",
        )

    def _nested(self, entries: Entries, digest: str) -> Descriptor | None:
        """The descriptor of a manifest that has no entry, but that an index in the layout lists."""
        waiting = list(entries.descriptors())
        seen: set[str] = set()
        while waiting:
            descriptor = waiting.pop()
            if descriptor.digest == digest:
                return descriptor if self.has_blob(descriptor) else None
            if descriptor.media_type not in INDEX_TYPES or descriptor.digest in seen:
                continue
            seen.add(descriptor.digest)
            index = self._readable(descriptor)
            waiting.extend(children(index) if index is not None else ())
        return None

    def _tag_hint(self) -> str:
        names = self.tags()
        if names:
            return f"tags that exist: {', '.join(names[:10])}"
        if any(self.entries().descriptors()):
            return f"its images have no tags: write `{self.name}` if it holds one image, else `{self.name}@DIGEST`"
        return "there is no image: check the path"
