"""`shipmark image tag`: the same raw manifest under further tags of its repository."""

from __future__ import annotations

import click

from release.app.releases.put_tags import Placed, place_tags
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.image_names.image_location import locate_target, read
from release.oci.reference import require_tag


@click.command("tag", cls=Command)
@global_options
@click.argument("source")
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@click.option("--move", is_flag=True, help="Also take tags from another image; never fixed ones (`1.4.2`).")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.image-tag/1`.")
@click.pass_context
def command(ctx: click.Context, source: str, tags: tuple[str, ...], move: bool, as_json: bool) -> None:
    """Put each TAG on the image SOURCE, in its own repository.

    Sends the same bytes again, so the digest stays. A tag that holds this image already is left alone; one that
    holds another image needs `--move`, and a version tag or a commit's tag is never taken.
    """
    session = open_session(ctx)
    location = locate_target(session, source)
    if location.registry is not None:
        session.require_trusted("image tag")
    for tag in tags:
        require_tag(tag)
    manifest = read(location)
    placed = place_tags(location.repository, manifest, tuple(dict.fromkeys(tags)), move=move)
    show(location.name, manifest.digest, placed, as_json=as_json, schema="shipmark.image-tag/1")


def show(name: str, digest: str, placed: tuple[Placed, ...], *, as_json: bool, schema: str) -> None:
    """What was put where: a document, or `name:tag@digest` a line."""
    if as_json:
        tags = [{"name": one.tag, "result": one.result} for one in placed]
        document({"schema": schema, "repository": name, "digest": digest, "tags": tags})
        return
    data(*(f"{name}:{one.tag}@{digest}" for one in placed))
