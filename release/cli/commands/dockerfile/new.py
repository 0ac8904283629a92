"""`shipmark dockerfile new`: writes a Dockerfile and its ignore file from a template."""

from __future__ import annotations

import click
import msgspec

from release.app.setup.new_dockerfile import NewDockerfileRequest, new_dockerfile
from release.build.dockerfile.templates.texts import TEMPLATES
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.errors import ConfigError
from release.events import Note

_LIST = "\n".join(f"  {name:8}{template.summary}" for name, template in TEMPLATES.items())


@click.command(cls=Command, epilog=f"\b\nTemplates:\n{_LIST}")
@global_options
@click.option("--template", required=True, type=click.Choice([*TEMPLATES]), help="What the image holds.")
@click.option("--name", default="app", metavar="NAME", help="The name of the program [default: app].")
@click.option(
    "--base",
    "bases",
    multiple=True,
    metavar="STAGE=IMAGE@DIGEST",
    help="A pinned base image; STAGE is `build` or `run`. May be given several times.",
)
@click.option("--file", default="Dockerfile", metavar="FILE", help="Write this file [default: Dockerfile].")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.dockerfile/1`.")
@click.pass_context
def command(
    ctx: click.Context, template: str, name: str, bases: tuple[str, ...], file: str, as_json: bool
) -> None:
    """Write a Dockerfile, and a .dockerignore that lists what the image needs.

    Existing files are never replaced. Prints the names of the files.
    """
    session = open_session(ctx)
    request = NewDockerfileRequest(template=template, file=file, name=name, bases=_parsed(bases))
    report = new_dockerfile(session, request)
    if as_json:
        document(msgspec.to_builtins(report))
    else:
        data(report.dockerfile, report.ignore_file)
    for need in report.missing:
        text = f"the Dockerfile copies `{need.path}`, which is not here"
        session.sink.emit(Note(level="warning", text=text, hint=need.hint))
    for image in sorted({base.image for base in report.bases if not base.pinned}):
        text = f"`{image}` is not pinned to a digest"
        hint = f"`shipmark image digest {image}` prints the digest: write it behind the tag as `@sha256:…`"
        session.sink.emit(Note(level="warning", text=text, hint=hint))


def _parsed(bases: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for base in bases:
        stage, equals, image = base.partition("=")
        if not equals:
            raise ConfigError(f"`--base {base}` names no stage", hint="write `--base run=IMAGE@DIGEST`")
        if stage in found:
            raise ConfigError(f"`--base {stage}=…` is given twice", hint="leave one of them out")
        found[stage] = image
    return found
