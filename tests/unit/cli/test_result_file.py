"""The file of `--result-file`, where the command that was to write it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.cli.main import run

COMMANDS = (
    ("preview",),
    ("run",),
    ("build",),
    ("tags",),
    ("version",),
    ("promote", "ghcr.io/acme/app:1", "--to", "oci:x"),
    ("rollback", "--to", "1.0.0", "--reason", "test"),
    ("restore", "1.0.0", "--reason", "test"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_command_that_fails_leaves_no_result_of_an_earlier_run(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "shipmark.yml").write_text("imagee: ghcr.io/acme/app\n")
    result = tmp_path / "result.env"
    result.write_text("SHIPMARK_PUSHED=true\n")
    assert run([*command, "-C", str(tmp_path), "--result-file", "result.env"]) in (2, 3)
    assert result.read_text() == ""


def test_missing_result_file_of_a_command_that_fails_is_not_made(tmp_path: Path) -> None:
    assert run(["run", "-C", str(tmp_path), "--result-file", "result.env"]) == 3
    assert not (tmp_path / "result.env").exists()
