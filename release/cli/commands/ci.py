"""`shipmark ci`: shows which CI system was detected, and what its variables say of the run."""

from __future__ import annotations

import click
import msgspec

from release.cli.options import Command, global_options, settings_of
from release.cli.output.stdout import data, document
from release.cli.output.text import columns
from release.cli.session import open_session


@click.command(cls=Command)
@global_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.ci/1`.")
@click.argument("adapter", required=False, type=click.Choice(["github-action"]), metavar="")
@click.pass_context
def command(ctx: click.Context, as_json: bool, adapter: str | None) -> int:
    """Show which CI system was detected, the facts of the run with their variables, the trust, and the scope."""
    if adapter is not None:
        # An internal command: `action.yml` calls it, with its inputs in environment variables.
        from release.cli.github_action import arguments
        from release.cli.main import run

        return run(arguments(settings_of(ctx).env))
    session = open_session(ctx)
    context = session.ci
    if as_json:
        trust = msgspec.to_builtins(session.trust)
        may = {"may": session.scope.may, "reason": session.scope.reason}
        document({"schema": "shipmark.ci/1", **msgspec.to_builtins(context), "trust": trust, "scope": may})
        return 0
    rows = [(one.field, one.value, f"from {one.variable}") for one in context.concluded]
    data(*(columns(rows) or ["system  none"]))
    data(f"trust: {session.trust.verdict}, because {session.trust.reason}")
    data(f"scope: {session.scope.may}, because {session.scope.reason}")
    for warning in context.warnings:
        data(f"warning: {warning}")
    return 0
