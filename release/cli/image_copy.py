"""`shipmark image copy`: an image from one place to another, by digest."""

from __future__ import annotations

import click

from release.cli.image_tag import show
from release.cli.locations import Location, locate, mounts, read
from release.cli.placing import Placed, judge_tags, place_tags
from release.cli.printing import data, document
from release.cli.session import Session
from release.cli.settings import Command, global_options, settings_of
from release.cli.signals import Watch
from release.errors import ConfigError
from release.registry import Manifest
from release.registry.transfer import copy_image
from release.world import Note

_SCHEMA = "shipmark.image-copy/1"


@click.command("copy", cls=Command)
@global_options
@click.argument("source")
@click.argument("destination")
@click.option("--platform", metavar="OS/ARCH", help="Only this platform's image, not the whole index.")
@click.option("--move", is_flag=True, help="Also take the tag from another image; never a fixed one.")
@click.option("--jobs", type=click.IntRange(1, 16), default=4, show_default=True, help="Blobs at a time.")
@click.option("--json", "as_json", is_flag=True, help=f"One JSON document, schema `{_SCHEMA}`.")
@click.pass_context
def command(
    ctx: click.Context,
    source: str,
    destination: str,
    platform: str | None,
    move: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Copy SOURCE to DESTINATION, byte for byte: all platforms, and everything below them.

    Without a tag, DESTINATION gets the tag of SOURCE; a SOURCE given by digest is copied without a tag. Content
    goes first and by digest, the tag last, so a copy that is interrupted leaves no half image under a name.
    """
    session = Session(settings_of(ctx))
    origin, target = locate(session, source), locate(session, destination)
    if target.digest is not None:
        raise ConfigError(
            f"`{destination}` names a digest, and that is what SOURCE says", hint=f"write `{target.name}:TAG`"
        )
    with Watch(session.cancel, session.sink):
        manifest = read(origin, platform=platform)
        tag = target.tag or (origin.tag if origin.digest is None else None)
        placed = _copy(session, origin, target, manifest, tag, move=move, jobs=jobs)
    if placed:
        show(target.name, manifest.digest, placed, as_json=as_json, schema=_SCHEMA)
    elif as_json:
        document({"schema": _SCHEMA, "repository": target.name, "digest": manifest.digest, "tags": []})
    else:
        data(f"{target.name}@{manifest.digest}")


def _copy(
    session: Session,
    origin: Location,
    target: Location,
    manifest: Manifest,
    tag: str | None,
    *,
    move: bool,
    jobs: int,
) -> tuple[Placed, ...]:
    tags = () if tag is None else (tag,)
    # A refusal before the first byte, not after the last.
    judge_tags(target.repository, manifest.digest, tags, move=move)
    if origin.name != target.name:
        copied = copy_image(
            origin.repository,
            target.repository,
            manifest.digest,
            jobs=jobs,
            sink=session.sink,
            cancel=session.cancel,
            mount_from=mounts(origin, target),
        )
        text = f"{copied.sent} blobs sent, {copied.present} there already or mounted"
        session.sink.emit(Note(level="info", text=text))
    return place_tags(target.repository, manifest, tags, move=move)
