"""`shipmark image copy`: copies an image between registries, layouts, archives and daemons, by digest."""

from __future__ import annotations

from typing import Any

import click

from release.app.images.copy import CopyRequest, copy
from release.cli.commands.image.tag import show_placed
from release.cli.option_types import one_platform
from release.cli.options import Command, global_options
from release.cli.session import open_session
from release.transfer.copy import BLOBS


@click.command("copy", cls=Command)
@global_options
@click.argument("source")
@click.argument("destination")
@click.option(
    "--platform",
    callback=one_platform,
    metavar="OS/ARCH",
    help="Only this platform's image, not the whole index.",
)
@click.option("--referrers", is_flag=True, help="Also what refers to it: signatures, attestations, SBOMs.")
@click.option("--move", is_flag=True, help="Also take the tag from another image; never a fixed one.")
@click.option("--jobs", type=click.IntRange(1, 16), default=BLOBS, show_default=True, help="Blobs at a time.")
@click.option(
    "--compression",
    type=click.Choice(["gzip", "gzip-reproducible", "zstd"]),
    default="gzip",
    show_default=True,
    help="Of layers that come uncompressed, from a daemon or `docker save`.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.image-copy/1`.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Copy SOURCE to DESTINATION, byte for byte: all platforms, and everything below them.

    Besides registries and layouts, `oci-archive:FILE`, `docker-archive:FILE[:NAME:TAG]`, `docker-daemon:NAME:TAG` and
    `dir:FOLDER` can be SOURCE or DESTINATION. An image without a manifest (`docker save`, a daemon) gets one, and a
    note says so.

    Without a tag, DESTINATION gets the tag of SOURCE; a SOURCE given by digest is copied without a tag. Blobs and
    manifests are copied first, the tag is put last, so an interrupted copy leaves no incomplete image under a tag.

    An archive, or a `dir:` folder, holds one image: another image at DESTINATION is replaced. Registries and layouts
    keep their other tags.

    Registries, layouts and OCI archives hold what `--referrers` copies; `docker-archive:`, daemons and `dir:` do not.
    """
    report = copy(open_session(ctx), CopyRequest(**wanted))
    show_placed(report, as_json=as_json)
