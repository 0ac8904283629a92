"""`shipmark rollback`: takes versions back, and moves the moving tags to the highest version that is left."""

from __future__ import annotations

import click
import msgspec

from release.app.lifecycle.rollback import RollbackRequest, rollback
from release.cli.commands.change_report import publish_change, show
from release.cli.option_types import RECORDED_TEXT
from release.cli.options import Command, global_options, image_options, result_option
from release.cli.output.ci_outputs import require_publishable
from release.cli.output.confirm import confirm, is_terminal
from release.cli.session import open_session


@click.command(cls=Command)
@image_options
@global_options
@click.option("--to", "to", required=True, metavar="VERSION", help="Take back what is above this version.")
@click.option(
    "--reason",
    required=True,
    type=RECORDED_TEXT,
    metavar="TEXT",
    help="Why; recorded with every version taken back.",
)
@click.option("--line", metavar="LINE", help="Only versions of this line: `1.4`, `1`.")
@click.option("--yes", is_flag=True, help="Do not ask on a terminal.")
@click.option("--preview", is_flag=True, help="Show what would happen, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.rollback/1`.")
@result_option
@click.pass_context
def command(
    ctx: click.Context,
    to: str,
    reason: str,
    line: str | None,
    yes: bool,
    preview: bool,
    as_json: bool,
    result_file: str | None,
) -> None:
    """Take back every released version above VERSION, and move the tags to the highest that is left.

    VERSION may be a build: `1.4.2_r1` keeps it, `1.4.2` takes back its rebuilds, too. On a terminal, the command names
    what it would take back and asks.

    The versions keep their fixed tags and images, but never count as the highest again, so that no later run moves
    `latest`, `1` or `1.4` to one of them. The rollback is recorded before the first tag moves.
    """
    session = open_session(ctx)
    session.require_trusted("rollback")
    require_publishable(session, result_file)
    request = RollbackRequest(
        to=to, reason=reason, line=line, component=session.settings.component, preview=preview
    )
    if not (yes or preview) and is_terminal():
        confirm(rollback(session, msgspec.structs.replace(request, preview=True)))
    result = rollback(session, request)
    publish_change(session, result, result_file)
    show(session, result, preview=preview, as_json=as_json)
