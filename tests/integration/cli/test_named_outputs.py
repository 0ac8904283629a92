"""No option or variable that names an output file lets shipmark write through a symlink in the workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from release.cli.main import shipmark
from release.layout.layout import Layout
from tests.support.obstacles import OBSTACLES, outside, place, snapshot, temporary_files, unchanged
from tests.support.registries.images import make_image, store
from tests.support.releases.project import Project

_GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"}


class Row(NamedTuple):
    """A command and the path in the workspace that it writes. `appends`: the file's old content is kept."""

    args: tuple[str, ...]
    path: str = "out"
    env: Mapping[str, str] = {}
    appends: bool = False


PROMOTE = ("promote", "oci:source:1.0", "--to", "oci:dist/copy", "--reason", "test")
ROWS = {
    "tags --result-file": Row(("tags", "--result-file", "out")),
    "version --result-file": Row(("version", "--result-file", "out")),
    "preview --result-file": Row(("preview", "--offline", "--result-file", "out")),
    "preview --output": Row(("preview", "--offline", "-o", "out")),
    "run --result-file": Row(("run", "--result-file", "out")),
    "promote --result-file": Row((*PROMOTE, "--result-file", "out")),
    "rollback --result-file": Row(("rollback", "--to", "1.4.0", "--reason", "test", "--result-file", "out")),
    "restore --result-file": Row(("restore", "1.4.0", "--reason", "test", "--result-file", "out")),
    "SHIPMARK_COMMENT_FILE": Row(("preview", "--offline"), env={"SHIPMARK_COMMENT_FILE": "out"}),
    "build --result-file": Row(("build", "--result-file", "out")),
    "build --output": Row(("build", "-o", "oci-archive:out")),
    "dockerfile new --file": Row(("dockerfile", "new", "--template", "static", "--file", "out")),
    "log export --output": Row(("log", "export", "-o", "out")),
    "metadata --bake-dir": Row(
        ("metadata", "--context", "git", "--bake-dir", "."), "docker-metadata-action-bake.json"
    ),
    "metadata --github-output": Row(
        ("metadata", "--context", "git", "--github-output"), env={"GITHUB_OUTPUT": "out"}, appends=True
    ),
    "GITHUB_OUTPUT": Row(("tags",), env={**_GITHUB, "GITHUB_OUTPUT": "out"}, appends=True),
    "GITHUB_STEP_SUMMARY": Row(
        ("preview", "--offline"), env={**_GITHUB, "GITHUB_STEP_SUMMARY": "out"}, appends=True
    ),
    "image copy to oci:": Row(("image", "copy", "oci:source:1.0", "oci:out:1.0"), "out/index.json"),
    "image copy to dir:": Row(("image", "copy", "oci:source:1.0", "dir:out"), "out/manifest.json"),
    "image copy to oci-archive:": Row(("image", "copy", "oci:source:1.0", "oci-archive:out")),
    "image copy to docker-archive:": Row(("image", "copy", "oci:source:1.0", "docker-archive:out")),
}
#: Each way to be in the way is tried with these; the others go through the same code, and are tried with one.
THOROUGH = ("tags --result-file", "preview --output", "GITHUB_OUTPUT")


def _cases() -> Iterator[tuple[str, str]]:
    for name in ROWS:
        for kind in OBSTACLES if name in THOROUGH else ("symlink to a file",):
            yield name, kind


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Give a folder outside of the workspace that must stay as it is."""
    return outside(tmp_path / "victim")


def _prepared(project: Project) -> Project:
    store(make_image(), Layout(str(project.repo.path / "source")), "1.0")
    return project


@pytest.mark.parametrize(("name", "kind"), [*_cases()])
def test_output_through_a_symlink_is_refused_and_changes_nothing_outside(
    project: Project, victim: Path, name: str, kind: str
) -> None:
    row, workspace = ROWS[name], _prepared(project).repo.path
    place(kind, workspace / row.path, victim)
    registry = snapshot(project.registry.root)
    with unchanged(victim):
        result = project(*row.args, env=row.env)
    if kind == "hard link" and not row.appends:
        assert result.code == 0, result.stderr  # the name gets a new file, the old one keeps its content
    else:
        assert result.code in (2, 6), result.stderr
        assert Path(row.path).name in result.stderr
        assert "hint: " in result.stderr
        assert snapshot(project.registry.root) == registry
    assert temporary_files(workspace) == []


@pytest.mark.parametrize("name", ROWS)
def test_output_below_a_symlinked_folder_is_refused_and_changes_nothing_outside(
    project: Project, victim: Path, name: str
) -> None:
    row, workspace = ROWS[name], _prepared(project).repo.path
    (workspace / "way").symlink_to(victim / "folder")
    moved = {"out": "way/out", "oci:out:1.0": "oci:way/out:1.0", "dir:out": "dir:way/out", ".": "way"}
    moved |= {f"{kind}:out": f"{kind}:way/out" for kind in ("oci-archive", "docker-archive")}
    args = [moved.get(one, one) for one in row.args]
    with unchanged(victim):
        result = project(*args, env={key: moved.get(value, value) for key, value in row.env.items()})
    assert result.code in (2, 6), result.stderr
    assert "way" in result.stderr


def test_every_option_that_names_an_output_file_is_tested_with_symlinks() -> None:
    """A new option with an output file needs a row in the table; `--output` of `metadata` names no file."""
    found = {name for name in _output_options(shipmark, "") if name != "metadata --output"}
    assert found <= ROWS.keys()
    assert {"tags --result-file", "preview --output", "log export --output"} <= found


def _output_options(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _output_options(inner, f"{path} {name}".strip())
        return
    for parameter in command.params:
        for option in parameter.opts:
            if option in ("--output", "--result-file", "--bake-dir", "--github-output"):
                yield f"{path} {option}"


def test_a_release_into_a_layout_behind_a_symlink_is_refused_before_anything_is_recorded(
    project: Project, victim: Path
) -> None:
    project.configure(image="oci:dist/image")
    project.repo.commit("a layout", files={})
    project.repo.tag("v1.4.3")
    (project.repo.path / "dist").symlink_to(victim / "folder")
    (project.repo.path / ".git/info/exclude").write_text("dist\n")
    with unchanged(victim):
        result = project("run")
    assert result.code == 6, result.stderr
    assert "dist` is a symlink" in result.stderr
    assert "hint: " in result.stderr
    assert project.log == []


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["symlink to a file", "dangling symlink", "hard link"])
def test_a_sqlite_log_is_not_opened_through_a_symlink(
    project: Project, victim: Path, kind: str, suffix: str
) -> None:
    path = project.repo.path / "base" / "log.db"
    path.parent.mkdir()
    project.configure(log={"store": "sql", "url": f"sqlite:///{path}"})
    place(kind, Path(f"{path}{suffix}"), victim)
    with unchanged(victim):
        result = project("log", "migrate")
    assert result.code in (2, 6), result.stderr
    assert f"log.db{suffix}`" in result.stderr
    assert "hint: " in result.stderr


def test_output_to_dev_stdout_and_dev_null_is_written(project: Project, tmp_path: Path) -> None:
    result = project.must("preview", "--offline", "-o", "/dev/stdout", "--result-file", "/dev/null")
    assert '"shipmark.plan/' in result.stdout
    assert os.path.exists("/dev/null")


def test_output_keeps_the_mode_of_an_existing_file_and_creates_missing_folders(project: Project) -> None:
    kept = project.repo.path / "kept"
    kept.write_text("old")
    kept.chmod(0o640)
    project.must("tags", "--result-file", "kept")
    assert kept.stat().st_mode & 0o777 == 0o640
    project.must("preview", "--offline", "-o", "a/b/plan.json")
    assert (project.repo.path / "a/b/plan.json").exists()


def test_output_that_cannot_be_written_is_an_error_with_a_hint(project: Project) -> None:
    (project.repo.path / "file").write_text("")
    result = project("preview", "--offline", "-o", "file/plan.json")
    assert result.code in (2, 6)
    assert "hint: " in result.stderr
