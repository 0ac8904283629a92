"""Deletes a single tag, or a manifest together with every tag on it."""

from __future__ import annotations

from typing import Literal

import msgspec

from release.app.images.list_tags import by_version, held_by
from release.app.session import Session
from release.errors import ConfigError, DeletionDisabled, Denied, Invalid, NotFound, RefusedError
from release.events import Note
from release.image_names.image_location import ImageLocation
from release.image_names.locate import locate_target
from release.oci import Descriptor
from release.transfer.delete import (
    delete_manifest,
    delete_tag,
    deletes_no_tags,
    require_deletion,
    still_there,
)
from release.transfer.holders import require_unused


class DeleteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`by_digest`: delete the manifest, and with it every tag on it.

    `preview`: delete nothing; the registry is asked whether it would, by deleting what does not exist.
    """

    image: str
    by_digest: bool = False
    preview: bool = False


class DeleteReport(msgspec.Struct, frozen=True, kw_only=True):
    """The tags, and the digest, that were deleted, or in a preview would be deleted.

    `digest`: None if only a tag goes. `deleted`: false in a preview.
    """

    schema: Literal["shipmark.image-delete/1"] = "shipmark.image-delete/1"
    repository: str
    digest: str | None
    tags: tuple[str, ...]
    deleted: bool


def delete(workspace: Session, request: DeleteRequest) -> DeleteReport:
    """Delete the tag or the manifest. A manifest that a tagged index lists, or that has referrers, is never deleted."""
    location = locate_target(workspace, request.image)
    if location.registry is not None:
        workspace.require_trusted("image delete")
    remove = _delete_digest if request.by_digest else _delete_tag
    digest, tags = remove(workspace, location, preview=request.preview)
    return DeleteReport(
        repository=location.name,
        digest=digest if request.by_digest else None,
        tags=tags,
        deleted=not request.preview,
    )


def _delete_tag(workspace: Session, location: ImageLocation, *, preview: bool) -> tuple[str, tuple[str, ...]]:
    if location.tag is None:
        raise ConfigError(
            f"`{location.text}` names no tag",
            hint="write `REPOSITORY:TAG`; `--digest` deletes a digest together with every tag on it",
        )
    try:
        held = location.repository.resolve(location.tag)
    except Invalid:
        if location.digest is not None:
            raise
        return _delete_unread(location, location.tag, preview=preview)
    if held is None:
        is_listed = location.tag in location.repository.tags()
        raise _absent(location, f"{'manifest under the tag' if is_listed else 'tag'} `{location.tag}`")
    if location.digest is not None and held.digest != location.digest:
        raise RefusedError(
            f"`{location.name}:{location.tag}` holds {held.digest}, not {location.digest}",
            hint="the tag was moved: find out what it holds now, then repeat",
        )
    try:
        if preview:
            _require_deletion(location, location.tag)
        else:
            delete_tag(location.repository, location.tag, sink=workspace.sink, cancel=workspace.cancel)
    except DeletionDisabled:
        raise
    except Invalid as error:
        if not deletes_no_tags(error):
            raise
        raise _cannot(workspace, location, held, error) from error
    return held.digest, (location.tag,)


def _delete_unread(location: ImageLocation, tag: str, *, preview: bool) -> tuple[str, tuple[str, ...]]:
    """Delete a tag that holds no image, such as one of Docker's schema 1: it stands in the way of other deletions.

    Its digest is not known, so tags that a registry would delete along with it cannot be put back.
    """
    if preview:
        _require_deletion(location, tag)
        return "", (tag,)
    location.repository.delete_tag(tag)
    if tag in location.repository.tags():
        raise still_there(location.repository, tag)
    return "", (tag,)


def _cannot(workspace: Session, location: ImageLocation, held: Descriptor, error: Invalid) -> Invalid:
    """The error for a registry that cannot delete a single tag; it names the other tags on the digest."""
    others = [tag for tag in _tags_on(workspace, location, held.digest) if tag != location.tag]
    shared = f"; {_names(others)} share its digest" if others else "; no other tag is on its digest"
    return Invalid(
        f"{error.message}{shared}",
        hint=f"`shipmark image delete --digest {location.name}@{held.digest}` deletes "
        f"{'all of them' if others else 'the digest and this tag'}",
        status=error.status,
        code=error.code,
    )


def _delete_digest(
    workspace: Session, location: ImageLocation, *, preview: bool
) -> tuple[str, tuple[str, ...]]:
    if location.reference is None:
        raise ConfigError(
            f"`{location.text}` names neither tag nor digest", hint="write `REPOSITORY@sha256:…`"
        )
    held = location.repository.resolve(location.reference)
    if held is None:
        raise _absent(location, f"`{location.reference}`")
    listed = held_by(workspace, location.repository, by_version(location.repository.tags()))
    tags = tuple(
        tag for tag, one in listed.items() if isinstance(one, Descriptor) and one.digest == held.digest
    )
    others = [tag for tag in tags if tag != location.tag]
    if location.digest is None and others:
        raise RefusedError(
            f"{_names(others)} of `{location.name}` share the digest of `{location.tag}` and would go with it",
            hint=f"name the digest to delete all of them: `{location.name}@{held.digest}`",
        )
    require_unused(workspace.cancel, location.repository, held.digest, listed)
    workspace.sink.emit(Note(level="info", text=f"{held.digest} is {_names(tags) or 'under no tag'}"))
    if preview:
        _require_deletion(location, None)
    else:
        delete_manifest(location.repository, held.digest, cancel=workspace.cancel)
    return held.digest, tags


def _require_deletion(location: ImageLocation, tag: str | None) -> None:
    """Raise what the deletion would raise, as far as the registry tells. Only a request to delete tells it."""
    try:
        require_deletion(location.repository, tag=tag)
    except Denied as error:
        asked = "a preview asks the registry to delete a random name, which needs the right to delete"
        hint = f"{error.hint}; {asked}" if error.hint else asked
        raise Denied(error.message, hint=hint, status=error.status, code=error.code) from error


def _absent(location: ImageLocation, what: str) -> NotFound:
    return NotFound(
        f"`{location.name}` has no {what}",
        hint=f"it may be gone already; `shipmark image list --digests {location.name}` lists what is there",
    )


def _tags_on(workspace: Session, location: ImageLocation, digest: str) -> list[str]:
    listed = held_by(workspace, location.repository, by_version(location.repository.tags()))
    return [tag for tag, one in listed.items() if isinstance(one, Descriptor) and one.digest == digest]


def _names(tags: list[str] | tuple[str, ...]) -> str:
    # 20 tags: enough to recognise the image; a digest can have hundreds of tags, which would fill the message.
    shown = ", ".join(f"`{tag}`" for tag in tags[:20])
    return f"{shown} and {len(tags) - 20} more" if len(tags) > 20 else shown
