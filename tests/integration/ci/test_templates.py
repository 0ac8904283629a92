"""Executes the Tekton Task and the GitLab template, and checks the examples for the other CI systems."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci.outputs import RESULT_NAMES
from ci.systems import detect
from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT, Installed
from tests.support.releases.git import GitRepo

pytestmark = pytest.mark.xdist_group("wheel")

EXAMPLES = sorted((ROOT / "ci" / "examples").glob("*.yml"))
DOCKERFILE = "FROM scratch\nCOPY hello /hello\n"


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    return tmp_path / "taken"


@pytest.fixture
def workspace(git_repo: GitRepo, taken: Path) -> GitRepo:
    """Give a commit with the git tag v1.4.2 and Python packages that write the file `taken` when they are imported."""
    code = f"open({str(taken)!r}, 'a').write(__name__)\n"
    hostile = {f"{name}/__init__.py": code for name in ("release", "ci", "click")}
    git_repo.commit("one", {**hostile, "Dockerfile": DOCKERFILE, "hello": "hello\n"})
    git_repo.tag("v1.4.2")
    return git_repo


def fake_venv(folder: Path) -> Path:
    """Make an environment whose `python` notes its arguments in `argv`."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" >"{folder}/argv"\n')
    python.chmod(0o755)
    return folder


class Tekton:
    """Runs the steps of the Tekton Task on this host, with Tekton's substitutions."""

    def __init__(self, source: Path, folder: Path, venv: Path) -> None:
        self.task = yaml.safe_load((ROOT / "ci" / "tekton" / "shipmark.yaml").read_text(encoding="utf-8"))
        self.spec: dict[str, Any] = self.task["spec"]
        self.source, self.folder, self.venv = source, folder, venv
        self.results = folder / "results"
        self.results.mkdir(parents=True)
        self.state = folder / "state"
        self.state.mkdir()

    def run(self, params: Mapping[str, str | list[str]]) -> subprocess.CompletedProcess[str]:
        """Run the Task's steps until one fails; return the last process that was run."""
        given = {param["name"]: param.get("default", "") for param in self.spec["params"]} | dict(params)
        names = {
            "workspaces.source.path": str(self.source),
            "workspaces.dockerconfig.path": "",
            "context.taskRun.uid": "uid-1",
            "context.taskRun.name": "run-1",
            **{f"params.{name}": value for name, value in given.items() if isinstance(value, str)},
            **{
                f"results.{one['name']}.path": str(self.results / one["name"]) for one in self.spec["results"]
            },
        }
        for step in self.spec["steps"]:
            done = self._step(step, given, names)
            if done.returncode:
                break
        return done

    def _step(
        self, step: Mapping[str, Any], given: Mapping[str, Any], names: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        argv: list[str] = []
        for word in [*step.get("command", []), *step.get("args", [])]:
            array = re.fullmatch(r"\$\(params\.([\w-]+)\[\*\]\)", word)
            argv += given[array[1]] if array else [self._here(substituted(word, names))]
        if "script" in step:
            assert "$(params" not in step["script"], "a param in a script is an injection"
            argv = ["sh", "-c", step["script"]]
        env = {
            one["name"]: self._here(substituted(str(one["value"]), names))
            for one in [*self.spec["stepTemplate"]["env"], *step.get("env", [])]
        }
        return subprocess.run(
            argv,
            cwd=self.source,
            env={**scrubbed(self.folder), "PYTHONPATH": ".", **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _here(self, text: str) -> str:
        """Replace the folders of the Tekton Task's container by folders of this host."""
        return text.replace("/shipmark-state", str(self.state)).replace("/opt/shipmark", str(self.venv))

    def result(self, name: str) -> str:
        """Return one result of the Tekton Task."""
        return (self.results / name).read_text()


def substituted(text: str, names: Mapping[str, str]) -> str:
    """Replace each `$(name)` by its value; placeholders inside of values are not replaced."""
    return re.sub(r"\$\(([\w.-]+)\)", lambda match: names[match[1]], text)


class TestTekton:
    def test_release_fills_the_results_of_the_tekton_task(
        self, workspace: GitRepo, installed: Installed, tmp_path: Path, taken: Path
    ) -> None:
        tekton = Tekton(workspace.path, tmp_path / "tekton", installed.folder)
        image = f"oci:{tmp_path / 'image'}"
        done = tekton.run(
            {
                "command": "run",
                "args": [f"--image={image}"],
                "ref": "refs/tags/v1.4.2",
                "revision": workspace.head,
            }
        )
        assert (done.returncode, taken.exists()) == (0, False), done.stderr
        assert (tekton.result("version"), tekton.result("primary-tag")) == ("1.4.2", "1.4.2")
        assert tekton.result("digest") == tekton.result("IMAGE_DIGEST")
        assert tekton.result("digest").startswith("sha256:")
        assert tekton.result("IMAGE_URL").startswith(f"{image}:")
        assert sum(len(path.read_bytes()) for path in tekton.results.iterdir()) < 2048

    def test_hostile_params_of_the_tekton_task_are_passed_as_arguments_and_run_no_command(
        self, workspace: GitRepo, tmp_path: Path
    ) -> None:
        bait = tmp_path / "bait"
        text = f"$(touch {bait}); `touch {bait}`"
        venv = fake_venv(tmp_path / "venv")
        tekton = Tekton(workspace.path, tmp_path / "tekton", venv)
        names = [param["name"] for param in tekton.spec["params"] if param.get("type") != "array"]
        tekton.run({**dict.fromkeys(names, text), "args": [text, "--x=a b"]})
        argv = (venv / "argv").read_text().split("\0")[:-1]
        assert argv[2:] == [text, f"--result-file={tekton.state}/result.env", text, "--x=a b"]
        assert not bait.exists()

    def test_tekton_params_set_the_variables_that_detection_reads(self, tmp_path: Path) -> None:
        tekton = Tekton(tmp_path, tmp_path / "tekton", tmp_path)
        (step,) = (step for step in tekton.spec["steps"] if "command" in step)
        params = {
            "ref": "refs/pull/12/head",
            "pull-request": "12",
            "source-branch": "x",
            "target-branch": "main",
        }
        params |= {
            "revision": "a" * 40,
            "pull-request-head": "b" * 40,
            "from-fork": "true",
            "event": "pull_request",
        }
        params |= {"default-branch": "main", "repository-url": "https://git.test/a/b", "actor": "ana"}
        names = {f"params.{name}": value for name, value in params.items()}
        names |= {"context.taskRun.uid": "u", "context.taskRun.name": "n", "workspaces.source.path": "/w"}
        env = {
            one["name"]: substituted(one["value"], {"workspaces.dockerconfig.path": "", **names})
            for one in step["env"]
        }
        found = detect(env, None)
        assert found.system == "tekton"
        request = found.pull_request
        assert request is not None
        assert (request.number, request.head_sha, request.source_branch) == (12, "b" * 40, "x")
        assert (request.target_branch, request.fork, found.run.id) == ("main", True, "u")
        assert {line.variable for line in found.concluded} >= {
            name for name in env if name.startswith("SHIPMARK_") and name != "SHIPMARK_REF"
        }

    def test_tekton_task_runs_without_root_and_without_capabilities(self, tmp_path: Path) -> None:
        tekton = Tekton(tmp_path, tmp_path / "tekton", tmp_path)
        context = tekton.spec["stepTemplate"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert tekton.task["apiVersion"] == "tekton.dev/v1"


class Gitlab:
    """The GitLab template, with inputs inserted as GitLab does: as text, before the YAML is parsed."""

    def __init__(self, inputs: Mapping[str, str]) -> None:
        text = (ROOT / "ci" / "gitlab" / "shipmark.yml").read_text(encoding="utf-8")
        head, body = text.split("\n---\n")
        self.inputs = yaml.safe_load(head)["spec"]["inputs"]
        given = {name: str((spec or {}).get("default", "")) for name, spec in self.inputs.items()} | dict(
            inputs
        )
        body = re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda match: given[match[1]], body)
        ((self.name, self.job),) = yaml.safe_load(body).items()

    def run(self, workspace: Path, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the script of the GitLab job in one shell, as GitLab's runner does."""
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(self.job["script"])],
            cwd=workspace,
            env={**scrubbed(home), "PYTHONPATH": ".", "GITLAB_CI": "true", **self.job["variables"], **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


class TestGitlab:
    def test_gitlab_job_that_releases_writes_the_dotenv_report(
        self, workspace: GitRepo, installed: Installed, tmp_path: Path, taken: Path
    ) -> None:
        image = f"oci:{tmp_path / 'image'}"
        job = Gitlab(
            {"command": "run", "images": image, "venv": str(installed.folder), "shipmark-image": "x"}
        )
        done = job.run(workspace.path, tmp_path, CI_COMMIT_TAG="v1.4.2", CI_COMMIT_SHA=workspace.head)
        assert (done.returncode, taken.exists()) == (0, False), done.stderr
        report = (workspace.path / job.job["artifacts"]["reports"]["dotenv"]).read_text()
        lines = dict(line.split("=", 1) for line in report.splitlines())
        assert (lines["SHIPMARK_VERSION"], lines["SHIPMARK_PUSHED"]) == ("1.4.2", "true")
        assert set(lines) == {f"SHIPMARK_{name.upper().replace('-', '_')}" for name in RESULT_NAMES}
        assert workspace.git("status", "--porcelain", "--untracked-files=no") == ""

    def test_hostile_inputs_of_the_gitlab_template_are_passed_as_arguments_and_run_no_command(
        self, workspace: GitRepo, tmp_path: Path
    ) -> None:
        bait = tmp_path / "bait"
        venv = fake_venv(tmp_path / "venv")
        text = f"$(touch${{IFS}}{bait}) `touch {bait}` ;touch *"
        job = Gitlab({"images": text, "args": text, "venv": str(venv), "shipmark-image": "x"})
        done = job.run(workspace.path, tmp_path)
        assert done.returncode == 0, done.stderr
        argv = (venv / "argv").read_text().split("\0")[:-1]
        words = text.split(" ")
        images = [f"--image={word}" for word in words]
        assert argv[2:] == ["preview", *images, *words, "--result-file", ".shipmark/result.env"]
        assert not bait.exists()

    def test_gitlab_inputs_are_not_inserted_into_scripts(self) -> None:
        body = (ROOT / "ci" / "gitlab" / "shipmark.yml").read_text(encoding="utf-8").split("\n---\n")[1]
        script = body[body.index("  script:") : body.index("  artifacts:")]
        assert "$[[" not in script
        job = Gitlab({"shipmark-image": "x"}).job
        assert job["variables"]["GIT_DEPTH"] == "0"
        assert (job["interruptible"], job["resource_group"]) == (False, "shipmark")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
class TestExamples:
    def test_each_ci_example_is_yaml_and_starts_shipmark_isolated(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert yaml.safe_load(text)
        starts = [line for line in text.splitlines() if "bin/shipmark" in line]
        assert starts
        assert all(re.search(r'bin/python"? -I \S*/bin/shipmark', line) for line in starts)
        assert "python -m release" not in text

    def test_each_ci_example_fetches_git_tags(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert re.search(r'--tags|fetchTags: "true"|tags: true|depth: full', text)


def test_six_ci_systems_without_a_template_have_an_example() -> None:
    names = {re.split(r"[-.]", path.name)[0] for path in EXAMPLES if "components" not in path.name}
    assert names == {"azure", "bitbucket", "buildkite", "circleci", "drone", "woodpecker"}
