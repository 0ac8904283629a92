"""The wheel contains exactly its packages, and adapters installed from it execute no code of a workspace."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Callable, Mapping
from email.parser import Parser
from pathlib import Path

import pytest

from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT, Installed
from tests.support.releases.git import GitRepo

pytestmark = pytest.mark.xdist_group("wheel")

PACKAGES = ("release", "ci", "shipmark")


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def _text(wheel: Path, ending: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name).decode()


def _sources() -> set[str]:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


def test_wheel_contains_the_files_of_its_packages_and_metadata_and_nothing_else(wheel: Path) -> None:
    names = _names(wheel)
    info = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    assert names - info == _sources()
    assert {name.partition("/")[2] for name in info} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_wheel_is_typed_and_licensed(wheel: Path) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= _names(wheel)
    metadata = Parser().parsestr(_text(wheel, ".dist-info/METADATA"))
    assert metadata["Name"] == "shipmark"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert _text(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text()


def test_wheel_installs_one_command(wheel: Path) -> None:
    assert _text(wheel, "entry_points.txt").split() == [
        "[console_scripts]",
        "shipmark",
        "=",
        "release.cli.entry:main",
    ]


def test_installed_command_imports_its_modules_from_the_wheel(installed: Installed, tmp_path: Path) -> None:
    show = "import release, ci; print(release.__file__, ci.__file__)"
    done = _run([installed.python, "-I", "-c", show], cwd=ROOT, home=tmp_path)
    assert done.returncode == 0, done.stderr
    release, ci = done.stdout.split()
    assert release == str(installed.site / "release" / "__init__.py")
    assert ci == str(installed.site / "ci" / "__init__.py")


class Hostile:
    """A workspace with Python modules of many names, which write `marker` when they are imported."""

    NAMES = ("release", "ci", "click", "msgspec", "yaml", "json", "site", "sitecustomize", "usercustomize")

    def __init__(self, repo: GitRepo, marker: Path) -> None:
        self.repo, self.marker = repo, marker
        code = f"open({str(marker)!r}, 'a').write(__name__ + '\\n')\n"
        packages = {f"{name}/__init__.py": code for name in self.NAMES}
        mains = {f"{name}/__main__.py": code for name in ("release", "ci")}
        repo.commit(
            "hostile", {**packages, **mains, "conftest.py": code, "Dockerfile": "FROM scratch\nCOPY . /\n"}
        )
        repo.tag("v1.4.2")

    def taken(self) -> list[str]:
        """Return the modules of the workspace that were imported."""
        return self.marker.read_text().split() if self.marker.exists() else []


@pytest.fixture
def hostile(git_repo: GitRepo, tmp_path: Path) -> Hostile:
    return Hostile(git_repo, tmp_path / "marker")


def _run(
    argv: list[str | Path], *, cwd: Path, home: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=cwd,
        env={**scrubbed(home), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_without_isolation_python_imports_modules_of_the_workspace(
    installed: Installed, hostile: Hostile, tmp_path: Path
) -> None:
    _run(
        [installed.python, installed.script, "--help"],
        cwd=hostile.repo.path,
        home=tmp_path,
        env={"PYTHONPATH": "."},
    )
    assert "release" in hostile.taken()


#: How each adapter starts shipmark: the argument list after which the command's own arguments follow.
Adapter = Callable[[Installed], list[str | Path]]

ADAPTERS: dict[str, Adapter] = {
    "the documented command": lambda installed: [installed.python, "-I", installed.script],
}


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=list(ADAPTERS))
@pytest.mark.parametrize("command", ["--help", "version", "tags", "preview"])
def test_ci_adapter_imports_no_module_of_the_workspace(
    adapter: Adapter, command: str, installed: Installed, hostile: Hostile, tmp_path: Path
) -> None:
    arguments = (
        [command, "--image", "registry.invalid/app", "--offline"] if command == "preview" else [command]
    )
    argv = [*adapter(installed), *arguments]
    done = _run(argv, cwd=hostile.repo.path, home=tmp_path, env={"PYTHONPATH": ".", "PYTHONSAFEPATH": ""})
    assert hostile.taken() == []
    assert done.returncode == 0, done.stderr
    assert done.stdout
