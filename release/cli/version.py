"""`shipmark version`: only the version."""

from __future__ import annotations

import click

from release.cli.printing import data, document
from release.cli.session import Session
from release.cli.settings import Command, global_options, image_options, result_option, settings_of
from release.cli.tags import one_decision, tell_ci
from release.errors import ShallowClone


@click.command(cls=Command)
@image_options
@global_options
@click.option(
    "--format", "form", type=click.Choice(["plain", "json"]), default="plain", help="How it is written."
)
@click.option("--json", "as_json", is_flag=True, help="The same as `--format json`.")
@result_option
@click.pass_context
def command(ctx: click.Context, form: str, as_json: bool, result_file: str | None) -> None:
    """Print the version of this commit.

    A release tag gives its own; other commits count from the release before them: `1.4.3-dev.5.g3f2a9c1b7d40`.
    """
    session = Session(settings_of(ctx))
    decision = one_decision(session)
    tell_ci(session, decision, result_file)
    if decision.version is None:
        raise ShallowClone(
            f"commit {decision.commit[:12]} has no version: {'; '.join(decision.warnings) or 'no history'}",
            hint="fetch the history and the tags: `git fetch --unshallow --tags`",
        )
    if form == "json" or as_json:
        document(
            {
                "schema": "shipmark.version/1",
                "component": decision.component,
                "version": decision.version,
                "commit": decision.commit,
                "channel": decision.channel,
            }
        )
        return
    data(decision.version)
