"""`shipmark log export`: writes the version log as JSON, CSV, in-toto statements or HTML."""

from __future__ import annotations

import os

import click
import msgspec

from release.app.log import export as use_case
from release.app.log.export import ExportRequest
from release.app.log.questions import list_releases
from release.app.log.reports import ListRequest
from release.app.session import Session
from release.cli.commands.log.list_releases import as_csv
from release.cli.log_options import project_options
from release.cli.options import Command, global_options, image_options
from release.cli.output.files import require_outputs, write_output
from release.cli.output.foreign import json_text
from release.cli.output.stdout import data
from release.cli.session import open_session


@click.command(cls=Command)
@image_options
@global_options
@project_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "csv", "in-toto", "html"]),
    default="json",
    help="How it is written [default: json].",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write to FILE instead of stdout; `--format html` with a folder (`site/`) writes every release there.",
)
@click.pass_context
def export(
    ctx: click.Context, form: str, output: str | None, project: str | None, all_projects: bool
) -> None:
    """Write this project's log as one JSON document, CSV, one in-toto release statement a line, or an HTML page."""
    session = open_session(ctx)
    request = ExportRequest(project=project, all_projects=all_projects)
    if form == "html" and output is not None and _is_folder(session, output):
        _write_folder(session, request, output)
        return
    require_outputs(session, [output])
    writers = {"json": _json, "csv": _csv, "in-toto": _in_toto, "html": _html}
    lines = writers[form](session, request)
    if output is None:
        data(*lines)
        return
    write_output(session, output, "".join(f"{line}\n" for line in lines))


def _is_folder(session: Session, output: str) -> bool:
    return output.endswith(os.sep) or os.path.isdir(os.path.join(session.directory, output))


def _write_folder(session: Session, request: ExportRequest, folder: str) -> None:
    """Write the page and the files beside it. The page comes last, so that it never names a file that is missing."""
    require_outputs(session, [os.path.join(folder, name) for name in ("index.html", "parts/00000.js")])
    for name, text in use_case.pages(session, request):
        write_output(session, os.path.join(folder, name), text)


def _json(session: Session, request: ExportRequest) -> list[str]:
    return json_text(msgspec.to_builtins(use_case.export(session, request)), indent=2).split("\n")


def _csv(session: Session, request: ExportRequest) -> list[str]:
    wanted = ListRequest(project=request.project, all_projects=request.all_projects)
    return as_csv(list_releases(session, wanted).releases)


def _in_toto(session: Session, request: ExportRequest) -> list[str]:
    return [json_text(one, ascii_only=True) for one in use_case.statements(session, request)]


def _html(session: Session, request: ExportRequest) -> list[str]:
    return use_case.page(session, request).split("\n")
