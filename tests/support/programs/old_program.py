"""Installs shipmark 0.1.0, built from its source, in a virtual environment for tests."""

from __future__ import annotations

import fcntl
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.programs.wheel import ROOT, Installed, build_wheel

#: What `git archive` gives of commit 3b2feff, which is called 0.1.0 there. Kept as data: a clone may be shallow.
SOURCE = ROOT / "tests/compat/0.1.0/shipmark-0.1.0.tar.xz"


@pytest.fixture(scope="session")
def old_installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Give the virtual environment with shipmark 0.1.0; all workers of a test run share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shipmark-0.1.0"
    folder.mkdir(exist_ok=True)
    # The workers of pytest-xdist are processes: the first one installs while the others wait for its lock.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "installed"
        if not done.exists():
            with tarfile.open(SOURCE) as archive:
                archive.extractall(folder / "source", filter="data")
            installed = Installed(folder / "venv", build_wheel(folder, folder / "source"))
            done.touch()
            return installed
    return Installed.at(folder / "venv")


@pytest.fixture
def old_shipmark(old_installed: Installed, shipmark: Shipmark) -> Shipmark:
    """Give shipmark 0.1.0, with the home and the cache folder that this version has in the test."""
    return OldShipmark(shipmark, [str(old_installed.python), "-I", str(old_installed.script)])


@pytest.fixture
def old_shipmark_with(old_installed: Installed, shipmark: Shipmark) -> Callable[[str], Shipmark]:
    """Give a function that returns shipmark 0.1.0, with code that runs in its process before the command."""
    run = "from release.cli.main import main\nmain()\n"
    return lambda code: OldShipmark(shipmark, [str(old_installed.python), "-I", "-c", f"{code}\n{run}"])


class OldShipmark(Shipmark):
    """Starts shipmark 0.1.0 in the way that `Shipmark` starts this version."""

    def __init__(self, new: Shipmark, argv: list[str]) -> None:
        super().__init__(new.folder, Path(new.env["HOME"]))
        self._argv = argv

    @property
    def argv(self) -> list[str]:
        """Return the command line of shipmark 0.1.0 without arguments."""
        return self._argv
