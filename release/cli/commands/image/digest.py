"""`shipmark image digest`: prints the digest of an image."""

from __future__ import annotations

import click
import msgspec

from release.app.images.inspect import InspectRequest
from release.app.images.inspect import digest as read_digest
from release.cli.option_types import one_platform
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command("digest", cls=Command)
@global_options
@click.argument("image")
@click.option(
    "--platform",
    callback=one_platform,
    metavar="OS/ARCH",
    help="Of this platform's image, not of the whole index.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.image-digest/1`.")
@click.pass_context
def command(ctx: click.Context, image: str, platform: str | None, as_json: bool) -> None:
    """Print the digest of IMAGE, computed from the bytes that the registry serves."""
    report = read_digest(open_session(ctx), InspectRequest(image=image, platform=platform))
    if as_json:
        document(msgspec.to_builtins(report))
    else:
        data(report.digest)
