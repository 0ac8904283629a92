"""Writes the job summary of a command that failed before it had a report, such as one in a shallow clone."""

from __future__ import annotations

import contextlib

import click

from ci.summary import Summary
from release.app.session import Session
from release.cli.output.ci_outputs import SUMMARY_WRITTEN, Write, write_summary
from release.errors import ReleaseError

#: The commands that write a summary.
_COMMANDS = frozenset({"preview", "run", "build", "promote", "rollback", "restore", "prune"})


def summarise_failure(ctx: click.Context, session: Session | None, error: ReleaseError) -> None:
    """Write the error and its hint into the job summary, unless the command has written one already.

    `session`: of the command; None if the error came before it was opened.
    """
    if session is None or ctx.meta.get(SUMMARY_WRITTEN) or ctx.info_name not in _COMMANDS:
        return
    summary = Summary(title=f"Failed: shipmark {ctx.info_name}", problem=error.message, hint=error.hint or "")
    write_summary(session, summary, _quietly)


def _quietly(session: Session, write: Write, path: str, text: str) -> None:
    # The error itself is printed by `main`; a second one about the summary would only hide it.
    with contextlib.suppress(ReleaseError):
        write(session, path, text)
