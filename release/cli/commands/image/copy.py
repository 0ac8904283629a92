"""`shipmark image copy`: an image from one place to another, by digest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

import click
import msgspec

from release.app.releases.put_tags import Placed, judge_tags, put_tags
from release.app.session import Session
from release.cli.commands.image.tag import show
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.errors import ConfigError
from release.events import Note
from release.image_names.image_location import ImageLocation, locate, locate_destination, mounts, read
from release.oci import Manifest
from release.oci.graph import read_manifests
from release.task_group import run_all
from release.transfer.copy import Survey, carry, read_back, survey
from release.transfer.prefetch import Converts, Prefetch
from release.transfer.referrers import copy_attached

_SCHEMA = "shipmark.image-copy/1"
_A = TypeVar("_A")
_B = TypeVar("_B")


@click.command("copy", cls=Command)
@global_options
@click.argument("source")
@click.argument("destination")
@click.option("--platform", metavar="OS/ARCH", help="Only this platform's image, not the whole index.")
@click.option("--referrers", is_flag=True, help="Also what refers to it: signatures, attestations, SBOMs.")
@click.option("--move", is_flag=True, help="Also take the tag from another image; never a fixed one.")
@click.option("--jobs", type=click.IntRange(1, 16), default=4, show_default=True, help="Blobs at a time.")
@click.option(
    "--compression",
    type=click.Choice(["gzip", "gzip-reproducible", "zstd"]),
    default="gzip",
    show_default=True,
    help="Of layers that come uncompressed, from a daemon or `docker save`.",
)
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
    compression: str,
    as_json: bool,
) -> None:
    """Copy SOURCE to DESTINATION, byte for byte: all platforms, and everything below them.

    Besides registries and layouts, `oci-archive:FILE`, `docker-archive:FILE[:NAME:TAG]`, `docker-daemon:NAME:TAG` and
    `dir:FOLDER` are places. Only what has no manifest of its own (`docker save`, a daemon) gets one, and that is said.

    Without a tag, DESTINATION gets the tag of SOURCE; a SOURCE given by digest is copied without a tag. Content
    goes first and by digest, the tag last, so a copy that is interrupted leaves no half image under a name.
    """
    session = open_session(ctx)
    origin = locate(session, source, compression=compression)
    target = locate_destination(session, destination)
    if target.registry is not None or destination.startswith("docker-daemon:"):
        session.require_trusted("image copy")
    if target.digest is not None:
        raise ConfigError(
            f"`{destination}` names a digest, and that is what SOURCE says", hint=f"write `{target.name}:TAG`"
        )
    tag = target.tag or (origin.tag if origin.digest is None else None)
    wishes = _Wishes(tag=tag, move=move, jobs=jobs, referrers=referrers)
    with _ahead(session, origin, target, wishes):
        manifest = read(origin, platform=platform)
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


def _ahead(
    session: Session, origin: ImageLocation, target: ImageLocation, wishes: _Wishes
) -> AbstractContextManager[object]:
    """Where blobs go before the manifest is known: to a registry, when there is nothing that would refuse it."""
    destination = target.repository
    if target.registry is None or not isinstance(origin.repository, Converts):
        return nullcontext()
    if wishes.tag is not None and destination.resolve(wishes.tag) is not None:
        return nullcontext()
    ahead = Prefetch(
        origin.repository, destination, jobs=wishes.jobs, sink=session.sink, cancel=session.cancel
    )
    origin.repository.announce(ahead.take)
    return ahead


def _copy(
    session: Session, origin: ImageLocation, target: ImageLocation, manifest: Manifest, wishes: _Wishes
) -> tuple[Placed, ...]:
    repository, tags = target.repository, () if wishes.tag is None else (wishes.tag,)

    def judge() -> tuple[Placed, ...]:
        if not target.guarded:
            return tuple(Placed(tag=tag, result="put") for tag in tags)
        return judge_tags(repository, manifest.digest, tags, move=wishes.move)

    def ask() -> Survey:
        if origin.name == target.name:
            return Survey(digest=manifest.digest)
        return survey(origin.repository, repository, manifest.digest, top=manifest, cancel=session.cancel)

    # All questions in one go. A refusal comes before the first byte, not after the last.
    judged, surveyed = _both(session, judge, ask)
    if origin.name != target.name:
        _send(session, origin, target, surveyed, wishes)
    if surveyed.missing:
        back = partial(read_back, repository, manifest.digest, session.cancel)
        judged, _ = _both(session, judge, back)
    return put_tags(repository, manifest, judged)


def _both(session: Session, one: Callable[[], _A], other: Callable[[], _B]) -> tuple[_A, _B]:
    tasks: list[Callable[[], Any]] = [one, other]
    first, second = run_all(tasks, jobs=2, cancel=session.cancel)
    return first, second


def _send(
    session: Session, origin: ImageLocation, target: ImageLocation, surveyed: Survey, wishes: _Wishes
) -> None:
    """The content, and what refers to it, by digest."""
    how: dict[str, Any] = {
        "jobs": wishes.jobs,
        "sink": session.sink,
        "cancel": session.cancel,
        "mount_from": mounts(origin, target),
    }
    source, destination = origin.repository, target.repository
    copied = carry(source, destination, surveyed, **how)
    text = f"{copied.sent} blobs sent, {copied.present} there already or mounted"
    if wishes.referrers:
        digests = [one.digest for one in read_manifests(source, surveyed.digest)]
        attached = copy_attached(source, destination, digests, **how)
        text += f"; {len(attached)} referrers"
    session.sink.emit(Note(level="info", text=text))
