"""`.ci/bootstrap` installs nothing on the system with `SERVICES=0`, and says which packages that leaves out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.programs.environment import scrubbed
from tests.support.source import ROOT

#: A Python that is new enough and whose tests lack one package.
PYTHON = """#!/bin/sh
case "$*" in
    *required*) echo some-package ;;
    *sys.version\\)*) echo 3.11 ;;
esac
"""
#: What bootstrap compares with the stamp of an environment that is up to date.
STAMP = "pwd; cksum requirements.lock pyproject.toml .ci/bootstrap; .venv/bin/python -c 'print(sys.version)'"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Give a folder whose environment is up to date, with programs that stand in for the system's."""
    folder = tmp_path / "clone"
    for name in (".ci", ".venv/bin", "system"):
        (folder / name).mkdir(parents=True)
    shutil.copy(ROOT / ".ci/bootstrap", folder / ".ci/bootstrap")
    for name in ("requirements.lock", "pyproject.toml"):
        (folder / name).touch()
    apt = '#!/bin/sh\necho "$0 $*" >> apt-was-called\n'
    programs = {
        ".venv/bin/python": PYTHON,
        "system/id": "#!/bin/sh\necho 0\n",
        "system/apt-get": apt,
        "system/apt-cache": apt,
    }
    for path, text in programs.items():
        (folder / path).write_text(text)
        (folder / path).chmod(0o755)
    stamp = subprocess.run(["sh", "-c", STAMP], cwd=folder, capture_output=True, text=True, check=True).stdout
    (folder / ".venv/shipmark.stamp").write_text(stamp)
    return folder


def bootstrap(clone: Path, **env: str) -> subprocess.CompletedProcess[str]:
    base = scrubbed(clone)
    path = f"{clone / 'system'}:{base['PATH']}"
    given = {name: value for name, value in {**base, **env, "PATH": path}.items() if value}
    return subprocess.run(
        [clone / ".ci/bootstrap", "services"], env=given, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("home", ["", "/proc/nowhere"])
def test_bootstrap_without_services_installs_no_package_and_names_those_missing(
    clone: Path, home: str
) -> None:
    done = bootstrap(clone, SERVICES="0", HOME=home)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "not installed, and the tests that want them are skipped: some-package\n"
    assert not (clone / "apt-was-called").exists()
    assert not (clone / "~").exists()


def test_bootstrap_asks_apt_for_each_package_and_succeeds_without_unknown_ones(clone: Path) -> None:
    done = bootstrap(clone)
    assert done.returncode == 0, done.stderr
    assert "apt-cache policy some-package" in (clone / "apt-was-called").read_text()
