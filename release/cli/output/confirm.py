"""Asks for confirmation before a rollback, on a terminal only."""

from __future__ import annotations

import sys

import click

from release.app.lifecycle.results import ChangeResult, RollbackReport
from release.cli.output.stdout import talk
from release.errors import RefusedError


def is_terminal() -> bool:
    """Whether a person can read a question and answer it: stdin and stderr are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(preview: ChangeResult) -> None:
    """Ask whether the versions of the previewed rollback shall be taken back. Raises `RefusedError` for a no."""
    report = preview.report
    if not isinstance(report, RollbackReport) or not report.yanked:
        return
    # A line of its own: `Escaping` keeps a line that has not ended, so that the question would stay invisible.
    talk(f"take back {', '.join(report.yanked)}, and move the tags? [y/N]")
    if not click.confirm("", prompt_suffix="", show_default=False, err=True):
        raise RefusedError(
            "nothing was taken back", hint="`--yes` does not ask, and `--preview` shows the steps"
        )
