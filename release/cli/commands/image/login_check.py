"""`shipmark image login-check`: which credential is used, from where, and what it may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from release.app.session import Session
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.output.text import columns
from release.cli.session import open_session
from release.errors import Denied, ReleaseError
from release.image_names.image_location import ImageLocation, locate_target

_SCHEMA = "shipmark.login-check/1"
_KINDS = {
    "anonymous": "none",
    "basic": "user name and password",
    "identity": "refresh token",
    "bearer": "bearer token",
}


@click.command("login-check", cls=Command)
@global_options
@click.argument("image")
@click.option("--json", "as_json", is_flag=True, help=f"One JSON document, schema `{_SCHEMA}`.")
@click.pass_context
def command(ctx: click.Context, image: str, as_json: bool) -> None:
    """Say which credential is used for the repository of IMAGE, from where, and whether it may push.

    Asks the registry by listing the tags, and by beginning an upload and taking it back. The credential itself is
    never shown. Exits with 5 where pushing is not allowed.
    """
    session = open_session(ctx)
    location = locate_target(session, image)
    said = _credential(session, location)
    read, _ = _allowed(location.repository.tags)
    push, refusal = _allowed(location.repository.check_push)
    if as_json:
        document({"schema": _SCHEMA, "repository": location.name, **said, "read": read, "push": push})
    else:
        data(*_lines(location, said, read=read, push=push))
    if refusal is not None:
        raise refusal


def _credential(session: Session, location: ImageLocation) -> dict[str, Any]:
    if location.registry is None or location.mount is None:
        return {"kind": "none", "username": None, "source": "a folder needs none"}
    found = session.registries.credentials().find(location.registry, location.mount)
    return {"kind": found.kind, "username": found.username or None, "source": found.source}


def _allowed(ask: Callable[[], Any]) -> tuple[bool, ReleaseError | None]:
    """Whether it worked; what is no answer about rights is raised."""
    try:
        ask()
    except Denied as error:
        return False, error
    return True, None


def _lines(location: ImageLocation, said: dict[str, Any], *, read: bool, push: bool) -> list[str]:
    user = f" of `{said['username']}`" if said["username"] else ""
    kind = _KINDS.get(said["kind"], said["kind"])
    return columns(
        [
            ("repository", location.name),
            ("credential", f"{kind}{user}"),
            ("from", said["source"].removeprefix("none: ")),
            ("read", "yes" if read else "no"),
            ("push", "yes" if push else "no"),
        ]
    )
