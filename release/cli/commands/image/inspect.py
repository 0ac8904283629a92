"""`shipmark image inspect`: shows platforms, layers, labels and referrers of an image."""

from __future__ import annotations

import click
import msgspec

from release.app.images.inspect import ImageReport, InspectRequest, PlatformImage, inspect
from release.cli.option_types import one_platform
from release.cli.options import Command, global_options
from release.cli.output.columns import columns
from release.cli.output.sizes import size_text
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command("inspect", cls=Command)
@global_options
@click.argument("image")
@click.option("--platform", callback=one_platform, metavar="OS/ARCH", help="Only this platform's image.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.image/1`.")
@click.pass_context
def command(ctx: click.Context, image: str, platform: str | None, as_json: bool) -> None:
    """Show platforms, sizes, labels, layers, base and referrers of IMAGE."""
    report = inspect(open_session(ctx), InspectRequest(image=image, platform=platform))
    if as_json:
        document(msgspec.to_builtins(report))
    else:
        data(*lines(report))


def lines(report: ImageReport) -> list[str]:
    """The report of an image as lines for people."""
    head = [
        ("repository", report.repository),
        ("digest", report.digest),
        ("media type", report.media_type),
        ("size", size_text(report.size)),
    ]
    if report.base:
        head.append(("base", " ".join(report.base.values())))
    written = columns(head)
    for image in report.platforms:
        written += ["", *_platform(image)]
    if report.referrers:
        rows = [(one.tag or one.artifact_type or "unknown type", one.digest) for one in report.referrers]
        written += ["", "referrers", *(f"  {row}" for row in columns(rows))]
    return written


def _platform(image: PlatformImage) -> list[str]:
    title = image.platform or "artifact"
    rows = [("digest", image.digest), ("config", image.config)]
    if image.created:
        rows.append(("created", image.created))
    rows += [
        (f"layer {number}", f"{layer.digest}  {size_text(layer.size)}  {layer.media_type}")
        for number, layer in enumerate(image.layers, 1)
    ]
    rows += [("label", f"{name}={text}") for name, text in sorted(image.labels.items())]
    return [f"{title}  {size_text(image.size)}", *(f"  {row}" for row in columns(rows))]
