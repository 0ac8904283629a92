"""The command `prune`: what it says about its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from release.app.settings import Settings
from release.cli.commands.prune.group import _options
from release.cli.main import run

NONE: dict[str, Any] = {"policy": None, "repositories": ()}


@pytest.mark.parametrize(
    ("settings", "own", "expected"),
    [
        (Settings(), NONE, ""),
        (Settings(), {**NONE, "policy": "my policy.yml"}, " --policy 'my policy.yml'"),
        (
            Settings(component="api"),
            {**NONE, "repositories": ("r.io/a/*",)},
            " --repositories 'r.io/a/*' --component api",
        ),
        (
            Settings(directory="d", config="c.yml", images=("r.io/a", "r.io/b"), components=("api", "web")),
            NONE,
            " -C d --config c.yml --image r.io/a --image r.io/b --component api --component web",
        ),
    ],
)
def test_command_that_executes_a_plan_has_the_options_that_the_plan_was_made_with(
    settings: Settings, own: dict[str, Any], expected: str
) -> None:
    assert _options(settings, own) == expected


@pytest.mark.parametrize(
    ("config", "options", "hint"),
    [
        (
            "image: oci:dist/one",
            ["--apply", "0123456789ab"],
            "add the `--policy FILE` with which the plan was made",
        ),
        (
            "{image: oci:dist/one, retention: {delete: [{match: x}]}}",
            ["--repositories", "oci:dist/one"],
            "name it with `--image oci:dist/one`",
        ),
    ],
)
def test_hint_names_the_option_that_is_missing(
    tmp_path: Path, config: str, options: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shipmark.yml").write_text(f"{config}\n")
    assert run(["-C", str(tmp_path), "prune", *options]) == 2
    assert hint in capsys.readouterr().err
