"""Runs the scripts that CI systems load (action, Tekton Task, GitLab template, Jenkins step) in hostile workspaces.

Every row of the faults goes through each of these adapters. One in eight of the other rows goes through one adapter;
with `SHIPMARK_HOSTILE=all`, every row goes through each adapter but the Jenkins step.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ci.test_templates import Gitlab
from tests.integration.hostile import rows_faults
from tests.integration.hostile.listener import Listener
from tests.integration.hostile.scene import Case, Ended, Scene
from tests.integration.hostile.test_commands import CASES
from tests.support.programs.composite import Composite
from tests.support.programs.environment import scrubbed
from tests.support.programs.tekton import Tekton
from tests.support.programs.wheel import ROOT
from tests.support.services.required import program, require

#: What the systems say of a fork's request and of a pushed tag; the adapters' own variables come on top.
_SAID = {
    "gitlab": (
        {
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_IID": "12",
            "CI_MERGE_REQUEST_ID": "7",
            "CI_MERGE_REQUEST_PROJECT_ID": "1",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "patch-1",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        },
        {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1.4.2"},
    ),
    "jenkins": (
        {"CHANGE_ID": "12", "CHANGE_FORK": "mallory", "CHANGE_BRANCH": "patch-1", "CHANGE_TARGET": "main"},
        {"TAG_NAME": "v1.4.2", "BRANCH_NAME": "v1.4.2"},
    ),
}


def venv(scene: Scene, *, github: bool = False, more: Mapping[str, str] = {}) -> Path:
    """Make a virtual environment whose `python` starts shipmark's with the runner's variables and secrets."""
    folder = scene.folder / "venv"
    (folder / "bin").mkdir(parents=True)
    env = {
        name: value
        for name, value in scene.environment().items()
        if github or not name.startswith(("GITHUB_A", "GITHUB_E"))
    }
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "PATH"):
        env.pop(name, None)
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in {**env, **more}.items())
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\n{exports}exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (folder / "bin" / "shipmark").symlink_to(Path(sys.executable).parent / "shipmark")
    (folder / "shipmark.stamp").write_text(str(ROOT))
    return folder


def by_action(scene: Scene) -> Ended:
    """Run shipmark by `action.yml`, as GitHub's runner executes it."""
    temp = scene.runner / "temp"
    temp.mkdir()
    (temp / "shipmark-venv").symlink_to(venv(scene, github=True))
    done = Composite(ROOT, used={"python": {"python-path": sys.executable}}).run(
        {"command": "run", "working-directory": scene.case.inside},
        workspace=scene.clone,
        temp=temp,
        env=scrubbed(scene.runner),
    )
    return Ended("run", done.code, done.stdout, done.stderr)


def by_tekton(scene: Scene) -> Ended:
    """Run shipmark by the steps of the Tekton Task."""
    head = scene.repo.head
    params: dict[str, str | list[str]] = {
        "command": "run",
        "args": ["-C", scene.case.inside],
        "revision": head,
    }
    if scene.case.fork:
        request = {
            "event": "pull_request",
            "pull-request": "12",
            "from-fork": "true",
            "source-branch": "patch-1",
        }
        params |= {**request, "target-branch": "main", "ref": "refs/pull/12/head", "pull-request-head": head}
    else:
        params["ref"] = "refs/tags/v1.4.2"
    task = Told(scene.clone, scene.runner / "tekton", venv(scene))
    done = task.run(params)
    return Ended(
        "run",
        done.returncode,
        "".join(one.stdout for one in task.ends),
        "".join(one.stderr for one in task.ends),
    )


class Told(Tekton):
    """Tekton Task that keeps the output of all its steps, since the last step is not shipmark."""

    def __init__(self, source: Path, folder: Path, environment: Path) -> None:
        super().__init__(source, folder, environment)
        self.ends: list[subprocess.CompletedProcess[str]] = []

    def _step(self, *arguments: Any) -> subprocess.CompletedProcess[str]:
        self.ends.append(super()._step(*arguments))
        return self.ends[-1]


def by_gitlab(scene: Scene) -> Ended:
    """Run shipmark by the script of the GitLab template."""
    inputs = {
        "command": "run",
        "args": f"-C {scene.case.inside}",
        "shipmark-image": "x",
        "venv": str(venv(scene)),
    }
    said = _SAID["gitlab"][0 if scene.case.fork else 1]
    # By its name: for a fork's request the rules choose `preview`.
    gitlab = Gitlab(inputs)
    done = gitlab.run(scene.clone, scene.runner, job="release", CI_COMMIT_SHA=scene.repo.head, **said)
    return Ended("run", done.returncode, done.stdout, done.stderr)


ADAPTERS: dict[str, Callable[[Scene], Ended]] = {
    "action": by_action,
    "tekton": by_tekton,
    "gitlab": by_gitlab,
}


def _dealt() -> list[tuple[str, Case]]:
    whole = os.environ.get("SHIPMARK_HOSTILE") == "all"
    others = [case for case in CASES if case not in rows_faults.CASES]
    each = [(name, case) for case in (CASES if whole else rows_faults.CASES) for name in ADAPTERS]
    if whole:
        return each
    names = list(ADAPTERS)
    return each + [(names[number % 3], case) for number, case in enumerate(others[::8])]


@pytest.mark.parametrize(
    ("adapter", "case"), _dealt(), ids=[f"{adapter}-{case.name}" for adapter, case in _dealt()]
)
def test_hostile_workspace_does_no_harm_through_a_ci_adapter(
    adapter: str, case: Case, tmp_path: Path, listener: Listener
) -> None:
    listener.take()
    scene = Scene(without_options(case), tmp_path / "scene", listener)
    scene.judge(ADAPTERS[adapter](scene))
    if case.check is not None:
        case.check(scene)


def test_hostile_workspaces_do_no_harm_through_the_jenkins_step(tmp_path: Path, listener: Listener) -> None:
    """One Groovy process runs all rows of the faults, since it takes seconds to start."""
    require("groovy")
    listener.take()
    scenes = [Scene(without_options(case), tmp_path / case.name, listener) for case in rows_faults.CASES]
    java = Path(program("java")).resolve()
    home = tmp_path / "jenkins"
    home.mkdir()
    argv: list[str | Path] = [
        program("groovy"),
        ROOT / "tests/support/programs/jenkins.groovy",
        ROOT / "ci/jenkins/vars/shipmark.groovy",
    ]
    for scene in scenes:
        said = _SAID["jenkins"][0 if scene.case.fork else 1]
        said = {"JENKINS_URL": "https://ci.test/", "CI": "", "GIT_COMMIT": scene.repo.head, **said}
        environment = venv(scene, more=said)
        options = {
            "command": "run",
            "directory": scene.case.inside,
            "venv": str(environment),
            "failOnError": False,
        }
        file = scene.runner / "options.json"
        file.write_text(json.dumps(options))
        argv += [file, scene.clone]
    done = subprocess.run(
        argv,
        env={**scrubbed(home), "JAVA_HOME": str(java.parents[1])},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    for scene, line in zip(scenes, done.stdout.splitlines(), strict=True):
        answer = json.loads(line)
        said = answer["said"]
        scene.judge(Ended("run", int(answer["result"]["exitCode"]), said, said))


def without_options(case: Case) -> Case:
    """Return the case without extra options, since the CI adapters name their own result files."""
    return case._replace(options={}, codes={} if case.options else case.codes)
