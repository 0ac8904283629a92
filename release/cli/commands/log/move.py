"""`shipmark log copy` copies a log between stores, `shipmark log migrate` creates the tables of a SQL log."""

from __future__ import annotations

import click

from release.app.log import move
from release.app.log.move import CopyLogRequest
from release.cli.options import Command, global_options
from release.cli.output.stdout import data
from release.cli.session import open_session


@click.command(cls=Command)
@global_options
@click.option(
    "--from", "source", required=True, metavar="STORE", help="`file:PATH`, `git:REMOTE` or `sql:URL`."
)
@click.option(
    "--to", "target", required=True, metavar="STORE", help="`file:PATH`, `git:REMOTE` or `sql:URL`."
)
@click.pass_context
def copy(ctx: click.Context, source: str, target: str) -> None:
    """Append the entries that the store --to lacks from the store --from, byte for byte; may be repeated.

    Take passwords from environment variables: `--to 'sql:postgresql://ci:${PASSWORD}@db/log'`.
    """
    report = move.copy_log(open_session(ctx), CopyLogRequest(source=source, target=target))
    data(f"{report.copied} entries copied from {report.source} to {report.target}")


@click.command(cls=Command)
@global_options
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """Create or migrate the tables of each SQL log of the config. No other command changes tables."""
    report = move.migrate(open_session(ctx))
    data(f"the tables were at {report.before or 'nothing'} and are at {report.after}")
    for copy in report.copies:
        data(f"copy {copy.store}: the tables were at {copy.before or 'nothing'} and are at {copy.after}")
