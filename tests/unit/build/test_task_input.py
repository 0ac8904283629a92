"""The input of a build task that every builder reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from release.build.task_input import read_input
from release.errors import BuildError, ConfigError
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


@pytest.mark.parametrize(
    ("mount", "options", "missing"),
    [
        ("type=secret,id=a,required", {}, "secret `a`"),
        ("type=secret,target=/run/a,required=true", {"secrets": ("id=b,env=B",)}, "secret `a`"),
        ("type=ssh,required", {}, "ssh agent `default`"),
        ("type=ssh,id=a,required", {"ssh": ("default",)}, "ssh agent `a`"),
        ("type=secret,id=a,required", {"secrets": ("env=B,id=a",)}, None),
        ("type=secret,id=a,required=false", {}, None),
        ("type=ssh,required", {"ssh": ("default=/s",)}, None),
    ],
)
def test_a_required_secret_or_agent_that_is_not_given_is_found_before_the_build(
    tmp_path: Path, mount: str, options: dict[str, Any], missing: str | None
) -> None:
    unused = "FROM scratch AS unused\nRUN --mount=type=secret,id=never,required x\n"
    (tmp_path / "Dockerfile").write_text(f"{unused}FROM scratch\nRUN --mount={mount} x\n")
    wanted = build_of(tmp_path, **options)
    if missing is None:
        read_input(*wanted)
        return
    with pytest.raises(BuildError) as caught:
        read_input(*wanted)
    assert str(caught.value) == f"Dockerfile:4: RUN requires the {missing}, which is not given"
