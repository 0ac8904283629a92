"""Exports the version log: as entries, as in-toto release statements, and as an HTML page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from release.app.log.scope import scope_of
from release.app.session import Session
from release.events import Note
from release.log import Entry
from release.log.attested import attested

if TYPE_CHECKING:
    from release.log.page.html import Assets
    from release.log.page.site import Site


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
    """One self-contained HTML page, with the newest 5,000 releases."""
    return _site(workspace, request).file()


def pages(workspace: Session, request: ExportRequest = _OWN) -> Iterator[tuple[str, str]]:
    """The HTML page with every release: relative paths and texts of its files, the page `index.html` last."""
    yield from _site(workspace, request).files()


def _site(workspace: Session, request: ExportRequest) -> Site:
    from release.log.page import site

    scope = scope_of(workspace, project=request.project, all_projects=request.all_projects)
    view = workspace.log_state
    left = len(view.projects) - len(view.covered(scope))
    if left and request == _OWN:
        text = f"{left} of {len(view.projects)} projects are left out: `--all-projects` shows them, too"
        workspace.sink.emit(Note(level="info", text=text))
    head = workspace.log.head
    return site.Site(
        view,
        scope,
        _assets(),
        title=f"Releases in {workspace.log.store.name}",
        head=f"{head.seq + 1:,} entries, head {head.seq}:{head.hash}",
        mask=workspace.secrets.mask,
    )


def _assets() -> Assets:
    from release.log.page import html

    folder = os.path.dirname(html.__file__)
    texts = []
    for name in ("page.html", "page.css", "page.js"):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            texts.append(file.read())
    return html.Assets(*texts)


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
