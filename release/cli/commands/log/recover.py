"""`shipmark log recover`: settles attempts that did not record their end, with evidence that their run is over."""

from __future__ import annotations

import click
import msgspec

from release.app.log.recover import RecoverRequest, recover_report, settle
from release.cli.log_options import project_options
from release.cli.option_types import RECORDED_TEXT
from release.cli.options import Command, global_options, image_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command(cls=Command)
@image_options
@global_options
@project_options
@click.option("--attempt", metavar="ID", help="Settle this attempt; needs --evidence.")
@click.option(
    "--evidence", type=RECORDED_TEXT, metavar="TEXT", help="Why its run is over: a link to it, for example."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-recover/1`.")
@click.pass_context
def recover(
    ctx: click.Context,
    attempt: str | None,
    evidence: str | None,
    project: str | None,
    all_projects: bool,
    as_json: bool,
) -> None:
    """Settle attempts of this project whose stated time has passed, or the one that --attempt names.

    An open attempt locks nothing: running a release again finishes it, whether or not its attempts are settled.
    """
    request = RecoverRequest(attempt=attempt, evidence=evidence, project=project, all_projects=all_projects)
    found = settle(open_session(ctx), request)
    if as_json:
        document(msgspec.to_builtins(recover_report(found)))
        return
    lines = [f"abandoned {one.id}: {why}" for one, why in found.settled]
    why = ", and its time has not passed" if attempt is None else ""
    lines += [f"open      {one.id}: begun {one.at}{why}" for one in found.open]
    data(*(lines or ["no attempt is open"]))
