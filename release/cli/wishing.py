"""The options of `preview` and `run` that ask for something beyond the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])


def wish_options(function: _Function) -> _Function:
    """`--version`, `--rebuild`, `--reason`, `--allow-backward`."""
    options = (
        click.option(
            "--version", metavar="X.Y.Z", help="Release this version, which has no git tag; needs --reason."
        ),
        click.option(
            "--rebuild",
            metavar="[TAG]",
            is_flag=False,
            flag_value="",
            help="Build a released version again, as `1.4.2_r1`; without TAG what is checked out.",
        ),
        click.option("--allow-backward", is_flag=True, help="Let moving tags go back; needs --reason."),
        click.option("--reason", metavar="TEXT", help="Why; it is recorded."),
    )
    for option in reversed(options):
        function = option(function)
    return function
