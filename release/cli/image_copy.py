"""`shipmark image copy`: an image from one place to another, by digest."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from release.cli.image_tag import show
from release.cli.locations import Location, locate, locate_destination, mounts, read
from release.cli.placing import Placed, judge_tags, place_tags
from release.cli.printing import data, document
from release.cli.session import Session
from release.cli.settings import Command, global_options, settings_of
from release.cli.signals import Watch
from release.errors import ConfigError
from release.registry import Manifest
from release.registry.referrers import copy_attached
from release.registry.transfer import copy_image, read_manifests
from release.world import Note

_SCHEMA = "shipmark.image-copy/1"


@click.command("copy", cls=Command)
@global_options
@click.argument("source")
@click.argument("destination")
@click.option("--platform", metavar="OS/ARCH", help="Only this platform's image, not the whole index.")
@click.option("--referrers", is_flag=True, help="Also what refers to it: signatures, attestations, SBOMs.")
@click.option("--move", is_flag=True, help="Also take the tag from another image; never a fixed one.")
@click.option("--jobs", type=click.IntRange(1, 16), default=4, show_default=True, help="Blobs at a time.")
@click.option("--json", "as_json", is_flag=True, help=f"One JSON document, schema `{_SCHEMA}`.")
@click.pass_context
def command(
    ctx: click.Context,
    source: str,
    destination: str,
    platform: str | None,
    referrers: bool,
    move: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Copy SOURCE to DESTINATION, byte for byte: all platforms, and everything below them.

    Besides registries and layouts, `oci-archive:FILE`, `docker-archive:FILE[:NAME:TAG]`, `docker-daemon:NAME:TAG` and
    `dir:FOLDER` are places. Only what has no manifest of its own (`docker save`, a daemon) gets one, and that is said.

    Without a tag, DESTINATION gets the tag of SOURCE; a SOURCE given by digest is copied without a tag. Content
    goes first and by digest, the tag last, so a copy that is interrupted leaves no half image under a name.
    """
    session = Session(settings_of(ctx))
    origin, target = locate(session, source), locate_destination(session, destination)
    if target.digest is not None:
        raise ConfigError(
            f"`{destination}` names a digest, and that is what SOURCE says", hint=f"write `{target.name}:TAG`"
        )
    with Watch(session.cancel, session.sink):
        manifest = read(origin, platform=platform)
        tag = target.tag or (origin.tag if origin.digest is None else None)
        wishes = _Wishes(tag=tag, move=move, jobs=jobs, referrers=referrers)
        placed = _copy(session, origin, target, manifest, wishes)
    if placed:
        show(target.name, manifest.digest, placed, as_json=as_json, schema=_SCHEMA)
    elif as_json:
        document({"schema": _SCHEMA, "repository": target.name, "digest": manifest.digest, "tags": []})
    else:
        data(f"{target.name}@{manifest.digest}")


class _Wishes(msgspec.Struct, frozen=True, kw_only=True):
    tag: str | None
    move: bool
    jobs: int
    referrers: bool


def _copy(
    session: Session, origin: Location, target: Location, manifest: Manifest, wishes: _Wishes
) -> tuple[Placed, ...]:
    tags = () if wishes.tag is None else (wishes.tag,)
    # A refusal before the first byte, not after the last.
    if target.guarded:
        judge_tags(target.repository, manifest.digest, tags, move=wishes.move)
    if origin.name != target.name:
        _send(session, origin, target, manifest, wishes)
    if target.guarded:
        return place_tags(target.repository, manifest, tags, move=wishes.move)
    for tag in tags:
        target.repository.put_manifest(manifest, tag=tag)
    return tuple(Placed(tag=tag, result="put") for tag in tags)


def _send(session: Session, origin: Location, target: Location, manifest: Manifest, wishes: _Wishes) -> None:
    """The content, and what refers to it, by digest."""
    how: dict[str, Any] = {
        "jobs": wishes.jobs,
        "sink": session.sink,
        "cancel": session.cancel,
        "mount_from": mounts(origin, target),
    }
    source, destination = origin.repository, target.repository
    copied = copy_image(source, destination, manifest.digest, **how)
    text = f"{copied.sent} blobs sent, {copied.present} there already or mounted"
    if wishes.referrers:
        digests = [one.digest for one in read_manifests(source, manifest.digest)]
        attached = copy_attached(source, destination, digests, **how)
        text += f"; {len(attached)} referrers"
    session.sink.emit(Note(level="info", text=text))
