"""Exports the version log: as entries, as in-toto release statements, and as an HTML page."""

from __future__ import annotations

import os
from typing import Any, Literal

import msgspec

from release.app.log.scope import scope_of
from release.app.session import Session
from release.events import Note
from release.log import Entry
from release.log.attested import attested
from release.log.chain import timestamp
from release.log.fold import fold
from release.log.yanked import yanks_of


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`project`, `all_projects`: other projects than the one at hand."""

    project: str | None = None
    all_projects: bool = False


_OWN = ExportRequest()


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """The entries as they are stored, oldest first."""

    schema: Literal["shipmark.log-export/1"] = "shipmark.log-export/1"
    entries: tuple[dict[str, Any], ...]


def export(workspace: Session, request: ExportRequest = _OWN) -> ExportReport:
    """The log's entries about the projects of the request, after a note if that leaves some out."""
    return ExportReport(entries=tuple(entry.fields for entry in _entries(workspace, request)))


def statements(workspace: Session, request: ExportRequest = _OWN) -> tuple[dict[str, Any], ...]:
    """One in-toto statement for each release on each target, as the log records them."""
    return tuple(one.statement for one in attested(_entries(workspace, request)))


def page(workspace: Session, request: ExportRequest = _OWN) -> str:
    """One self-contained HTML page of the releases."""
    from release.log.page import html

    with open(os.path.join(os.path.dirname(html.__file__), "page.html"), encoding="utf-8") as file:
        template = file.read()
    head = workspace.log.store.head()
    entries = _entries(workspace, request)
    return html.page(
        template,
        fold(entries),
        yanks_of(entries),
        title=f"Releases in {workspace.log.store.name}",
        head=f"{head.seq + 1} entries, head {head.seq}:{head.hash}",
        now=timestamp(workspace.clock.now()),
    )


def _entries(workspace: Session, request: ExportRequest) -> list[Entry]:
    scope = scope_of(workspace, project=request.project, all_projects=request.all_projects)
    every = workspace.log.entries()
    own = [
        one
        for one in every
        if scope.covers(str(one.fields.get("project", "")), str(one.fields.get("component", "")))
    ]
    if (others := len(every) - len(own)) and request == _OWN:
        text = f"{others} of {len(every)} entries are about other projects: `--all-projects` writes them, too"
        workspace.sink.emit(Note(level="info", text=text))
    return own
