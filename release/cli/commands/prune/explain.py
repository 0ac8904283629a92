"""`shipmark prune explain`: says which rule decides about a tag."""

from __future__ import annotations

import click
import msgspec

from release.cli.commands.prune.group import policy_text
from release.cli.options import Command, global_options, image_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command("explain", cls=Command)
@image_options
@global_options
@click.argument("tag")
@click.option("--policy", metavar="FILE", help="A file with `retention:`, instead of the config's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.prune-explain/1`.")
@click.pass_context
def command(ctx: click.Context, tag: str, policy: str | None, as_json: bool) -> None:
    """Say whether TAG goes or stays, which rule decides, and what would have to change. Only reads."""
    from release.app.retention.explain import explain_tag
    from release.app.retention.reports import PruneRequest
    from release.cli.output.prune_text import explain_lines

    session = open_session(ctx)
    request = PruneRequest(policy=policy_text(session.directory, policy), policy_name=policy or "")
    report = explain_tag(session, tag, request)
    if as_json:
        document(msgspec.to_builtins(report))
    else:
        data(*explain_lines(report))
