"""`shipmark restore`: lets a version count again that a rollback took back."""

from __future__ import annotations

import click

from release.app.lifecycle.restore import RestoreRequest, restore
from release.cli.commands.change_report import publish_change, show
from release.cli.option_types import RECORDED_TEXT
from release.cli.options import Command, global_options, image_options, result_option
from release.cli.output.ci_outputs import require_publishable
from release.cli.session import open_session


@click.command(cls=Command)
@click.argument("version", metavar="VERSION")
@image_options
@global_options
@click.option(
    "--reason", required=True, type=RECORDED_TEXT, metavar="TEXT", help="Why; recorded with the version."
)
@click.option("--preview", is_flag=True, help="Show what would happen, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.restore/1`.")
@result_option
@click.pass_context
def command(
    ctx: click.Context, version: str, reason: str, preview: bool, as_json: bool, result_file: str | None
) -> None:
    """Let VERSION count again, and move the tags of its lines to the highest version that counts.

    The restore is recorded, and told on every target, before the first tag moves. Tags move to VERSION only if no
    higher version of their line counts.
    """
    session = open_session(ctx)
    session.require_trusted("restore")
    require_publishable(session, result_file)
    request = RestoreRequest(
        version=version, reason=reason, component=session.settings.component, preview=preview
    )
    result = restore(session, request)
    publish_change(session, result, result_file)
    show(session, result, preview=preview, as_json=as_json)
