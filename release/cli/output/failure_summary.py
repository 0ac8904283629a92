"""Writes the job summary of a command that failed before it had a report, such as one in a shallow clone."""

from __future__ import annotations

import contextlib

import click

from ci.summary import Summary, comment_of, markdown_of
from release.app.session import Session
from release.cli.options import SESSION, SUMMARY_WRITTEN
from release.cli.output.ci_outputs import cleaned_summary, summary_files
from release.cli.output.files import append_output, write_output
from release.errors import ReleaseError

#: The commands that write a summary.
_COMMANDS = frozenset({"preview", "run", "build", "promote", "rollback", "restore"})


def summarise_failure(ctx: click.Context, error: ReleaseError) -> None:
    """Write the error and its hint into the job summary, unless the command has written one already."""
    session = ctx.meta.get(SESSION)
    if not isinstance(session, Session) or ctx.meta.get(SUMMARY_WRITTEN) or ctx.info_name not in _COMMANDS:
        return
    summary = Summary(title=f"Failed: shipmark {ctx.info_name}", problem=error.message, hint=error.hint or "")
    # The error itself is printed by `main`; a second one about the summary would only hide it.
    with contextlib.suppress(ReleaseError):
        appended, replaced = summary_files(session)
        for path in appended:
            append_output(session, path, markdown_of(cleaned_summary(summary)))
        for path in replaced:
            write_output(session, path, comment_of(cleaned_summary(summary)))
