"""`shipmark log copy|migrate`: logs between stores, and the tables of a SQL log."""

from __future__ import annotations

import click

from release.app.log.open_log import open_store, section_of, sql_url
from release.cli.options import Command, global_options
from release.cli.output.stdout import data
from release.cli.session import open_session
from release.errors import ConfigError


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
    """Append to one store what another has and it lacks, to the byte. Copying again goes on.

    A password stands in the environment, not here: `--to 'sql:postgresql://ci:${PASSWORD}@db/log'`.
    """
    from release.log.replicate import copy as copy_log

    session = open_session(ctx)
    session.require_trusted("log copy")
    one, other = (
        open_store(section_of(text, session.settings.env), session.ground) for text in (source, target)
    )
    count = copy_log(one, other)
    data(f"{count} entries copied from {one.name} to {other.name}")


@click.command(cls=Command)
@global_options
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """Make or change the tables of the configured SQL log. Nothing else ever does."""
    session = open_session(ctx)
    session.require_trusted("log migrate")
    sections = [section for section in session.config.log if section.store == "sql"]
    if not sections:
        raise ConfigError(
            "the config names no SQL log", hint="write `log: {store: sql, url: ${SHIPMARK_LOG_URL}}`"
        )
    open_store(sections[0], session.ground)  # says which package is missing, if one is
    from release.log.stores.sql_migrate import migrate as migrate_tables

    before, after = migrate_tables(sql_url(sections[0], session.settings.env), workspace=session.root)
    data(f"the tables were at {before or 'nothing'} and are at {after}")
