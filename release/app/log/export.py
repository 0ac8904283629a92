"""Exports the version log: as entries, as in-toto release statements, and as an HTML page."""

from __future__ import annotations

import os
from typing import Any, Literal

import msgspec

from release.app.session import Session
from release.log.attested import attested
from release.log.chain import timestamp
from release.log.yanked import yanks_of


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every entry as it is stored, oldest first."""

    schema: Literal["shipmark.log-export/1"] = "shipmark.log-export/1"
    entries: tuple[dict[str, Any], ...]


def export(workspace: Session) -> ExportReport:
    """Every entry of the version log."""
    return ExportReport(entries=tuple(entry.fields for entry in workspace.log.entries()))


def statements(workspace: Session) -> tuple[dict[str, Any], ...]:
    """One in-toto statement for each release on each target, as the log records them."""
    return tuple(one.statement for one in attested(workspace.log.entries()))


def page(workspace: Session) -> str:
    """One self-contained HTML page of all releases."""
    from release.log.page import html

    with open(os.path.join(os.path.dirname(html.__file__), "page.html"), encoding="utf-8") as file:
        template = file.read()
    head = workspace.log.store.head()
    return html.page(
        template,
        workspace.log_state.whole,
        yanks_of(workspace.log.entries()),
        title=f"Releases in {workspace.log.store.name}",
        head=f"{head.seq + 1} entries, head {head.seq}:{head.hash}",
        now=timestamp(workspace.clock.now()),
    )
