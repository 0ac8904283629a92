"""The config of a base image, which a stranger may have written."""

from __future__ import annotations

from typing import Any

import pytest

from release.build.embedded.base_config import read_base_config
from release.errors import BuildError


def config(**settings: Any) -> dict[str, Any]:
    return {
        "os": "linux",
        "architecture": "amd64",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": []},
    }


@pytest.mark.parametrize("settings", [{"WorkingDir": "/a\0b"}, {"Env": ["A=1", "B=/a\0b"]}])
def test_base_whose_config_has_a_nul_character_in_a_path_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(BuildError, match="the base `b` has a NUL character"):
        read_base_config(config(**settings), "b")


def test_settings_of_a_base_are_taken_over() -> None:
    read = read_base_config(config(WorkingDir="/a", Env=["A=1"]), "b")
    assert (read.config.working_dir, dict(read.config.env)) == ("/a", {"A": "1"})
