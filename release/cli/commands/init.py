"""`shipmark init`: shows a starting config and CI files as a diff, and writes them with `--write`."""

from __future__ import annotations

import os

import click
import msgspec

from release.app.setup.init.init import InitRequest, init
from release.app.setup.init.report import InitFile, InitReport
from release.cli.options import Command, global_options, settings_of
from release.cli.output.stdout import data, document, talk
from release.cli.session import open_session
from release.errors import ConfigError


@click.command(cls=Command)
@global_options
@click.option(
    "--image",
    "images",
    multiple=True,
    metavar="TARGET",
    envvar="SHIPMARK_IMAGE",
    help="Where the image goes: `ghcr.io/acme/app`.",
)
@click.option(
    "--shipmark",
    "source",
    metavar="HOST/OWNER/REPOSITORY@COMMIT",
    help="Where the CI files get shipmark [default: where this one came from].",
)
@click.option(
    "--for",
    "systems",
    multiple=True,
    type=click.Choice(["github", "gitlab", "jenkins"]),
    help="Write the CI file of this system [default: of those that are found].",
)
@click.option("--write", is_flag=True, help="Write the files that are shown.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.init/1`.")
@click.argument("folder", required=False, metavar="[DIR]")
@click.pass_context
def command(
    ctx: click.Context,
    source: str | None,
    systems: tuple[str, ...],
    write: bool,
    as_json: bool,
    folder: str | None,
) -> None:
    """Show the config and the CI files that this repository needs, as a diff; write them with --write.

    Finds CI systems, the default branch, the registry, Dockerfiles and workflows. Workflows with
    docker/metadata-action and docker/build-push-action are converted; what cannot be is named with its line. An
    existing config is not changed, and a workflow only if git holds its present content.
    """
    if folder is not None:
        settings = settings_of(ctx)
        if not os.path.isdir(os.path.join(settings.directory, folder)):
            raise ConfigError(f"`{folder}` is not a folder", hint="check the path behind `shipmark init`")
        ctx.obj = msgspec.structs.replace(settings, directory=os.path.join(settings.directory, folder))
    session = open_session(ctx)
    report = init(session, InitRequest(write=write, source=source, systems=systems))
    if as_json:
        document(msgspec.to_builtins(report))
        return
    data(*(line for one in report.files for line in _lines(one)))
    if session.settings.verbosity >= 0:
        _tell(report)


def _lines(file: InitFile) -> list[str]:
    """The file's name, and its diff without the lines `---` and `+++`, which are commands in Buildkite's log."""
    return [f"{file.state}: {file.path}", *file.diff.split("\n")[2:], ""]


def _tell(report: InitReport) -> None:
    for one in report.left:
        talk(f"not converted: {one.place}: {one.what}")
    for note in report.notes:
        talk(f"note: {note}")
    names = ", ".join(f"`{one.path}`" for one in report.files)
    if not report.files:
        talk("nothing to write")
    elif report.written:
        talk(f"wrote {names}; next: `shipmark doctor`, then commit")
    else:
        talk(f"nothing is written yet; `--write` writes {names}")
