"""`shipmark log export`: the log in other formats."""

from __future__ import annotations

import os

import click

from release.app.session import Session
from release.cli.commands.log.list_releases import fields_of
from release.cli.options import Command, global_options
from release.cli.output.files import require_outputs, write_output
from release.cli.output.foreign import json_text
from release.cli.output.stdout import data
from release.cli.session import open_session
from release.log.attested import attested
from release.log.chain import timestamp
from release.log.questions import Filter, select
from release.log.yanked import yank_of, yanks_of


@click.command(cls=Command)
@global_options
@click.option("--format", "form", type=click.Choice(["json", "csv", "in-toto", "html"]), default="json")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of stdout.")
@click.pass_context
def export(ctx: click.Context, form: str, output: str | None) -> None:
    """Write the log as one JSON document, CSV, one in-toto release statement a line, or one HTML page."""
    session = open_session(ctx)
    require_outputs(session, [output])
    writers = {"json": _json, "csv": _csv, "in-toto": _in_toto, "html": _html}
    lines = writers[form](session)
    if output is None:
        data(*lines)
        return
    write_output(session, output, "".join(f"{line}\n" for line in lines))


def _json(session: Session) -> list[str]:
    whole = {"schema": "shipmark.log-export/1", "entries": [entry.fields for entry in session.log.entries()]}
    return json_text(whole, indent=2).split("\n")


def _csv(session: Session) -> list[str]:
    from release.cli.commands.log.list_releases import as_csv

    yanks = yanks_of(session.log.entries())
    return as_csv([fields_of(one, yank_of(yanks, one)) for one in select(session.log_state, Filter())])


def _in_toto(session: Session) -> list[str]:
    return [json_text(one.statement, ascii_only=True) for one in attested(session.log.entries())]


def _html(session: Session) -> list[str]:
    from release.log.page import html

    with open(os.path.join(os.path.dirname(html.__file__), "page.html"), encoding="utf-8") as file:
        template = file.read()
    head = session.log.store.head()
    whole = html.page(
        template,
        session.log_state,
        yanks_of(session.log.entries()),
        title=f"Releases in {session.log.store.name}",
        head=f"{head.seq + 1} entries, head {head.seq}:{head.hash}",
        now=timestamp(session.clock.now()),
    )
    return whole.split("\n")
