"""Builds the project's wheel, and installs it in a virtual environment that does not see the source tree."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.programs.environment import scrubbed

ROOT = Path(__file__).parents[3]


def build_wheel(folder: Path, source: Path = ROOT) -> Path:
    """Build the wheel of `source` into `folder`, as `pip install` from source does, and return its path."""
    _pip(
        "wheel",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(source),
        home=folder,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


class Installed:
    """A virtual environment with the wheel in it; the dependencies come from the tests' own environment."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self._name(folder)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        _pip(
            "--python", str(self.python), "install", "--no-index", "--no-deps", str(wheel), home=folder.parent
        )
        # A plain path line: .pth files of that folder, such as the one of an editable install, are not followed.
        (self.site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def _name(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.script = folder / "bin" / "shipmark"

    @classmethod
    def at(cls, folder: Path) -> Installed:
        """Return the virtual environment that an earlier call made in `folder`."""
        made = cls.__new__(cls)
        made._name(folder)
        return made

    @property
    def site(self) -> Path:
        """Return the `site-packages` folder into which the wheel was installed."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"


def _pip(*args: str, home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--isolated", "--quiet", "--disable-pip-version-check", *args],
        env=scrubbed(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the project's wheel."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Give a virtual environment in which the wheel is installed."""
    return Installed(tmp_path_factory.mktemp("installed") / "venv", wheel)
