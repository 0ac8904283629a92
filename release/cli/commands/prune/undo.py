"""`shipmark prune undo`: puts back what a prune deleted."""

from __future__ import annotations

import click
import msgspec

from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command("undo", cls=Command)
@global_options
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.prune-undo/1`.")
@click.pass_context
def command(ctx: click.Context, run: str, as_json: bool) -> None:
    """Put back the manifests and tags that the prune RUN deleted.

    RUN is the id that the prune printed, or its beginning. The manifests are in the version log. Their layers have to
    be in the registry still, which a garbage collection ends.
    """
    from release.app.retention.undo import undo_prune
    from release.cli.output.prune_text import undo_lines

    session = open_session(ctx)
    result = undo_prune(session, run)
    if as_json:
        document(msgspec.to_builtins(result.report))
    else:
        data(*undo_lines(result.report))
    if result.error is not None:
        raise result.error
