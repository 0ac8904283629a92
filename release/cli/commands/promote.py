"""`shipmark promote`: copies an existing image to another repository, and tags it there."""

from __future__ import annotations

import click

from release.app.lifecycle.promote import PromoteRequest, promote
from release.cli.commands.change_report import publish_change, show
from release.cli.option_types import RECORDED_TEXT
from release.cli.options import Command, component_option, global_options, result_option
from release.cli.output.ci_outputs import require_publishable
from release.cli.session import open_session


@click.command(cls=Command)
@global_options
@click.argument("source")
@click.option(
    "--to",
    "places",
    multiple=True,
    required=True,
    metavar="REPO[:TAG,...]",
    help="Where it goes; several tags with commas, several places with several `--to`.",
)
@click.option(
    "--referrers/--no-referrers",
    default=True,
    show_default=True,
    help="Also what refers to it: signatures, attestations, SBOMs.",
)
@click.option("--allow-backward", is_flag=True, help="Also move tags back to this image; needs `--reason`.")
@click.option("--reason", type=RECORDED_TEXT, metavar="TEXT", help="Why; recorded.")
@component_option("Only this component of the config.")
@click.option("--preview", is_flag=True, help="Show what would happen, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.promote/1`.")
@result_option
@click.pass_context
def command(
    ctx: click.Context,
    source: str,
    places: tuple[str, ...],
    referrers: bool,
    allow_backward: bool,
    reason: str | None,
    preview: bool,
    as_json: bool,
    result_file: str | None,
) -> None:
    """Copy the image SOURCE to another repository by digest, tag it there, and record that in the version log.

    SOURCE may be a version, its git tag or a digest, for an image of this project.

    Without tags in `--to`, a released version gets its usual tags: `1.4.2`, and `1.4`, `1` and `latest` where it is the
    highest version of that repository. Fixed tags are never taken from another image; moving tags go back to a lower
    version only with `--allow-backward`. A version that was taken back needs `--reason`: its fixed tag is copied, and
    no other tag moves.
    """
    session = open_session(ctx)
    session.require_trusted("promote")
    require_publishable(session, result_file)
    request = PromoteRequest(
        source=source,
        to=places,
        referrers=referrers,
        allow_backward=allow_backward,
        reason=reason,
        preview=preview,
    )
    result = promote(session, request)
    publish_change(session, result, result_file)
    show(session, result, preview=preview, as_json=as_json)
