"""`shipmark deployed`: records which image runs in an environment."""

from __future__ import annotations

import click
import msgspec

from release.app.lifecycle.deployed import DeployedRequest, deployed
from release.cli.option_types import RECORDED_TEXT
from release.cli.options import Command, global_options, image_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command(cls=Command)
@image_options
@global_options
@click.argument("environment")
@click.argument("image")
@click.option(
    "--evidence",
    type=RECORDED_TEXT,
    metavar="TEXT",
    help="What shows it: the URL of a deployment, a change number.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.deployed/1`.")
@click.pass_context
def command(ctx: click.Context, environment: str, image: str, evidence: str | None, as_json: bool) -> None:
    """Record that IMAGE runs in ENVIRONMENT from now on.

    IMAGE may be a version, its git tag or a digest, for an image of this project.

    The record contains the digest that IMAGE has in the registry now, and no tag. Nothing is recorded if the last
    record of ENVIRONMENT has the same digest.
    """
    request = DeployedRequest(environment=environment, image=image, evidence=evidence)
    report = deployed(open_session(ctx), request)
    if as_json:
        document(msgspec.to_builtins(report))
    else:
        data(f"{environment}: {report.target}@{report.digest}")
