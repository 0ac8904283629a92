"""Octal and symbolic modes of `--chmod`; the symbolic ones are compared with chmod(1) of the machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from release.build.embedded.copying.modes import read_mode

SYMBOLIC = [
    "u=rwX,go=rX",
    "a+x",
    "a-w",
    "g=u",
    "o=g",
    "u+s",
    "g+s,o-rwx",
    "ug=rw,o=",
    "a=rx",
    "u=rw-x",
    "a+X",
    "go-X",
    "a=r,u+w",
    "o+t",
]


@pytest.mark.parametrize("text", SYMBOLIC)
def test_symbolic_mode_changes_a_file_as_chmod_does(text: str, tmp_path: Path) -> None:
    change = read_mode(text)
    assert change is not None
    path = tmp_path / "file"
    path.touch()
    for mode in (0o644, 0o755, 0o600, 0o070, 0o000):
        path.chmod(mode)
        subprocess.run(["chmod", "--", text, str(path)], check=True)
        expected = os.stat(path).st_mode & 0o7777
        if text == "o+t":
            expected = mode  # BSD and BuildKit ignore the sticky bit for others
        assert oct(change.of(mode, is_folder=False)) == oct(expected), oct(mode)


def test_symbolic_mode_without_a_class_ignores_the_umask() -> None:
    change = read_mode("+x")
    assert change is not None
    assert change.of(0o644, is_folder=False) == 0o755


def test_capital_x_in_a_symbolic_mode_adds_execution_to_folders() -> None:
    change = read_mode("u=rwX,go=rX")
    assert change is not None
    assert (change.of(0o644, is_folder=True), change.of(0o644, is_folder=False)) == (0o755, 0o644)


@pytest.mark.parametrize(("text", "mode"), [("755", 0o755), ("0644", 0o644), ("07777", 0o7777), ("0", 0)])
def test_octal_modes_replace_all_bits(text: str, mode: int) -> None:
    change = read_mode(text)
    assert change is not None
    assert change.of(0o123, is_folder=False) == mode


@pytest.mark.parametrize(
    "text", ["", "8", "10000", "777777", "u", "u+q", "rwx", "u+x,", "u=rw g=r", "-1", "u=gu"]
)
def test_invalid_mode_is_none(text: str) -> None:
    assert read_mode(text) is None
