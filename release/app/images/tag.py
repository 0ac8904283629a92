"""Puts further tags on an image in its own repository."""

from __future__ import annotations

from typing import Literal

import msgspec

from release.app.images.put_tags import Placed, place_tags
from release.app.session import Session
from release.image_names.image_location import locate_target, read
from release.oci.reference import require_tag


class TagRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`move`: take moving tags from another image too; fixed ones (`1.4.2`) are never taken."""

    image: str
    tags: tuple[str, ...]
    move: bool = False


class PlacedTag(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that holds the image now. `result`: `created`, `put` (whatever it held) or `already-there`."""

    name: str
    result: str


class TagReport(msgspec.Struct, frozen=True, kw_only=True):
    """The tags that hold `digest` now."""

    schema: Literal["shipmark.image-tag/1"] = "shipmark.image-tag/1"
    repository: str
    digest: str
    tags: tuple[PlacedTag, ...]


def tag(workspace: Session, request: TagRequest) -> TagReport:
    """Put each tag, or none where one must not be taken. Raises `TagConflict` and `RefusedError`."""
    location = locate_target(workspace, request.image)
    if location.registry is not None:
        workspace.require_trusted("image tag")
    for name in request.tags:
        require_tag(name)
    manifest = read(location)
    placed = place_tags(location.repository, manifest, tuple(dict.fromkeys(request.tags)), move=request.move)
    return TagReport(repository=location.name, digest=manifest.digest, tags=placed_tags(placed))


def placed_tags(placed: tuple[Placed, ...]) -> tuple[PlacedTag, ...]:
    """The tags as reports list them."""
    return tuple(PlacedTag(name=one.tag, result=one.result) for one in placed)
