"""Puts further tags on an image, in the repository that has it."""

from __future__ import annotations

from typing import Literal

import msgspec

from release.app.images.put_tags import Placed, place_tags
from release.app.session import Session
from release.image_names.choose_image import read
from release.image_names.locate import locate_target
from release.oci.grammar import require_tag
from release.versions.status import require_free


class TagRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Puts `tags` on `image`. `move`: also take moving tags from another image; fixed ones are never taken."""

    image: str
    tags: tuple[str, ...]
    move: bool = False


class PlacedTag(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that holds the image now. `result`: `created`, `put` (whatever the tag held before) or `already-there`."""

    name: str
    result: str


class TagReport(msgspec.Struct, frozen=True, kw_only=True):
    """The tags that hold `digest` now."""

    schema: Literal["shipmark.image-tag/1"] = "shipmark.image-tag/1"
    repository: str
    digest: str
    tags: tuple[PlacedTag, ...]


def tag(workspace: Session, request: TagRequest) -> TagReport:
    """Put all tags on the image; put none if one of them must not be taken. Raises `TagConflict`, `RefusedError`."""
    location = locate_target(workspace, request.image)
    if location.registry is not None:
        workspace.require_trusted("image tag")
    for name in request.tags:
        require_free(require_tag(name))
    manifest = read(location)
    names = tuple(dict.fromkeys(request.tags))
    placed = place_tags(location.repository, manifest, names, move=request.move, cancel=workspace.cancel)
    return TagReport(repository=location.name, digest=manifest.digest, tags=placed_tags(placed))


def placed_tags(placed: tuple[Placed, ...]) -> tuple[PlacedTag, ...]:
    """The placed tags in the form that reports list."""
    return tuple(PlacedTag(name=one.tag, result=one.result) for one in placed)
