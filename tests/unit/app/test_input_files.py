"""Files that a session reads: credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.app.input_files import read_credentials
from release.errors import ConfigError


def test_a_file_in_place_of_the_folder_of_credentials_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{}")
    with pytest.raises(ConfigError, match=r"is a file, and should be the folder of `config\.json`"):
        read_credentials(str(file / "config.json"))


def test_credentials_that_do_not_exist_are_none(tmp_path: Path) -> None:
    assert read_credentials(str(tmp_path / "config.json")) is None
    assert read_credentials(str(tmp_path / "none" / "config.json")) is None
