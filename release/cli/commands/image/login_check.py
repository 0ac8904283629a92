"""`shipmark image login-check`: shows which credential is used, where it comes from, and what it may do."""

from __future__ import annotations

import click
import msgspec

from release.app.images.login_check import LoginCheckReport, LoginCheckRequest, check_login
from release.cli.options import Command, global_options
from release.cli.output.columns import columns
from release.cli.output.stdout import data, document
from release.cli.session import open_session

_KINDS = {
    "anonymous": "none",
    "basic": "user name and password",
    "identity": "refresh token",
    "bearer": "bearer token",
}


_OPTIONAL = frozenset(
    {"key", "tried"}
)  # members of the document that are left out where there is nothing to say


@click.command("login-check", cls=Command)
@global_options
@click.argument("image")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.login-check/1`.")
@click.pass_context
def command(ctx: click.Context, image: str, as_json: bool) -> None:
    """Say which credential is used for the repository of IMAGE, from where, and whether it may push.

    Lists the tags, and begins an upload and cancels it, to find out what is allowed. With `-v` also says where the
    credential was looked for, in order. The credential itself is never shown. Exits with 5 if pushing is not allowed.
    """
    session = open_session(ctx)
    found = check_login(session, LoginCheckRequest(image=image))
    report = found.report
    if session.settings.verbosity < 1:
        report = msgspec.structs.replace(report, tried=())
    if as_json:
        members = msgspec.to_builtins(report)
        document({name: value for name, value in members.items() if value or name not in _OPTIONAL})
    else:
        data(*_lines(report))
    if found.refusal is not None:
        raise found.refusal


def _lines(report: LoginCheckReport) -> list[str]:
    user = f" of `{report.username}`" if report.username else ""
    return columns(
        [
            ("repository", report.repository),
            ("credential", f"{_KINDS.get(report.kind, report.kind)}{user}"),
            ("from", report.source.removeprefix("none: ") + (f", key `{report.key}`" if report.key else "")),
            ("read", "yes" if report.read else "no"),
            ("push", "yes" if report.push else "no"),
            *(("tried", f"{one.place}: {one.found}") for one in report.tried),
        ]
    )
