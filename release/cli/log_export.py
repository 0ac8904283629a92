"""`shipmark log export`: the log in other formats."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from release.cli.log_list import fields_of
from release.cli.printing import data
from release.cli.session import Session
from release.cli.settings import Command, global_options, settings_of
from release.log.chain import timestamp
from release.log.questions import Filter, select
from release.log.state import LogState

_IN_TOTO = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://in-toto.io/attestation/release/v0.1"


@click.command(cls=Command)
@global_options
@click.option("--format", "form", type=click.Choice(["json", "csv", "in-toto", "html"]), default="json")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of stdout.")
@click.pass_context
def export(ctx: click.Context, form: str, output: str | None) -> None:
    """Write the log as one JSON document, CSV, one in-toto release statement a line, or one HTML page."""
    session = Session(settings_of(ctx))
    writers = {"json": _json, "csv": _csv, "in-toto": _in_toto, "html": _html}
    text = writers[form](session)
    if output is None:
        data(text)
        return
    with open(os.path.join(session.directory, output), "w", encoding="utf-8") as file:
        file.write(f"{text}\n")


def _json(session: Session) -> str:
    whole = {"schema": "shipmark.log-export/1", "entries": [entry.fields for entry in session.log.entries()]}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _csv(session: Session) -> str:
    from release.cli.log_list import as_csv

    return as_csv([fields_of(one) for one in select(session.log_state, Filter())])


def _in_toto(session: Session) -> str:
    return "\n".join(
        json.dumps(statement, separators=(",", ":")) for statement in statements(session.log_state)
    )


def _html(session: Session) -> str:
    from release.log import page as html

    with open(os.path.join(os.path.dirname(html.__file__), "page.html"), encoding="utf-8") as file:
        template = file.read()
    head = session.log.store.head()
    return html.page(
        template,
        session.log_state,
        title=f"Releases in {session.log.store.name}",
        head=f"{head.seq + 1} entries, head {head.seq}:{head.hash}",
        now=timestamp(session.clock.now()),
    )


def statements(state: LogState) -> list[dict[str, Any]]:
    """One in-toto release statement for each target of each release.

    Source: in-toto attestation spec, predicates/release.md v0.1.
    """
    return [
        {
            "_type": _IN_TOTO,
            "subject": [
                {"name": content.target, "digest": {"sha256": content.digest.removeprefix("sha256:")}}
            ],
            "predicateType": _PREDICATE,
            "predicate": {
                "purl": f"pkg:oci/{content.target.rsplit('/', 1)[-1]}@{content.digest}"
                f"?repository_url={content.target}&tag={content.tags[0] if content.tags else ''}",
                "packageId": f"{release.project}@{release.version or release.commit}",
            },
        }
        for release in state.releases.values()
        if release.state == "released"
        for content in release.pushed
    ]
