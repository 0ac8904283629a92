"""`make image` on a clean clone: shipmark's own image for two platforms, without a daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT


def test_image_has_the_whole_program_for_two_platforms_and_no_root(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    env = {
        **scrubbed(tmp_path),
        **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
    }
    (clone / "dist").mkdir()
    (clone / "dist" / "base").mkdir()
    (clone / "dist" / "base" / "file").write_text("a base\n")
    own = Path(sys.executable).parent

    def run(*argv: str | Path) -> str:
        return subprocess.run(argv, cwd=clone, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout

    run(sys.executable, ".ci/image.py", "dist/image", "scratch")
    digest = run(
        sys.executable,
        "-I",
        own / "shipmark",
        "build",
        "--config",
        "dist/image.yml",
        "-o",
        "oci:dist/shipmark",
    )
    assert "sha256:" in digest
    blobs = clone / "dist" / "shipmark" / "blobs" / "sha256"
    (top,) = json.loads((clone / "dist/shipmark/index.json").read_text())["manifests"]
    index = json.loads((blobs / top["digest"][7:]).read_text())
    assert {one["platform"]["architecture"] for one in index["manifests"]} == {"amd64", "arm64"}
    for one in index["manifests"]:
        manifest = json.loads((blobs / one["digest"][7:]).read_text())
        config = json.loads((blobs / manifest["config"]["digest"][7:]).read_text())["config"]
        assert config["User"] == "65532:65532"
        assert config["Entrypoint"] == ["/opt/shipmark/bin/python", "-I", "/opt/shipmark/bin/shipmark"]
        names: dict[str, tarfile.TarInfo] = {}
        for layer in manifest["layers"]:
            with tarfile.open(blobs / layer["digest"][7:]) as archive:
                names |= {member.name.removeprefix("./"): member for member in archive}
        site = "opt/shipmark/lib/python3.13/site-packages"
        assert {f"{site}/release/cli/main.py", f"{site}/ci/context.py", f"{site}/click/__init__.py"} <= set(
            names
        )
        machine = {"amd64": "x86_64", "arm64": "aarch64"}[one["platform"]["architecture"]]
        assert any(f"{site}/msgspec/_core" in name and machine in name for name in names)
        assert {names[f"opt/shipmark/bin/{name}"].mode for name in ("python", "shipmark")} == {0o755}
        assert names["workspace"].uid == names["home/shipmark"].uid == 65532
