"""`shipmark dockerfile`: the group of commands for Dockerfiles."""

from __future__ import annotations

import click

from release.cli.group import LazyGroup, Row

_COMMANDS: dict[str, Row] = {
    "new": Row("dockerfile.new", "Write a Dockerfile and a .dockerignore from a template."),
    "lint": Row("dockerfile.lint", "Check Dockerfiles: bases, user, secrets, cache; exit 4 for errors."),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """Write Dockerfiles from templates, and check them."""
