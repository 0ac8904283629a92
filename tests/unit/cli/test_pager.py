"""Which pager shows long output: the user's environment decides, and nothing that lies in the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from release.cli.output.pager import pager_of


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """Give a folder with the programs `less`, `most` and `cat`."""
    for name in ("less", "most", "cat"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("env", "argv"),
    [
        ({}, ["less"]),
        ({"PAGER": "most -s"}, ["most", "-s"]),
        ({"PAGER": "less", "SHIPMARK_PAGER": "most '-p a b'"}, ["most", "-p a b"]),
        ({"PAGER": "{}/most"}, ["most"]),
        ({"PAGER": ""}, None),
        ({"PAGER": "cat"}, None),
        ({"PAGER": "less", "SHIPMARK_PAGER": ""}, None),
        ({"PAGER": "less 'x"}, None),
        ({"PAGER": "missing"}, None),
        ({"TERM": "dumb"}, None),
        ({"PAGER": "less; touch hacked"}, None),
    ],
)
def test_environment_chooses_the_pager(programs: str, env: Mapping[str, str], argv: list[str] | None) -> None:
    given = {"PATH": programs, "TERM": "xterm", **{key: value.format(programs) for key, value in env.items()}}
    wanted = None if argv is None else [f"{programs}/{argv[0]}", *argv[1:]]
    assert pager_of(given) == wanted


@pytest.mark.parametrize("env", [{"PATH": "."}, {"PATH": ""}, {"PAGER": "./less"}, {"PAGER": "sub/less"}])
def test_program_in_the_workspace_is_never_the_pager(
    programs: str, env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(programs)
    assert pager_of({"PATH": "/nowhere", "TERM": "xterm", **env}) is None
