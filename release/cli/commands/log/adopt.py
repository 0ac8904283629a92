"""`shipmark log adopt`: records version tags that a registry has and the log does not."""

from __future__ import annotations

import click
import msgspec

from release.app.log import adopt as use_case
from release.app.log.adopt import AdoptRequest
from release.cli.options import Command, global_options, image_options, vouching_options
from release.cli.output.columns import columns
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.errors import RefusedError


@click.command(cls=Command)
@image_options
@global_options
@click.argument("tags", nargs=-1, metavar="[TAG]...")
@vouching_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-adopt/1`.")
@click.pass_context
def adopt(
    ctx: click.Context, tags: tuple[str, ...], as_json: bool, as_commit: bool, reason: str | None
) -> None:
    """Record version tags that the registry has and the log does not, as other tools or a lost log leave them.

    A tag is recorded if its image says of which commit it is, and no git tag of its version names another commit.
    Without TAG, every version tag that the log lacks is meant; `shipmark log verify --registry` lists these tags as
    `unrecorded`.
    """
    report = use_case.adopt(open_session(ctx), AdoptRequest(tags=tags, as_commit=as_commit, reason=reason))
    if as_json:
        document(msgspec.to_builtins(report))
    elif report.tags:
        rows = [
            ("refused" if one.refused else "recorded", f"{one.target}:{one.tag}", one.refused or one.evidence)
            for one in report.tags
        ]
        data(*columns(rows))
    else:
        data("the log has every version tag of the registry")
    if refused := [one for one in report.tags if one.refused]:
        raise RefusedError(
            f"{len(refused)} of {len(report.tags)} tags were not recorded: `{refused[0].tag}`: {refused[0].refused}",
            hint="nothing shows which release they are: `shipmark image inspect` shows their labels; if you know that "
            'an image is the commit of its git tag, add `--as-commit --reason "..."`',
        )
