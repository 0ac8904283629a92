"""The module `shipmark` of the wheel: the examples of its documentation run beside hostile folders."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from release.control import Cancel
from release.errors import ReleaseError
from release.log.stores.file.store import FileStore
from tests.support.logs.facts import built, moved, planned, pushed, released, writer
from tests.support.pages import blocks, text_of
from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT, Installed
from tests.support.releases.git import GitRepo

pytestmark = pytest.mark.xdist_group("wheel")

PAGE = "docs/python.md"
MODULES = ("shipmark", "shipmark.log", "shipmark.images")
EXAMPLES = list(zip(blocks(PAGE, "python"), blocks(PAGE, "text"), strict=True))


@pytest.fixture
def workspace(git_repo: GitRepo, tmp_path: Path) -> GitRepo:
    """Give a commit tagged v1.4.2, a log of two releases, and folders that write `marker` when they are imported."""
    code = f"open({str(tmp_path / 'marker')!r}, 'a').write(__name__ + '\\n')\n"
    names = ("release", "ci", "shipmark", "msgspec", "json", "sitecustomize")
    files = {f"{name}/__init__.py": code for name in names}
    git_repo.commit(
        "hostile", {**files, "Dockerfile": "FROM scratch\nCOPY . /\n", ".gitignore": ".shipmark\n"}
    )
    git_repo.tag("v1.4.2")
    folder = git_repo.path / ".shipmark"
    folder.mkdir()
    log = writer(FileStore(str(folder / "log.jsonl"), cancel=Cancel(), monotonic=time.monotonic))
    for name, version in (("a", "1.4.2"), ("b", "1.4.3")):
        log.append(
            [
                planned(name, version=version),
                built(name, image=name),
                pushed(name, image=name, tag=version),
                released(name, image=name, version=version),
                moved(name, image=name),
            ]
        )
    return git_repo


def run(installed: Installed, code: str, repo: GitRepo, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed.python, "-I", "-c", code],
        cwd=repo.path,
        env={**scrubbed(home), "PYTHONPATH": ".", "PYTHONSAFEPATH": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(("code", "output"), EXAMPLES, ids=[str(n) for n in range(len(EXAMPLES))])
def test_python_examples_of_the_documentation_print_what_it_shows(
    code: str, output: str, installed: Installed, workspace: GitRepo, tmp_path: Path
) -> None:
    done = run(installed, code, workspace, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, output, "")
    assert not (tmp_path / "marker").exists()


def test_isolated_python_imports_the_installed_module_and_not_that_of_the_workspace(
    installed: Installed, workspace: GitRepo, tmp_path: Path
) -> None:
    done = run(
        installed, "import shipmark, release; print(shipmark.__file__, release.__file__)", workspace, tmp_path
    )
    files = [str(installed.site / name / "__init__.py") for name in ("shipmark", "release")]
    assert done.stdout.split() == files


def test_importing_shipmark_loads_no_http_client_and_no_command_line(
    installed: Installed, workspace: GitRepo, tmp_path: Path
) -> None:
    code = "import sys, shipmark, shipmark.log, shipmark.images; print(*sys.modules)"
    loaded = set(run(installed, code, workspace, tmp_path).stdout.split())
    assert not loaded & {"ssl", "urllib3", "docker", "git", "click", "rich", "release.cli"}


@pytest.mark.parametrize("name", MODULES)
def test_public_names_of_the_module_shipmark_are_sorted_and_documented(name: str) -> None:
    module = importlib.import_module(name)
    path = Path(str(module.__file__))
    imported = [
        alias.asname or alias.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    ]
    assert sorted(imported) == sorted(module.__all__)
    named = set(re.findall(r"`(\w+)`", text_of(PAGE)))
    functions = {one for one in module.__all__ if callable(getattr(module, one)) and one.islower()}
    assert functions <= named


@pytest.mark.parametrize("name", MODULES)
def test_first_member_of_each_public_report_is_schema_with_a_fixed_value(name: str) -> None:
    module = importlib.import_module(name)
    types = [value for one in module.__all__ if isinstance(value := getattr(module, one), type)]
    reports = [one for one in types if issubclass(one, msgspec.Struct) and "schema" in one.__struct_fields__]
    assert reports
    for report in reports:
        assert report.__struct_fields__[0] == "schema"
        assert msgspec.json.schema(report)["$defs"][report.__name__]["properties"]["schema"]["enum"]


def test_module_shipmark_exports_every_direct_subclass_of_release_error() -> None:
    module = importlib.import_module("shipmark")
    branches = {one.__name__ for one in ReleaseError.__subclasses__() if one.__module__ == "release.errors"}
    assert branches <= set(module.__all__)


def test_module_shipmark_imports_only_release_without_its_command_line() -> None:
    for path in (ROOT / "shipmark").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert str(node.module).split(".")[0] in {"__future__", "release"}
                assert not str(node.module).startswith("release.cli")
