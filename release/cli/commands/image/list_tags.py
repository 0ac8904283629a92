"""`shipmark image list`: lists the tags of a repository."""

from __future__ import annotations

import click
import msgspec

from release.app.images.list_tags import ListedTag, ListTagsRequest, list_tags
from release.cli.options import Command, global_options
from release.cli.output.columns import columns
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.events import Note


@click.command("list", cls=Command)
@global_options
@click.argument("repository")
@click.option("--digests", is_flag=True, help="Say what each tag holds, asked 16 at a time.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.image-list/1`.")
@click.pass_context
def command(ctx: click.Context, repository: str, digests: bool, as_json: bool) -> None:
    """List the tags of REPOSITORY: versions first, the highest on top, then the other names."""
    session = open_session(ctx)
    report = list_tags(session, ListTagsRequest(repository=repository, digests=digests))
    if as_json:
        document(msgspec.to_builtins(report))
        return
    if not report.tags:
        session.sink.emit(Note(level="info", text=f"`{report.repository}` has no tags, or does not exist"))
        return
    rows = [(tag.name, _shown(tag)) if digests else (tag.name,) for tag in report.tags]
    data(*columns(rows))


def _shown(tag: ListedTag) -> str:
    if tag.error is not None:
        return f"unknown: {tag.error}"
    return tag.digest or "no manifest"
