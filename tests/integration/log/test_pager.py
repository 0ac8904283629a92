"""Long answers of the log on a terminal go through the pager that the user chose, as git's do; elsewhere never."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.support.logs.page_log import write_log
from tests.support.programs.command import Shipmark

# A pager that says which variables it got, and shows the first two lines that it reads.
_PAGER = """#!/bin/sh
echo "PAGED LESS=$LESS $1"
head -n 2
"""


@pytest.fixture
def pager(tmp_path: Path, shipmark: Shipmark) -> Path:
    """Give the path of a pager; the test's folder has a log with 120 releases."""
    write_log(shipmark.folder / ".shipmark" / "log.jsonl", 120)
    path = tmp_path / "bin" / "pager"
    path.parent.mkdir()
    path.write_text(_PAGER)
    path.chmod(0o755)
    return path


def _on_terminal(shipmark: Shipmark, *args: str, **env: str) -> tuple[list[str], int]:
    """Run shipmark with a terminal of 24 lines as stdout; return the lines that it shows, and the exit code."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*shipmark.argv, *args],
        cwd=shipmark.folder,
        env={**shipmark.env, "TERM": "xterm", "LINES": "24", "COLUMNS": "300", **env},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    )
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the last one who had the terminal closed it
        while piece := os.read(controller, 65536):
            shown += piece
    os.close(controller)
    return shown.decode().split("\r\n")[:-1], process.wait(60)


def test_long_list_on_a_terminal_goes_through_the_pager(shipmark: Shipmark, pager: Path) -> None:
    for command in (("log", "list"), ("log", "history", "latest")):
        shown, code = _on_terminal(shipmark, *command, PAGER=f"{pager} -x")
        assert shown[0] == "PAGED LESS=FRX -x"
        assert len(shown) == 3, "a pager that is left early ends the output, without an error"
        assert code == 0
    assert _on_terminal(shipmark, "log", "list", PAGER="cat", SHIPMARK_PAGER=str(pager), LESS="S")[0][0] == (
        "PAGED LESS=S "
    )


def test_output_is_not_paged_where_it_should_not(shipmark: Shipmark, pager: Path) -> None:
    paged = {"PAGER": str(pager)}
    for args, env in (
        (("log", "list", "--no-pager"), paged),
        (("log", "list", "-n", "5"), paged),
        (("log", "list"), {**paged, "CI": "true", "GITHUB_ACTIONS": "true"}),
        (("log", "list"), {"PAGER": "/nowhere/pager"}),
    ):
        shown, code = _on_terminal(shipmark, *args, **env)
        assert not any("PAGED" in line for line in shown), (args, env)
        assert code == 0
        assert len(shown) >= 6
    piped = shipmark("log", "list", env=paged)
    assert len(piped.stdout.splitlines()) == 51


def test_workspace_does_not_choose_the_pager(shipmark: Shipmark, pager: Path) -> None:
    (shipmark.folder / "less").write_bytes(pager.read_bytes())
    (shipmark.folder / "less").chmod(0o755)
    shown, code = _on_terminal(shipmark, "log", "list", PATH=f".:{shipmark.env['PATH']}", LESS="FX -e -E")
    assert not any("PAGED" in line for line in shown)
    assert code == 0
