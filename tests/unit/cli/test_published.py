"""CI outputs, result files and job summaries contain no known secret."""

from __future__ import annotations

import json
from pathlib import Path

from ci.outputs import Outputs
from ci.summary import Summary, Table
from release.app.session import Session
from release.app.settings import Settings
from release.cli.output.ci_outputs import publish
from release.cli.output.foreign import hide
from tests.support.openings import ALL, commands_in

SECRET = 'hunter2"\\ü-and-more'


def test_outputs_result_and_summary_hold_no_secret(tmp_path: Path) -> None:
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "SHIPMARK_COMMENT_FILE": str(tmp_path / "comment"),
        "SHIPMARK_REGISTRY_GHCR_IO_TOKEN": SECRET,
    }
    session = Session(Settings(directory=str(tmp_path), env=env))
    session.secrets.add("plain-t0ken")
    hide(session.secrets)
    said = f"the server said {SECRET}, plain-t0ken, https://u:p4ssword@host/"
    publish(
        session,
        Outputs(version=said, tags=(said,), json=json.dumps({"reason": said, "list": [said]})),
        "result",
        summary=Summary(
            title=said,
            problem=said,
            hint=said,
            pull=(said,),
            tables=(Table(columns=("a",), rows=[(said,)]),),
            links=[(said, f"https://u:p4ssword@host/{SECRET}")],
            notes=[said],
        ),
    )
    written = {name: (tmp_path / name).read_text() for name in ("output", "summary", "result", "comment")}
    for text in written.values():
        assert not any(part in text for part in ("hunter2", "and-more", "plain-t0ken", "p4ssword"))
    shown = "the server said ***, ***, https://***@host/"
    assert json.dumps({"reason": shown, "list": [shown]}, separators=(",", ":")) in written["output"]


def test_document_in_the_output_file_is_read_back_and_contains_no_ci_command(tmp_path: Path) -> None:
    env = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(tmp_path / "output")}
    session = Session(Settings(directory=str(tmp_path), env=env))
    document = {"schema": "x/1", "texts": list(ALL)}
    publish(session, Outputs(version="1.4.2", json=json.dumps(document)), None)
    lines = (tmp_path / "output").read_text().split("\n")
    position = next(number for number, line in enumerate(lines) if line.startswith("json<<"))
    assert json.loads(lines[position + 1]) == document
    assert list(commands_in(lines[position + 1])) == []
