"""The end of the process: output that cannot be written is an error, and no temporary files are left."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.registries.images import make_image, store
from tests.support.releases.project import Project
from tests.support.services.required import program


def test_output_that_cannot_be_written_is_an_error_with_exit_code_1(shipmark: Shipmark) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*shipmark.argv, "config", "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=shipmark.env,
            cwd=shipmark.folder,
            check=False,
        )
    assert done.returncode == 1
    assert b"error: stdout cannot be written: no space left on device" in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_closed_stdout_pipe_prints_no_error(shipmark: Shipmark) -> None:
    process = shipmark.start("config", "schema")
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")


def test_image_conversion_leaves_no_temporary_folder(shipmark: Shipmark, tmp_path: Path) -> None:
    from release.layout.layout import Layout

    store(make_image(), Layout(str(tmp_path / "l")), "1.0")
    argv = [
        program("skopeo"),
        "copy",
        "--quiet",
        f"oci:{tmp_path}/l:1.0",
        f"docker-archive:{tmp_path}/a.tar:a:1",
    ]
    subprocess.run(argv, check=True, capture_output=True)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = {"TMPDIR": str(scratch)}
    result = shipmark("image", "copy", "docker-archive:a.tar", "oci:out:1.0", cwd=tmp_path, env=env)
    assert result.code == 0, result.stderr
    assert list(scratch.iterdir()) == []


def test_sqlite_log_leaves_no_wal_or_shm_files(project: Project) -> None:
    pytest.importorskip("sqlalchemy")
    url = f"sqlite:///{project.repo.path}/log.db"
    project.configure(log={"store": "sql", "url": url})
    assert project("log", "migrate").code == 0
    assert project("deployed", "production", f"ghcr.io/acme/app@sha256:{'0' * 64}").code in (0, 5)
    assert project("log", "list").code == 0
    assert [path.name for path in project.repo.path.glob("log.db*")] == ["log.db"]
