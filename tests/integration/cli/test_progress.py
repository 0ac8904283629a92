"""Progress of an image's transfer: bars on a terminal, lines in a log, JSON events for a program."""

from __future__ import annotations

import errno
import json
import os
import pty
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from release.layout.layout import Layout
from tests.support.programs.command import Shipmark
from tests.support.registries.images import make_image, make_tar, store
from tests.support.registries.registry import RegistryServer

# Random, so that compression leaves its size.
BIG = make_image({}, layers=(make_tar({"noise": random.Random(7).randbytes(6_000_000)}),))


@pytest.fixture
def push(tmp_path: Path, registry_server: RegistryServer) -> tuple[str, ...]:
    """Give the arguments of a command that pushes a layer of 6 MB."""
    store(BIG, Layout(str(tmp_path / "image")), "big")
    return ("image", "copy", "oci:image:big", f"{registry_server.host}/acme/big")


def test_push_without_a_terminal_prints_one_line_for_a_large_blob(
    shipmark: Shipmark, push: tuple[str, ...]
) -> None:
    result = shipmark(*push)
    assert result.code == 0
    sent = [line for line in result.stderr.splitlines() if line.startswith("moved ")]
    assert len(sent) == 1
    assert sent[0].endswith("  6.0 MB")
    assert "\x1b" not in result.stderr


def test_download_of_a_large_blob_prints_a_line(shipmark: Shipmark, push: tuple[str, ...]) -> None:
    assert shipmark(*push).code == 0
    result = shipmark("image", "copy", f"{push[-1]}:big", "oci:home")
    assert any(line.startswith("moved ") and line.endswith("  6.0 MB") for line in result.stderr.splitlines())


@pytest.mark.parametrize("quiet", [("-q",), ("--progress", "none")])
def test_quiet_options_print_nothing_on_stderr(
    shipmark: Shipmark, push: tuple[str, ...], quiet: tuple[str, ...]
) -> None:
    result = shipmark(*push, *quiet)
    assert result.code == 0
    assert result.stderr == ""


def test_option_progress_json_prints_events_with_the_sent_bytes(
    shipmark: Shipmark, push: tuple[str, ...]
) -> None:
    result = shipmark(*push, "--progress", "json")
    events = [json.loads(line) for line in result.stderr.splitlines()]
    moved = [event for event in events if event["event"] == "progress"]
    assert max(event["done"] for event in moved) > 6_000_000
    assert all(event["done"] <= event["total"] for event in moved)


def test_push_on_a_terminal_draws_progress_bars_and_restores_the_cursor(
    shipmark: Shipmark, push: tuple[str, ...], tmp_path: Path
) -> None:
    drawn, out, code = on_a_terminal([*shipmark.argv, *push], shipmark.env, tmp_path, TERM="xterm-256color")
    assert code == 0
    assert out.startswith("127.0.0.1:")
    assert "total" in drawn
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h") > 0
    assert "blobs sent" in drawn


def test_progress_bars_have_no_color_if_no_color_is_set(
    shipmark: Shipmark, push: tuple[str, ...], tmp_path: Path
) -> None:
    drawn, _, _ = on_a_terminal(
        [*shipmark.argv, *push], shipmark.env, tmp_path, TERM="xterm-256color", NO_COLOR="1"
    )
    assert "total" in drawn
    assert "\x1b[38;" not in drawn
    assert "\x1b[3" not in drawn.replace("\x1b[3K", "")


def test_terminal_cursor_is_restored_after_an_error_during_progress_bars(
    shipmark: Shipmark, tmp_path: Path
) -> None:
    program = (
        "import sys\n"
        "from release.cli.output.progress_bars import Bars\n"
        "from release.events import NullSink, Progress\n"
        "Bars(NullSink(), color=True).emit(Progress(label='a', done=1, total=5_000_000))\n"
        "sys.exit('broken')\n"
    )
    argv = [sys.executable, "-I", "-c", program]
    drawn, _, code = on_a_terminal(argv, shipmark.env, tmp_path, TERM="xterm")
    assert code == 1
    assert "broken" in drawn
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h") == 1


def on_a_terminal(
    argv: Sequence[str], env: Mapping[str, str], folder: Path, **more: str
) -> tuple[str, str, int]:
    """Run shipmark with a terminal as stderr; return what was drawn there, stdout, and the exit code."""
    controller, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env={**env, "COLUMNS": "100", **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=terminal,
        )
    finally:
        os.close(terminal)
    try:
        drawn = _read_all(lambda: os.read(controller, 65536))
    finally:
        os.close(controller)
        out, _ = process.communicate(timeout=60)
    return drawn.decode(errors="replace"), out.decode(), process.returncode


def _read_all(read: Callable[[], bytes]) -> bytes:
    found = b""
    while True:
        try:
            piece = read()
        except OSError as error:
            if error.errno == errno.EIO:  # the last one who had the terminal closed it
                return found
            raise
        if not piece:
            return found
        found += piece
