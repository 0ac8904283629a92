"""The entries of a layout's `index.json`: which tags name which digests. Pure.

Entries are kept as they were read, so that annotations of other tools survive. An operation changes only the entries of
its tag or digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from release.decoding import convert
from release.errors import ConfigError, Invalid
from release.hints import ODD_IMAGE
from release.json_text import parse_json
from release.layout.entry_names import REF_NAME, called, is_named, only_image, tag_of, without_name
from release.oci import Descriptor
from release.oci.grammar import is_digest
from release.oci.manifest import without_nulls


class Entries:
    """The parsed `index.json`. Methods change it; `encode` returns the new bytes."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._items: list[dict[str, Any]] = document["manifests"]

    def encode(self) -> bytes:
        """The bytes of `index.json`."""
        return json.dumps(self._document, separators=(",", ":"), ensure_ascii=False).encode()

    def descriptors(self) -> Iterator[Descriptor]:
        """The descriptor of each entry, without its annotations."""
        for item in self._items:
            yield _descriptor(item)

    def named(self, name: str) -> Descriptor | None:
        """The descriptor of a tag or a whole reference, or None. Of several entries the first counts, as for skopeo."""
        return next((_descriptor(item) for item in called(self._items, name)), None)

    def is_ambiguous(self, name: str) -> bool:
        """Whether several entries of different digests have this tag or reference."""
        return len({item["digest"] for item in called(self._items, name)}) > 1

    def only(self) -> tuple[Descriptor, str | None] | None:
        """The only image and its tag; None if there are several images, or none. The tag is None if it has several."""
        found = only_image(self._items)
        if found is None:
            return None
        tags = {tag for item in self._items if item["digest"] == found["digest"] and (tag := tag_of(item))}
        return _descriptor(found), tags.pop() if len(tags) == 1 else None

    def with_digest(self, digest: str) -> Descriptor | None:
        """The descriptor of an entry for the digest, or None."""
        return next((_descriptor(item) for item in self._items if item["digest"] == digest), None)

    def names(self) -> tuple[str, ...]:
        """All tags, sorted, also those in whole references."""
        return tuple(sorted({tag for item in self._items if (tag := tag_of(item))}))

    def add(self, descriptor: Descriptor, tag: str | None) -> None:
        """Add an entry for `descriptor`, unless the tag names it already. `tag` is removed from other entries.

        `tag` None: add an entry without a name, unless the digest has an entry.
        """
        if tag is None:
            if self.with_digest(descriptor.digest) is None:
                self._items.append(_item(descriptor, None))
            return
        if (held := self.named(tag)) is not None and held.digest == descriptor.digest:
            return
        self.untag(tag)
        self._items[:] = [
            item for item in self._items if is_named(item) or item["digest"] != descriptor.digest
        ]
        self._items.append(_item(descriptor, tag))

    def untag(self, tag: str) -> None:
        """Remove the tag. If the digest has no other entry, an entry without a name keeps it reachable."""
        for item in [item for item in self._items if tag_of(item) == tag]:
            if sum(other["digest"] == item["digest"] for other in self._items) > 1:
                self._items.remove(item)
                continue
            without_name(item)

    def absorb(self, digests: Iterable[str]) -> None:
        """Remove entries without a name for `digests`, which an index in the layout now lists."""
        listed = frozenset(digests)
        self._items[:] = [item for item in self._items if is_named(item) or item["digest"] not in listed]

    def remove(self, digest: str) -> None:
        """Remove every entry of the digest."""
        self._items[:] = [item for item in self._items if item["digest"] != digest]


def read_entries(raw: bytes, source: str) -> Entries:
    """Parse `index.json`. `source`: the layout's name in messages.

    Raises `Invalid` for text that is not JSON, without a list `manifests`, or with an entry that is not a descriptor.
    """
    try:
        document = parse_json(raw, "index.json")
    except ConfigError as error:
        raise Invalid(
            f"`index.json` of `{source}` cannot be used: {error.message}", hint=ODD_IMAGE
        ) from error
    if isinstance(document, dict) and document.get("manifests", ...) is None:
        document["manifests"] = []  # what Go writes for a list that was never filled
    items = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise Invalid(f"`index.json` of `{source}` has no list `manifests`", hint=ODD_IMAGE)
    for position, item in enumerate(items):
        _require(item, f"`index.json` of `{source}`, manifests[{position}]")
    return Entries(document)


def _require(item: Any, where: str) -> None:
    try:
        descriptor = convert(without_nulls(item), Descriptor)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Invalid(f"{where}: not a descriptor: {error}", hint=ODD_IMAGE) from error
    if not is_digest(descriptor.digest) or descriptor.size < 0:
        raise Invalid(f"{where}: digest or size is invalid", hint=ODD_IMAGE)


def _descriptor(item: dict[str, Any]) -> Descriptor:
    return Descriptor(
        media_type=item["mediaType"],
        digest=item["digest"],
        size=item["size"],
        artifact_type=item.get("artifactType"),
        platform=item.get("platform"),
    )


def _item(descriptor: Descriptor, tag: str | None) -> dict[str, Any]:
    item: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
    if tag is not None:
        item["annotations"] = {REF_NAME: tag}
    return item
