"""The CI examples for several components, run line by line: each releases the components that changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.programs.composite import read_outputs
from tests.support.releases.git import GitRepo
from tests.support.services.required import program

EXAMPLES = Path(__file__).parents[3] / "ci" / "examples"
#: The folders of the virtual environments that the examples make.
_ENVIRONMENTS = ("/opt/shipmark", "~/shipmark")
CONFIG = {
    "components": {
        name: {
            "image": f"oci:dist/{name}",
            "prefix": f"{name}/",
            "paths": [f"{name}/**"],
            "build": {"builder": "layers", "context": name},
        }
        for name in ("api", "lib", "web")
    }
}


class Job:
    """Runs lines of an example in a clone, with this environment's shipmark for the one that the example installs."""

    def __init__(self, repo: GitRepo, folder: Path) -> None:
        self._repo = repo
        self._environment = folder / "shipmark"
        self._environment.symlink_to(Path(sys.executable).parent.parent)

    def __call__(self, script: str, env: Mapping[str, str]) -> str:
        for folder in _ENVIRONMENTS:
            script = script.replace(folder, str(self._environment))
        done = subprocess.run(
            [program("bash"), "-e", "-o", "pipefail", "-c", script],
            cwd=self._repo.path,
            env={**self._repo.env, "PATH": os.environ["PATH"], **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tags(self, name: str) -> list[str]:
        """Return the tags of a component's layout."""
        path = self._repo.path / "dist" / name / "index.json"
        rows = json.loads(path.read_text())["manifests"] if path.exists() else []
        key = "org.opencontainers.image.ref.name"
        return sorted(row["annotations"][key] for row in rows if key in row.get("annotations", {}))


@pytest.fixture
def job(git_repo: GitRepo, tmp_path: Path) -> Job:
    """Give a repository whose component `web` changed since the images of all three were built."""
    job = Job(git_repo, tmp_path)
    names = CONFIG["components"]
    files = {f"{name}/Dockerfile": "FROM scratch\nCOPY x /x\n" for name in names} | {
        f"{name}/x": name for name in names
    }
    git_repo.commit(
        "feat: start", {"shipmark.yml": json.dumps(CONFIG), ".gitignore": "dist/\n.shipmark/\n", **files}
    )
    job(_line("run"), {})
    git_repo.commit("feat: web", {"web/x": "new"})
    return job


def _line(command: str) -> str:
    return f"~/shipmark/bin/python -I ~/shipmark/bin/shipmark {command}"


def _scripts(lines: object) -> Iterator[str]:
    """Return the lines of a job that install nothing."""
    assert isinstance(lines, list)
    return (line for line in lines if not line.startswith(("git clone", "git -C", "sh ")))


def _loaded(name: str) -> Any:
    return yaml.load((EXAMPLES / name).read_text(), Loader=yaml.BaseLoader)


def _released(job: Job, repo: GitRepo) -> dict[str, bool]:
    return {name: f"sha-{repo.head[:12]}" in job.tags(name) for name in CONFIG["components"]}


WEB_ALONE = {"api": False, "lib": False, "web": True}


def test_github_example_releases_the_component_that_changed(
    job: Job, git_repo: GitRepo, tmp_path: Path
) -> None:
    jobs = _loaded("github-components.yml")["jobs"]
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": git_repo.head,
        "RUNNER_TEMP": str(tmp_path),
    }
    (step,) = [one for one in jobs["changed"]["steps"] if one.get("id") == "changed"]
    job(step["run"], {**env, "GITHUB_OUTPUT": str(tmp_path / "output")})
    rows = json.loads(read_outputs((tmp_path / "output").read_text())["matrix"])["include"]
    assert [(row["component"], row["runner"]) for row in rows] == [("web", "ubuntu-latest")]
    release = jobs["release"]["steps"][-1]
    assert release["env"] == {"COMPONENT": "${{ matrix.component }}"}
    for row in rows:
        job(release["run"], {**env, "COMPONENT": row["component"]})
    assert _released(job, git_repo) == WEB_ALONE


def test_gitlab_example_releases_the_component_that_changed(job: Job, git_repo: GitRepo) -> None:
    env = {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": git_repo.head}
    for script in _scripts(_loaded("gitlab-components.yml")["changed"]["script"]):
        job(script, env)
    path = git_repo.path / "components.yml"
    jobs = json.loads(path.read_text())
    path.unlink()
    (git_repo.path / "matrix.json").unlink()
    assert {name: one["tags"] for name, one in jobs.items()} == {"release web": ["linux-amd64"]}
    for one in jobs.values():
        for script in _scripts(one["script"]):
            job(script, {**env, **{name: str(text) for name, text in one["variables"].items()}})
    assert _released(job, git_repo) == WEB_ALONE


def test_jenkins_example_releases_the_component_that_changed(job: Job, git_repo: GitRepo) -> None:
    """The test does the loop of the pipeline; its two shell lines are read from the example."""
    text = (EXAMPLES / "components.Jenkinsfile").read_text()
    listing, release = re.findall(r"sh(?:\(script:)? '([^']+)'", text)
    env = {"JENKINS_URL": "https://ci.example/", "BRANCH_NAME": "main", "GIT_COMMIT": git_repo.head}
    rows = json.loads(job(listing, env))["include"]
    assert [f"{row['os']} && {row['arch']}" for row in rows] == ["linux && amd64"]
    for row in rows:
        job(release, {**env, "COMPONENT": row["component"]})
    assert _released(job, git_repo) == WEB_ALONE
