"""Executes `action.yml` as GitHub's runner does, in a workspace whose Python modules must not be imported."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.support.programs.composite import ActionRun, Composite
from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT, Installed
from tests.support.releases.git import GitRepo
from tests.support.services.required import MARK, required

pytestmark = pytest.mark.xdist_group("wheel")

DOCKERFILE = "FROM scratch\nCOPY hello /hello\n"


@pytest.fixture
def workspace(git_repo: GitRepo, tmp_path: Path) -> GitRepo:
    """Give a commit with the git tag v1.4.2 and Python packages that write the file `taken` when they are imported."""
    code = f"open({str(tmp_path / 'taken')!r}, 'a').write(__name__ + '\\n')\n"
    files = {
        f"{name}/__init__.py": code for name in ("release", "ci", "pip", "venv", "hatchling", "click", "json")
    }
    files |= {f"{name}/__main__.py": code for name in ("release", "ci", "pip", "venv")}
    git_repo.commit("one", {**files, "Dockerfile": DOCKERFILE, "hello": "hello\n"})
    git_repo.tag("v1.4.2")
    return git_repo


class Job:
    """A job on a runner: its workspace, its temporary folder, its environment."""

    def __init__(self, workspace: GitRepo, folder: Path) -> None:
        self.workspace, self.temp, self.taken = workspace, folder / "runner-temp", folder / "taken"
        home = folder / "job-home"
        home.mkdir()
        self.env = {
            **scrubbed(home),
            "CI": "true",
            "PYTHONPATH": ".",
            "GITHUB_REF": "refs/tags/v1.4.2",
            "GITHUB_REF_TYPE": "tag",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_SHA": workspace.head,
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_SERVER_URL": "https://github.com",
        }

    def use(self, installed: Installed) -> None:
        """Let the action find shipmark installed, as its second use in a job does."""
        self.temp.mkdir()
        (self.temp / "shipmark-venv").symlink_to(installed.folder)
        (installed.folder / "shipmark.stamp").write_text(str(ROOT))

    def run(self, **inputs: str) -> ActionRun:
        """Use the action once, with `working_directory` for `working-directory`."""
        action = Composite(ROOT, used={"python": {"python-path": sys.executable}})
        named = {name.replace("_", "-"): value for name, value in inputs.items()}
        return action.run(named, workspace=self.workspace.path, temp=self.temp, env=self.env)


@pytest.fixture
def job(workspace: GitRepo, tmp_path: Path) -> Job:
    return Job(workspace, tmp_path)


def test_action_that_releases_into_a_layout_sets_its_outputs(
    job: Job, installed: Installed, tmp_path: Path
) -> None:
    job.use(installed)
    target = f"oci:{tmp_path / 'image'}"
    done = job.run(command="run", images=f"{target}\n", args="--color=never\n")
    assert (done.code, job.taken.exists()) == (0, False), done.stderr
    outputs = done.outputs
    assert outputs["version"] == outputs["primary-tag"] == "1.4.2"
    assert (outputs["channel"], outputs["pushed"]) == ("release", "true")
    assert set(outputs["tag-names"].split("\n")) >= {"1.4.2", "1.4", "1", "latest"}
    assert f"{target}:1.4.2" in outputs["tags"].split("\n")
    assert outputs["digest"].startswith("sha256:")
    assert re.fullmatch(r"[1-9][0-9]*:[0-9a-f]{64}", outputs["log-entry"])
    assert json.loads(outputs["json"])["schema"] == "shipmark.run/1"
    assert "| latest | moving |" in done.summary
    index = json.loads((tmp_path / "image" / "index.json").read_text())
    assert outputs["digest"] in {manifest["digest"] for manifest in index["manifests"]}


def test_action_runs_preview_by_default_and_pushes_nothing(
    job: Job, installed: Installed, tmp_path: Path
) -> None:
    job.use(installed)
    done = job.run(images=f"oci:{tmp_path / 'image'}")
    assert (done.code, job.taken.exists()) == (0, False), done.stderr
    assert "1.4.2" in done.stdout
    assert not (tmp_path / "image").exists()


def test_hostile_inputs_of_the_action_run_no_command(job: Job, installed: Installed, tmp_path: Path) -> None:
    job.use(installed)
    bait = tmp_path / "bait"
    for text in (
        f"$(touch {bait})",
        f"`touch {bait}`",
        f"x; touch {bait}",
        f"' && touch {bait} '",
        f'" || touch {bait} "',
    ):
        for name in ("command", "images", "config", "working_directory", "args", "summary"):
            done = job.run(**{"command": "tags", name: text})
            assert not bait.exists(), (name, text)
            assert done.code in (0, 2), (name, text, done.stderr)


def test_action_writes_no_summary_if_the_input_summary_is_false(
    job: Job, installed: Installed, tmp_path: Path
) -> None:
    job.use(installed)
    done = job.run(command="run", images=f"oci:{tmp_path / 'image'}", summary="false")
    assert (done.code, done.summary) == (0, ""), done.stderr
    assert done.outputs["version"] == "1.4.2"


def test_failed_release_fails_the_action_with_the_exit_code(job: Job, installed: Installed) -> None:
    job.use(installed)
    job.workspace.write({"hello": "changed\n"})
    done = job.run(command="run", images="oci:image")
    assert done.code == 3
    assert "hint: " in done.stderr


def test_action_installs_itself_from_its_own_folder(job: Job) -> None:
    job.env |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT"))}
    job.env |= {"PIP_USER": "1", "PYTHONSTARTUP": "release/__init__.py"}
    done = job.run(command="version")
    if done.code != 0 and "Could not find a version" in done.stderr and not required():
        pytest.skip(f"{MARK}package index (no package index answers)")
    assert (done.code, done.stdout) == (0, "1.4.2\n"), done.stderr
    assert not job.taken.exists()
    stamp = job.temp / "shipmark-venv" / "shipmark.stamp"
    assert stamp.read_text() == str(ROOT)
    (stamp.parent / "bin" / "pip").unlink()
    again = job.run(command="version")
    assert (again.code, again.stdout, again.stderr) == (0, "1.4.2\n", "")
