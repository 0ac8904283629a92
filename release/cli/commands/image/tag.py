"""`shipmark image tag`: puts further tags of the same repository on an image."""

from __future__ import annotations

import click
import msgspec

from release.app.images.copy import CopyReport
from release.app.images.tag import TagReport, TagRequest, tag
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command("tag", cls=Command)
@global_options
@click.argument("source")
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@click.option("--move", is_flag=True, help="Also take tags from another image; never fixed ones (`1.4.2`).")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.image-tag/1`.")
@click.pass_context
def command(ctx: click.Context, source: str, tags: tuple[str, ...], move: bool, as_json: bool) -> None:
    """Put each TAG on the image SOURCE, in its own repository.

    The manifest's bytes are sent unchanged, so the digest stays. A tag that holds SOURCE already is left alone. A tag
    that holds another image needs `--move`; the tag of a version or a commit is never taken from another image.
    """
    report = tag(open_session(ctx), TagRequest(image=source, tags=tags, move=move))
    show_placed(report, as_json=as_json)


def show_placed(report: TagReport | CopyReport, *, as_json: bool) -> None:
    """Print the report as JSON, or a line `name:tag@digest` for each tag; `name@digest` if there is no tag."""
    if as_json:
        document(msgspec.to_builtins(report))
        return
    names = [f"{report.repository}:{one.name}" for one in report.tags] or [report.repository]
    data(*(f"{name}@{report.digest}" for name in names))
