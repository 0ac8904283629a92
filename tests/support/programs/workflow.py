"""Runs the jobs of a GitHub workflow with real programs, as far as the workflows of this repository use it.

Each job gets a temporary folder and a clone of its own. `run` steps go to bash; actions of this repository are executed
(`composite.py`); actions/checkout clones, upload-artifact and download-artifact copy, other actions do nothing.
Permissions and concurrency are not imitated.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.support.programs.composite import Composite, read_outputs
from tests.support.programs.environment import scrubbed
from tests.support.programs.expressions import is_met, text_of, value_of
from tests.support.programs.wheel import ROOT
from tests.support.services.required import program


class JobRun(NamedTuple):
    """How one job, or one member of its matrix, ended. `steps`: the names of the steps that ran."""

    name: str
    code: int
    outputs: dict[str, str]
    steps: tuple[str, ...]
    said: str
    summary: str
    workspace: Path


class Workflow:
    """A workflow. `origin`: what is cloned. `venv`: with shipmark, for the actions to find; None to install it.

    `env`: variables of every job, such as those of the event; `github`: the context of the same name. `artifacts`: the
    folder with the artifacts of the run.
    """

    def __init__(
        self,
        document: Mapping[Any, Any],
        folder: Path,
        *,
        venv: Path | None,
        origin: Path,
        env: Mapping[str, str],
        github: Mapping[str, Any],
        artifacts: Path,
    ) -> None:
        self.document = document
        self.folder, self.venv, self.origin = folder, venv, origin
        self.env, self.github = env, github
        self.artifacts = artifacts

    @staticmethod
    def load(path: Path) -> dict[Any, Any]:
        """Read a workflow. Keys and values stay texts, except lists and mappings; so `on` stays `on`."""
        document: dict[Any, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        return document

    def run(
        self, inputs: Mapping[str, str] | None = None, secrets: Mapping[str, str] | None = None
    ) -> list[JobRun]:
        """Run the jobs in the order of their needs; a job whose need failed or was skipped is skipped."""
        context: dict[str, Any] = {
            "github": dict(self.github),
            "inputs": dict(inputs or {}),
            "secrets": dict(secrets or {}),
            "vars": {},
            "runner": {"os": "Linux", "arch": "X64"},
            "needs": {},
        }
        runs: list[JobRun] = []
        for name, job in self.document["jobs"].items():
            needed = job.get("needs", [])
            needs = [needed] if isinstance(needed, str) else needed
            whole = all(context["needs"].get(one, {}).get("result") == "success" for one in needs)
            condition = str(job.get("if", "true"))
            if not is_met(condition, context) or not (whole or "always()" in condition):
                context["needs"][name] = {"result": "skipped", "outputs": {}}
                continue
            made = [
                self._job(
                    f"{name}{suffix}", job, {**context, "matrix": row, "strategy": {"job-index": number}}
                )
                for number, (suffix, row) in enumerate(self._rows(job, context))
            ]
            runs += made
            context["needs"][name] = {
                "result": "success" if all(one.code == 0 for one in made) else "failure",
                "outputs": made[-1].outputs,
            }
        return runs

    def _rows(
        self, job: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        matrix = value_of(job.get("strategy", {}).get("matrix", {}), context)
        axes = {key: value_of(values, context) for key, values in matrix.items() if key != "include"}
        rows = (
            [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
            if axes
            else []
        )
        rows += list(value_of(matrix.get("include", []), context))
        yield from ((f"-{number}" if len(rows) > 1 else "", row) for number, row in enumerate(rows or [{}]))

    def _job(self, name: str, job: Mapping[str, Any], context: dict[str, Any]) -> JobRun:
        place = self.folder / name
        workspace, temp = place / "work", place / "temp"
        for folder in (workspace, temp, place / "home"):
            folder.mkdir(parents=True)
        if self.venv is not None:
            (temp / "shipmark-venv").symlink_to(self.venv)
            (self.venv / "shipmark.stamp").write_text(str(ROOT))
        summary = temp / "summary.md"
        summary.touch()
        env = {
            **scrubbed(place / "home"),
            **self.env,
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_STEP_SUMMARY": str(summary),
            "RUNNER_TEMP": str(temp),
            "RUNNER_OS": "Linux",
        }
        context["runner"] = {**context["runner"], "temp": str(temp)}
        context["steps"] = {}
        context["job"] = {"status": "success", "workflow_repository": "acme/shipmark", "workflow_sha": ""}
        context["env"] = {key: text_of(value, context) for key, value in job.get("env", {}).items()}
        said, names, code = "", [], 0
        for number, step in enumerate(job["steps"]):
            condition = str(step.get("if", "success()"))
            if not is_met(condition, context) or (code and "(" not in condition):
                continue
            names.append(step.get("name") or step.get("uses") or step["run"].split("\n")[0])
            ended, outputs, text = self._step(step, number, context, workspace, temp, env)
            said += text
            if "id" in step:
                context["steps"][step["id"]] = {
                    "outputs": outputs,
                    "outcome": "failure" if ended else "success",
                }
            if ended and not code:
                code = ended
                context["job"]["status"] = "failure"
        results = {key: text_of(value, context) for key, value in job.get("outputs", {}).items()}
        return JobRun(name, code, results, tuple(names), said, summary.read_text(), workspace)

    def _step(
        self,
        step: Mapping[str, Any],
        number: int,
        context: dict[str, Any],
        workspace: Path,
        temp: Path,
        env: Mapping[str, str],
    ) -> tuple[int, dict[str, str], str]:
        given = {key: text_of(value, context) for key, value in step.get("with", {}).items()}
        own = {key: text_of(value, context) for key, value in step.get("env", {}).items()}
        if "uses" in step:
            return self._uses(step["uses"], given, workspace, temp, {**env, **context["env"], **own})
        assert "${{" not in step["run"], "an expression in `run` is an injection"
        script, output = temp / f"step{number}.sh", temp / f"step{number}.out"
        script.write_text(step["run"])
        output.write_text("")
        done = subprocess.run(
            [program("bash"), "--noprofile", "--norc", "-e", "-o", "pipefail", script],
            cwd=workspace / step.get("working-directory", "."),
            env={**env, **context["env"], **own, "GITHUB_OUTPUT": str(output)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, read_outputs(output.read_text()), done.stdout + done.stderr

    def _uses(
        self, uses: str, given: Mapping[str, str], workspace: Path, temp: Path, env: Mapping[str, str]
    ) -> tuple[int, dict[str, str], str]:
        name = uses.partition("@")[0]
        if name == "actions/checkout":
            self._checkout(given, workspace)
        elif name == "actions/upload-artifact":
            self._upload(given, workspace)
        elif name == "actions/download-artifact":
            self._download(given, workspace)
        elif name.startswith("./") or name.endswith("/shipmark"):
            action = (workspace / name).resolve() if name.startswith("./") else ROOT
            assert action.is_relative_to(ROOT), f"{uses}: this repository was not checked out there"
            done = Composite(action, used={"python": {"python-path": sys.executable}}).run(
                given, workspace=workspace, temp=temp, env=env
            )
            return done.code, done.outputs, done.stdout + done.stderr
        return 0, {}, ""

    def _checkout(self, given: Mapping[str, str], workspace: Path) -> None:
        place = workspace / given.get("path", ".")
        if "repository" in given:
            # This repository, as it is: a link stands for its clone.
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(ROOT)
            return
        assert given.get("fetch-depth") == "0", "shipmark wants all history"
        git = [program("git"), "-c", "protocol.file.allow=always", "-c", "advice.detachedHead=false"]
        subprocess.run([*git, "clone", "--quiet", self.origin, place], check=True, capture_output=True)
        commit = given.get("ref") or self.env["GITHUB_SHA"]
        subprocess.run(
            [*git, "-C", place, "checkout", "--quiet", "--detach", commit], check=True, capture_output=True
        )

    def _upload(self, given: Mapping[str, str], workspace: Path) -> None:
        path, place = workspace / given["path"], self.artifacts / given["name"]
        if path.is_file():
            place.mkdir(parents=True)
            shutil.copy(path, place)
        elif path.is_dir():
            shutil.copytree(path, place)
        else:
            assert given.get("if-no-files-found") == "ignore", f"no artifact at {path}"

    def _download(self, given: Mapping[str, str], workspace: Path) -> None:
        place = workspace / given.get("path", ".")
        found = sorted(self.artifacts.glob(given.get("pattern", given.get("name", "*"))))
        # Since version 5 a single artifact gets no folder of its own, also if a pattern found it.
        flat = len(found) == 1 or given.get("merge-multiple") == "true"
        for folder in found:
            shutil.copytree(folder, place if flat else place / folder.name, dirs_exist_ok=True)
