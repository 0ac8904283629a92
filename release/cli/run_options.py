"""The options of `preview` and `run` for special releases, and the `RunRequest` that is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from release.app.releases.request import RunRequest, version_of
from release.app.session import Session
from release.cli.option_types import RECORDED_TEXT
from release.cli.options import Function
from release.events import Note


def wish_options(function: Function) -> Function:
    """Add the options of `preview` and `run` for special releases: `--version`, `--rebuild`, `--from`, and others."""
    options = (
        click.option(
            "--version", metavar="X.Y.Z", help="Release this version, which has no git tag; needs --reason."
        ),
        click.option(
            "--release", metavar="TAG", help="Release this git tag, which is at HEAD, in a run for a branch."
        ),
        click.option(
            "--rebuild",
            metavar="[TAG]",
            is_flag=False,
            flag_value="",
            help="Build a released version again, as `1.4.2_r1`; without TAG what is checked out.",
        ),
        click.option(
            "--from",
            "places",
            metavar="PLACE",
            multiple=True,
            help="Release this image, which another tool or runner built: `oci:DIR`, `oci-archive:FILE`, "
            "`docker-archive:FILE`, `REPOSITORY@DIGEST`. Several places become one index.",
        ),
        click.option(
            "--as-commit",
            is_flag=True,
            help="Take the image of --from although its labels do not name this commit; needs --reason.",
        ),
        click.option("--allow-backward", is_flag=True, help="Let moving tags go back; needs --reason."),
        click.option("--reason", type=RECORDED_TEXT, metavar="TEXT", help="Why; it is recorded."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def say_left_out(ctx: click.Context, session: Session, wished: Mapping[str, Any]) -> None:
    """Print a note about the options of `wish_options` that are given, in a run that is not trusted."""
    names = [
        f"`{one.opts[-1]}`"
        for one in ctx.command.params
        if wished.get(one.name or "") not in (None, False, ())
    ]
    if names:
        text = f"not asked (untrusted): {', '.join(names)}, because {session.trust.reason}"
        session.sink.emit(Note(level="info", text=text))


def run_request(
    session: Session, *, version: str | None = None, rebuild: str | None = None, **options: Any
) -> RunRequest:
    """The request for the options. `options`: further members of the request.

    Raises `ConfigError` if `version` is not a version.
    """
    return RunRequest(
        version=version_of(version), rebuild_of=rebuild, component=session.settings.component, **options
    )
