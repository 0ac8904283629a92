"""Copies an image between registries, layouts, archives, folders and daemons, by digest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from typing import Any, Literal, TypeVar

import msgspec

from release.app.images.put_tags import Placed, judge_tags, put_tags
from release.app.images.tag import PlacedTag, placed_tags
from release.app.session import Session
from release.effects.version_status import read_status
from release.errors import ConfigError, RefusedError
from release.events import Note
from release.image_names.choose_image import choose, read
from release.image_names.image_location import HoldsOneImage, ImageLocation, mounts
from release.image_names.locate import locate, locate_destination
from release.oci import Manifest
from release.oci.graph import read_manifests
from release.task_group import run_all
from release.transfer.copy import BLOBS, Survey, carry, read_back, survey
from release.transfer.copy_referrers import copy_attached
from release.transfer.prefetch import Converts, Prefetch
from release.versions.status import STATUS_TAG, lacking, require_free

_A = TypeVar("_A")
_B = TypeVar("_B")


class CopyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Copies the image `source` to `destination`. Without a tag in `destination` the image gets the tag of `source`.

    A `source` given by digest is copied without a tag. `platform`: only this image of an index. `referrers`: also
    signatures, attestations and SBOMs. `move`: take the tag from another image, unless it is a fixed tag. `jobs`: blobs
    sent concurrently. `compression`: for uncompressed layers of a daemon or of an archive of `docker save`; layers of
    other sources are copied as they are.
    """

    source: str
    destination: str
    platform: str | None = None
    referrers: bool = False
    move: bool = False
    jobs: int = BLOBS
    compression: Literal["gzip", "gzip-reproducible", "zstd"] = "gzip"


class CopyReport(msgspec.Struct, frozen=True, kw_only=True):
    """The image at its destination. `tags`: the tag of the image there, if any."""

    schema: Literal["shipmark.image-copy/1"] = "shipmark.image-copy/1"
    repository: str
    digest: str
    tags: tuple[PlacedTag, ...]


def copy(workspace: Session, request: CopyRequest) -> CopyReport:
    """Copy blobs and manifests by digest first, and put the tag last.

    So a copy that is interrupted leaves no incomplete image under a tag. Raises `RefusedError` in a run that is not
    trusted if the destination is a registry or a daemon, `ConfigError`, and the errors of `place_tags`.
    """
    with closing(locate(workspace, request.source, compression=request.compression)) as origin:
        return _copy_from(workspace, origin, request)


def _copy_from(workspace: Session, origin: ImageLocation, request: CopyRequest) -> CopyReport:
    target = locate_destination(workspace, request.destination)
    if target.registry is not None or request.destination.startswith("docker-daemon:"):
        workspace.require_trusted("image copy")
    if target.digest is not None:
        raise ConfigError(
            f"`{request.destination}` names a digest, but a copy keeps the digest of SOURCE",
            hint=f"write `{target.name}:TAG`",
        )
    if request.referrers and not getattr(target.repository, "holds_referrers", True):
        raise ConfigError(
            f"`{target.name}` has no place for signatures and other referrers",
            hint="leave `--referrers` out, or copy to a layout, `oci:PATH`",
        )
    with _ahead(workspace, origin, target, target.tag or origin.tag, request.jobs):
        manifest = read(origin, platform=request.platform)
    tag = target.tag or choose(origin).tag
    if tag is None and origin.digest is None and not isinstance(target.repository, HoldsOneImage):
        tags = origin.repository.tags()
        shown = f"has the tags {', '.join(f'`{name}`' for name in tags)}" if tags else "has no tag"
        raise ConfigError(
            f"`{request.destination}` names no tag, and the image in `{request.source}` {shown}",
            hint=f"write `{target.name}:TAG`",
        )
    if origin.tag == tag == STATUS_TAG:
        _require_no_loss(origin, target)
    elif tag is not None:
        require_free(tag)
    placed = _copy(workspace, origin, target, manifest, tag, request)
    return CopyReport(repository=target.name, digest=manifest.digest, tags=placed_tags(placed))


def _require_no_loss(origin: ImageLocation, target: ImageLocation) -> None:
    """Raise `RefusedError` if the destination says of a version what the source's statuses do not say or outrank."""
    if target.repository.resolve(STATUS_TAG) is None:
        return
    there, here = read_status(target.repository).statuses, read_status(origin.repository).statuses
    if lost := lacking(here, there):
        said = ", ".join(f"{one.version} is `{one.status}`" for one in lost[:3]) + (" …" if lost[3:] else "")
        raise RefusedError(
            f"`{target.name}:{STATUS_TAG}` has statuses that `{origin.name}:{STATUS_TAG}` lacks: {said}",
            hint="take back or restore these versions at the source, too, and copy again; or delete the tag first",
        )


def _ahead(
    workspace: Session, origin: ImageLocation, target: ImageLocation, tag: str | None, jobs: int
) -> AbstractContextManager[object]:
    """A context manager that uploads blobs while the source still converts others and its manifest is not known yet.

    Does nothing if the destination is not a registry, if the source converts nothing, or if the destination's tag is
    held: the tag may have to stay on another image, and the upload would be for nothing.
    """
    destination = target.repository
    if target.registry is None or not isinstance(origin.repository, Converts):
        return nullcontext()
    if tag is not None and destination.resolve(tag) is not None:
        return nullcontext()
    ahead = Prefetch(origin.repository, destination, jobs=jobs, sink=workspace.sink, cancel=workspace.cancel)
    origin.repository.announce(ahead.take)
    return ahead


def _copy(
    workspace: Session,
    origin: ImageLocation,
    target: ImageLocation,
    manifest: Manifest,
    tag: str | None,
    request: CopyRequest,
) -> tuple[Placed, ...]:
    repository, tags = target.repository, () if tag is None else (tag,)

    def judge() -> tuple[Placed, ...]:
        if not target.guarded:
            return tuple(Placed(tag=tag, result="put") for tag in tags)
        return judge_tags(repository, manifest.digest, tags, move=request.move, cancel=workspace.cancel)

    def ask() -> Survey:
        if origin.name == target.name:
            return Survey(digest=manifest.digest)
        return survey(origin.repository, repository, manifest.digest, top=manifest, cancel=workspace.cancel)

    # The tag is judged while the blobs are looked up, and both before anything is sent: otherwise a tag that must not
    # be taken would be refused only after an upload of minutes.
    judged, surveyed = _both(workspace, judge, ask)
    if origin.name != target.name:
        _send(workspace, origin, target, surveyed, request)
    if surveyed.missing:
        # Judged again: sending blobs takes minutes, in which another program may have put the tag.
        back = partial(read_back, repository, manifest.digest, workspace.cancel)
        judged, _ = _both(workspace, judge, back)
    if tag is None and isinstance(repository, HoldsOneImage):
        repository.put_only(manifest)
        return ()
    put = put_tags(repository, manifest, judged, cancel=workspace.cancel)
    # Folders, and archives for daemons without a name, keep no tag.
    return put if target.guarded else tuple(one for one in put if one.tag in repository.tags())


def _both(workspace: Session, one: Callable[[], _A], other: Callable[[], _B]) -> tuple[_A, _B]:
    tasks: list[Callable[[], Any]] = [one, other]
    first, second = run_all(tasks, jobs=2, cancel=workspace.cancel)
    return first, second


def _send(
    workspace: Session,
    origin: ImageLocation,
    target: ImageLocation,
    surveyed: Survey,
    request: CopyRequest,
) -> None:
    """Send the image by digest, and its referrers if the request says so."""
    how: dict[str, Any] = {
        "jobs": request.jobs,
        "sink": workspace.sink,
        "cancel": workspace.cancel,
        "mount_from": mounts(origin, target),
    }
    source, destination = origin.repository, target.repository
    elsewhere = partial(workspace.registries.layer, registry=origin.registry)
    copied = carry(source, destination, surveyed, **how, elsewhere=elsewhere)
    text = f"{copied.sent} blobs sent, {copied.present} there already or mounted"
    if request.referrers:
        digests = [one.digest for one in read_manifests(source, surveyed.digest)]
        attached = copy_attached(source, destination, digests, **how)
        text += f"; {len(attached)} referrers"
    workspace.sink.emit(Note(level="info", text=text))
