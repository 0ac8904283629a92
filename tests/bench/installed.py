"""Installs programs for benchmarks as users have them: by pip, into an environment without packages for development."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.programs.wheel import ROOT


def own_program(folder: Path) -> Path:
    """Return the folder of Python and of shipmark, installed anew from this source tree. `folder`: the environment."""
    if not folder.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install(folder, ROOT)
    # The version is the same after a change, so pip would keep what an earlier run installed.
    install(folder, "--force-reinstall", "--no-deps", ROOT)
    return folder / "bin"


def install(folder: Path, *what: str | Path) -> None:
    """Install packages into the environment `folder`. `what`: arguments of `pip install`."""
    pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip"]
    subprocess.run([*pip, "--quiet", "--disable-pip-version-check", "install", *what], check=True)
