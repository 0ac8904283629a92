"""The input of a build task that every builder reads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from release.build.task_input import read_input
from release.errors import ConfigError
from tests.support.releases.builds import build_of


def test_the_library_for_zstd_is_needed_only_where_layers_are_compressed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    wanted = build_of(tmp_path, compression="zstd")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    read = read_input(*wanted, compresses=False)
    with pytest.raises(ConfigError, match="`zstandard`"):
        read.codec  # noqa: B018 - the property raises
    with pytest.raises(ConfigError, match="`zstandard`"):
        read_input(*wanted)
