"""`shipmark log`: the group of commands for the version log; each is imported when it is called."""

from __future__ import annotations

import click

from release.cli.group import LazyGroup, Row

_COMMANDS: dict[str, Row] = {
    "list": Row("log.list_releases", "List the releases, newest first.", "list_"),
    "show": Row("log.list_releases", "Show every entry of one release.", "show"),
    "find": Row("log.questions", "Find a digest: of an index, a platform's image, a tag.", "find"),
    "at": Row("log.questions", "What a tag held at a time.", "at"),
    "history": Row("log.questions", "What a tag held over time.", "history"),
    "deployed": Row("log.questions", "What runs where since when, and what ran at a time.", "deployed"),
    "diff": Row("log.questions", "How two releases differ: commits, inputs, platforms.", "diff"),
    "verify": Row("log.verify", "Check the chain; with --registry every recorded tag, too.", "verify"),
    "recover": Row("log.recover", "Settle attempts whose run is over.", "recover"),
    "adopt": Row("log.adopt", "Record version tags that only the registry has.", "adopt"),
    "rebuild": Row("log.rebuild", "Rebuild a lost log from registries and git.", "rebuild"),
    "copy": Row("log.move", "Move a log between stores, bytes unchanged.", "copy"),
    "migrate": Row("log.move", "Make or change the tables of a SQL log.", "migrate"),
    "import": Row("log.import_entries", "Take what a run could not record when the log was down.", "import_"),
    "export": Row("log.export", "Write the log as JSON, CSV, in-toto statements or one HTML page.", "export"),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """The version log: what was planned, built, pushed, released and moved."""
