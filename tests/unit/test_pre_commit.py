"""The pre-commit hooks run the commands of `make check`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def hooks() -> list[dict[str, Any]]:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    return [hook for repo in config["repos"] for hook in repo["hooks"]]


def recipe(target: str) -> list[str]:
    """Return the commands of a Makefile target, with `$(BIN)` and `$(wildcard …)` replaced."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text, re.MULTILINE)
    assert lines is not None
    filled = re.sub(r"\$\(wildcard ([^)]*)\)", r"\1", lines[1].replace("$(BIN)", ".venv/bin"))
    return [line.strip() for line in filled.splitlines()]


def test_pre_commit_hooks_are_the_commands_of_make_check() -> None:
    commands = recipe("check")
    assert len(commands) >= 6
    assert not [command for command in commands if "$" in command]
    assert [hook["entry"] for hook in hooks()] == commands


def test_pre_commit_hooks_use_the_tools_of_the_environment_and_check_all_files() -> None:
    for hook in hooks():
        assert hook["language"] == "system"
        assert hook["always_run"]
        assert not hook["pass_filenames"]
