"""`shipmark build`: the image of this commit, without a release."""

from __future__ import annotations

import click
import msgspec

from release.app.releases.build import BuildRequest, build
from release.cli.option_types import wanted_platforms
from release.cli.options import Command, global_options, image_options, result_option
from release.cli.output.ci_outputs import publish, require_publishable
from release.cli.output.outputs import outputs_of_build
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command(cls=Command)
@image_options
@global_options
@click.option("--builder", metavar="NAME", help="This builder, in place of the configured one.")
@click.option(
    "--platform",
    "platforms",
    callback=wanted_platforms,
    metavar="OS/ARCH",
    multiple=True,
    help="Only this platform, in place of the configured ones; may be given several times.",
)
@click.option(
    "-o",
    "--output",
    metavar="PLACE",
    help="Copy the image there: `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, `docker-daemon:NAME`.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.build/1`.")
@result_option
@click.pass_context
def command(
    ctx: click.Context,
    builder: str | None,
    platforms: tuple[str, ...],
    output: str | None,
    as_json: bool,
    result_file: str | None,
) -> None:
    """Build the image of this commit, and release nothing.

    The image gets the labels that `run` gives it. So each platform can be built on a runner of its own, and
    `run --from` joins and releases the images. Prints the image's reference, or its digest without `-o`.
    """
    session = open_session(ctx)
    request = BuildRequest(
        component=session.settings.component, builder=builder, platforms=platforms, output=output
    )
    require_publishable(session, result_file)
    report = build(session, request)
    publish(session, outputs_of_build(report), result_file)
    if as_json:
        document(msgspec.to_builtins(report))
    else:
        data(report.output or report.digest)
