"""`shipmark image inspect`: what an image is made of and what it says of itself."""

from __future__ import annotations

from typing import Any

import click

from release.app.releases.image_details import details
from release.cli.options import Command, global_options
from release.cli.output.sizes import size_text
from release.cli.output.stdout import data, document
from release.cli.output.text import columns
from release.cli.session import open_session
from release.image_names.image_location import locate, read


@click.command("inspect", cls=Command)
@global_options
@click.argument("image")
@click.option("--platform", metavar="OS/ARCH", help="Only this platform's image.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.image/1`.")
@click.pass_context
def command(ctx: click.Context, image: str, platform: str | None, as_json: bool) -> None:
    """Show platforms, sizes, labels, layers, base and referrers of IMAGE."""
    session = open_session(ctx)
    location = locate(session, image)
    found = details(session, location, read(location, platform=platform))
    if as_json:
        document({"schema": "shipmark.image/1", **found})
    else:
        data(*lines(found))


def lines(found: dict[str, Any]) -> list[str]:
    """The details for people."""
    head = [
        ("repository", found["repository"]),
        ("digest", found["digest"]),
        ("media type", found["media_type"]),
        ("size", size_text(found["size"])),
    ]
    if found["base"]:
        head.append(("base", " ".join(found["base"].values())))
    written = columns(head)
    for image in found["platforms"]:
        written += ["", *_platform(image)]
    if found["referrers"]:
        rows = [
            (one["tag"] or one["artifact_type"] or "unknown type", one["digest"])
            for one in found["referrers"]
        ]
        written += ["", "referrers", *(f"  {row}" for row in columns(rows))]
    return written


def _platform(image: dict[str, Any]) -> list[str]:
    title = image["platform"] or "artifact"
    rows = [("digest", image["digest"]), ("config", image["config"])]
    if image["created"]:
        rows.append(("created", image["created"]))
    rows += [
        (f"layer {number}", f"{layer['digest']}  {size_text(layer['size'])}  {layer['media_type']}")
        for number, layer in enumerate(image["layers"], 1)
    ]
    rows += [("label", f"{name}={text}") for name, text in sorted(image["labels"].items())]
    return [f"{title}  {size_text(image['size'])}", *(f"  {row}" for row in columns(rows))]
