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


@pytest.mark.parametrize(
    ("command", "other"),
    [
        (("preview", "-o", "out", "--result-file", "out"), "--output"),
        (("preview", "-o", "out", "--result-file", "sub/../out"), "--output"),
        (("build", "-o", "oci-archive:out", "--result-file", "out"), "--output"),
        (("build", "-o", "docker-archive:out:app:1.0", "--result-file", "out"), "--output"),
        (("run", "--plan", "out", "--result-file", "out"), "--plan"),
    ],
)
def test_result_file_is_no_other_file_of_the_command(
    command: tuple[str, ...], other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "out").write_text("kept")
    assert run(["-C", str(tmp_path), *command]) == 2
    assert f"`--result-file` and `{other}` name the same file" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "kept"


def test_stream_may_be_the_result_file_and_another_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "preview",
        "-C",
        str(tmp_path),
        "--image",
        "oci:x",
        "-o",
        "/dev/null",
        "--result-file",
        "/dev/null",
    ]
    assert run(words) == 3
    assert "same file" not in capsys.readouterr().err
