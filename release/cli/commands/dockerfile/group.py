"""`shipmark dockerfile`: the group of commands for Dockerfiles."""

from __future__ import annotations

import click

from release.cli.group import LazyGroup, Row

_COMMANDS: dict[str, Row] = {
    "new": Row("dockerfile.new", "Write a Dockerfile and a .dockerignore from a template."),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """Write Dockerfiles from templates."""
