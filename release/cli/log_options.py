"""Options that the questions to the version log share."""

from __future__ import annotations

from collections.abc import Callable

import click

from release.cli.option_rules import beside
from release.cli.options import Function

#: How many releases, or digests of a tag, are listed unless more are asked for.
NEWEST = 50


def project_options(function: Function) -> Function:
    """Add the options that choose the projects that a question to the log is about."""
    options = (
        click.option(
            "--project",
            metavar="NAME",
            callback=beside("all_projects"),
            help="Ask about this project instead of the one at hand.",
        ),
        click.option(
            "--all-projects",
            is_flag=True,
            callback=beside("project"),
            help="Ask about every project that the log holds.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def newest_options(what: str) -> Callable[[Function], Function]:
    """Add `--limit` and `--all`, for commands that show only the newest. `what`: one of them, for the help."""

    def add(function: Function) -> Function:
        every = click.option(
            "--all",
            "every",
            is_flag=True,
            callback=beside("limit"),
            help=f"Every {what}, and not only the newest.",
        )
        limit = click.option(
            "-n",
            "--limit",
            type=click.IntRange(min=1),
            metavar="N",
            callback=beside("every"),
            help=f"The newest N [default: {NEWEST}].",
        )
        return limit(every(function))

    return add


def shown_of(limit: int | None, *, every: bool) -> int | None:
    """How many are shown, by the values of `newest_options`; None: all."""
    return limit if every or limit is not None else NEWEST


def pager_option(function: Function) -> Function:
    """Add `--no-pager`, for commands whose output may be longer than a screen."""
    option = click.option(
        "--no-pager", "plain", is_flag=True, help="Print long output on a terminal without a pager."
    )
    return option(function)
