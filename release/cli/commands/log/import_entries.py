"""`shipmark log import`: appends facts that a run wrote to a file because the log did not answer."""

from __future__ import annotations

import click
import msgspec

from release.app.log.import_entries import ImportRequest, append_from, import_report
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command(cls=Command, name="import")
@global_options
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-import/1`.")
@click.pass_context
def import_(ctx: click.Context, file: str, as_json: bool) -> None:
    """Append the facts that a run wrote to FILE because the log could not be written.

    Facts that the log has already, from an earlier import or from the next run, are not written twice.
    """
    found = append_from(open_session(ctx), ImportRequest(file=file))
    if as_json:
        document(msgspec.to_builtins(import_report(found)))
        return
    lines = [f"{entry.seq:>6}  {entry.kind}" for entry in found.entries]
    data(*lines, f"{found.added} of {found.facts} added, the others were there already")
