"""`shipmark log import`: take what a run could not record when the log was down."""

from __future__ import annotations

import os
from typing import Any

import click

from release.app.releases.unrecorded import UNRECORDED_SCHEMA
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.errors import ConfigError
from release.filesystem.files import read_file
from release.json_text import parse_json
from release.limits import PLAN_BYTES


@click.command(cls=Command, name="import")
@global_options
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-import/1`.")
@click.pass_context
def import_(ctx: click.Context, file: str, as_json: bool) -> None:
    """Append what a run left in FILE because the log could not be written then.

    What the log has already, from an earlier import or from the next run, is not written twice.
    """
    session = open_session(ctx)
    session.require_trusted("log import")
    facts = read_unrecorded(os.path.join(session.directory, file), file)
    before = len(session.log.entries())
    entries = session.log.append(facts)
    added = len(session.log.entries()) - before
    if as_json:
        seqs = [entry.seq for entry in entries]
        document({"schema": "shipmark.log-import/1", "entries": seqs, "added": added})
        return
    lines = [f"{entry.seq:>6}  {entry.kind}" for entry in entries]
    data("\n".join([*lines, f"{added} of {len(facts)} added, the others were there already"]))


def read_unrecorded(path: str, shown: str) -> list[dict[str, Any]]:
    """The facts in a file of schema `shipmark.unrecorded/1`. Raises `ConfigError` with the line that is none."""
    try:
        raw = read_file(path, limit=PLAN_BYTES)
    except OSError as error:
        raise ConfigError(f"`{shown}` cannot be read: {error.strerror}", hint="check its rights") from error
    if raw is None:
        raise ConfigError(f"there is no file `{shown}`", hint="check the path")
    return [_fact(line, f"{shown}:{number}") for number, line in enumerate(raw.splitlines(), 1) if line]


def _fact(line: bytes, where: str) -> dict[str, Any]:
    value = parse_json(line, where, hint="the file is what `run` wrote, unchanged")
    fact = value.get("fact") if isinstance(value, dict) else None
    if not isinstance(fact, dict) or value.get("schema") != UNRECORDED_SCHEMA:
        raise ConfigError(
            f"{where}: nothing of schema `{UNRECORDED_SCHEMA}`",
            hint="the file is what `run` wrote, unchanged",
        )
    return fact
