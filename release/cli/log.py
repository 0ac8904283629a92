"""`shipmark log`: the group; each subcommand is imported when it is called."""

from __future__ import annotations

import click

from release.cli.groups import LazyGroup, Row

_COMMANDS: dict[str, Row] = {
    "list": Row("log_list", "List the releases, newest first.", "list_"),
    "show": Row("log_list", "Show every entry of one release.", "show"),
    "find": Row("log_questions", "Find a digest: of an index, a platform's image, a tag.", "find"),
    "at": Row("log_questions", "What a tag held at a time.", "at"),
    "history": Row("log_questions", "What a tag held over time.", "history"),
    "diff": Row("log_questions", "What lies between two releases: commits, inputs, platforms.", "diff"),
    "verify": Row("log_verify", "Check the chain; with --registry every recorded tag, too.", "verify"),
    "recover": Row("log_recover", "Settle attempts whose run is over.", "recover"),
    "copy": Row("log_moving", "Move a log between stores, bytes unchanged.", "copy"),
    "migrate": Row("log_moving", "Make or change the tables of a SQL log.", "migrate"),
    "import": Row("log_import", "Take what a run could not record when the log was down.", "import_"),
    "export": Row("log_export", "Write the log as JSON, CSV, in-toto statements or one HTML page.", "export"),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """The version log: what was planned, built, pushed, released and moved."""
