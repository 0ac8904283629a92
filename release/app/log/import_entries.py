"""Appends the facts that a run left in a file because the log could not be written then."""

from __future__ import annotations

import os
from typing import Any, Literal

import msgspec

from release.app.releases.unrecorded import UNRECORDED_SCHEMA
from release.app.session import Session
from release.errors import ConfigError
from release.filesystem.files import read_file
from release.json_text import parse_json
from release.limits import PLAN_BYTES
from release.log import Entry


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`file`: path of a file of schema `shipmark.unrecorded/1`, absolute or relative to the working folder."""

    file: str


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """`entries`: the positions of the facts in the log. `added`: how many of them the import appended."""

    schema: Literal["shipmark.log-import/1"] = "shipmark.log-import/1"
    entries: tuple[int, ...]
    added: int


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of the imported facts. `added`: how many are new. `facts`: how many facts the file has."""

    entries: tuple[Entry, ...]
    added: int
    facts: int


def import_entries(workspace: Session, request: ImportRequest) -> ImportReport:
    """Append the facts of the file to the log; a fact that the log has already is not written twice."""
    return import_report(append_from(workspace, request))


def import_report(found: Imported) -> ImportReport:
    """The report of an import, as `--json` prints it."""
    return ImportReport(entries=tuple(entry.seq for entry in found.entries), added=found.added)


def append_from(workspace: Session, request: ImportRequest) -> Imported:
    """Append the file's facts to the log.

    Raises `ConfigError` if the file cannot be read, or that names the first line that is not a fact; `RefusedError` in
    a run that is not trusted.
    """
    workspace.require_trusted("log import")
    facts = read_unrecorded(os.path.join(workspace.directory, request.file), request.file)
    before = len(workspace.log.entries())
    entries = workspace.log.append(facts)
    # Others may append meanwhile: what they appended is not among `entries`.
    added = len({entry.seq for entry in entries if entry.seq >= before})
    return Imported(entries=entries, added=added, facts=len(facts))


def read_unrecorded(path: str, shown: str) -> list[dict[str, Any]]:
    """The facts in a file of schema `shipmark.unrecorded/1`.

    `shown`: the path in messages. Raises `ConfigError` that names the first line that is not a fact.
    """
    try:
        raw = read_file(path, limit=PLAN_BYTES)
    except OSError as error:
        raise ConfigError(f"`{shown}` cannot be read: {error.strerror}", hint="check its rights") from error
    if raw is None:
        raise ConfigError(f"there is no file `{shown}`", hint="check the path")
    return [fact_in(line, f"{shown}:{number}") for number, line in enumerate(raw.splitlines(), 1) if line]


def fact_in(line: bytes, where: str) -> dict[str, Any]:
    """The fact in one line of a file. `where`: `FILE:LINE`, for messages. Raises `ConfigError` for another line."""
    value = parse_json(line, where, hint="give the file that `run` wrote, without changes")
    fact = value.get("fact") if isinstance(value, dict) else None
    if not isinstance(fact, dict) or value.get("schema") != UNRECORDED_SCHEMA:
        raise ConfigError(
            f"{where}: this line is not of schema `{UNRECORDED_SCHEMA}`",
            hint="give the file that `run` wrote, without changes",
        )
    return fact
