"""`shipmark ci`: what was detected, from which variables, and what it said."""

from __future__ import annotations

import click
import msgspec

from release.cli.printing import data, document
from release.cli.rendering import columns
from release.cli.session import Session
from release.cli.settings import Command, global_options, settings_of


@click.command(cls=Command)
@global_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.ci/1`.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show which CI system was detected, from which variables, and what they said."""
    session = Session(settings_of(ctx))
    context = session.ci
    if as_json:
        document({"schema": "shipmark.ci/1", **msgspec.to_builtins(context)})
        return
    rows = [(one.field, one.value, f"from {one.variable}") for one in context.concluded]
    data("\n".join(columns(rows) or ["system  none"]))
    for warning in context.warnings:
        data(f"warning: {warning}")
