"""Runs a composite action as GitHub's runner does, with the runner's features that our `action.yml` uses.

Conditions and `env` values are evaluated, `run` steps go to bash with the runner's flags, output files are read by the
runner's grammar.
A `uses` step is replaced by outputs that the test gives, except actions/cache, which copies folders. Masking, problem
matchers and nested actions are not imitated.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.support.programs.expressions import is_met, text_of


class ActionRun(NamedTuple):
    """How the action ended. `outputs`: its outputs, from their `value` expressions. `steps`: those that ran."""

    code: int
    stdout: str
    stderr: str
    outputs: dict[str, str]
    summary: str
    steps: tuple[str, ...] = ()


def read_outputs(text: str) -> dict[str, str]:
    """Read an output file by the runner's grammar: only LF ends a line; the first of `=` and `<<` decides its form.

    Raises `ValueError` where the runner fails the step.
    """
    found: dict[str, str] = {}
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    rest = iter(lines)
    for line in rest:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, found[name] = line.partition("=")
        elif heredoc >= 0:
            name, _, delimiter = line.partition("<<")
            if not name or not delimiter:
                raise ValueError(f"invalid format {line!r}")
            found[name] = _heredoc(rest, delimiter)
        else:
            raise ValueError(f"invalid format {line!r}")
    return found


def _heredoc(rest: Any, delimiter: str) -> str:
    body: list[str] = []
    for line in rest:
        if line == delimiter:
            return "\n".join(body)
        body.append(line)
    raise ValueError(f"delimiter {delimiter!r} not found")


class Composite:
    """The composite action in `folder`. `used`: the outputs to give its `uses` steps, by step id.

    `caches`: a folder that stands for GitHub's cache service: what a step of actions/cache saves, a later job restores.
    """

    def __init__(
        self, folder: Path, used: Mapping[str, Mapping[str, str]], *, caches: Path | None = None
    ) -> None:
        self.folder = folder
        self.used = used
        self.caches = caches
        self.document: dict[str, Any] = yaml.safe_load((folder / "action.yml").read_text(encoding="utf-8"))

    def run(
        self,
        inputs: Mapping[str, str],
        *,
        workspace: Path,
        temp: Path,
        env: Mapping[str, str],
        timeout: float = 300,
    ) -> ActionRun:
        """Run the steps in `workspace` until one fails. `env`: the job's environment; `temp`: RUNNER_TEMP.

        Inputs that `action.yml` does not declare are in the context `inputs`, too, as in the runner.
        """
        temp.mkdir(exist_ok=True)
        given = {name: str(spec.get("default", "")) for name, spec in self.document["inputs"].items()}
        event = env.get("GITHUB_EVENT_PATH")
        github = {
            "token": env.get("GITHUB_TOKEN", ""),
            "event": json.loads(Path(event).read_text()) if event else {},
        }
        context: dict[str, Any] = {"inputs": {**given, **inputs}, "steps": {}, "github": github}
        summary = temp / "summary.md"
        summary.touch()
        talk = ["", ""]
        code = 0
        names: list[str] = []
        saved: list[tuple[Path, Path]] = []
        for number, step in enumerate(self.document["runs"]["steps"]):
            if not is_met(step.get("if", "true"), context):
                continue
            names.append(step["name"])
            if "uses" in step:
                outputs = self.used.get(step.get("id", ""), {})
                if step["uses"].startswith("actions/cache@") and self.caches is not None:
                    saved += self._restore(step["with"], context)
            else:
                done, outputs = self._run(step, number, context, workspace, temp, env, timeout)
                talk = [talk[0] + done.stdout, talk[1] + done.stderr]
                code = done.returncode
            if "id" in step:
                context["steps"][step["id"]] = {"outputs": outputs}
            if code:
                break
        for source, place in saved:
            # actions/cache saves at the end of a job that succeeded.
            if not code and not place.exists():
                shutil.copytree(source, place)
        declared = self.document.get("outputs", {})
        results = {name: text_of(spec["value"], context) for name, spec in declared.items()}
        return ActionRun(code, talk[0], talk[1], results, summary.read_text(encoding="utf-8"), tuple(names))

    def _restore(self, given: Mapping[str, str], context: Mapping[str, Any]) -> list[tuple[Path, Path]]:
        """Restore a cache, or return what has to be saved: the folder, and its place in `caches`."""
        assert self.caches is not None
        path, key = Path(text_of(given["path"], context)), text_of(given["key"], context)
        place = self.caches / key
        if place.exists():
            shutil.copytree(place, path, dirs_exist_ok=True)
            return []
        return [(path, place)]

    def _run(
        self,
        step: Mapping[str, Any],
        number: int,
        context: Mapping[str, Any],
        workspace: Path,
        temp: Path,
        env: Mapping[str, str],
        timeout: float,
    ) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
        output = temp / f"output-{number}"
        output.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", self._script(step, temp, number)],
            cwd=workspace,
            env={
                **env,
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTION_PATH": str(self.folder),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(temp / "summary.md"),
                "GITHUB_WORKSPACE": str(workspace),
                "RUNNER_TEMP": str(temp),
                "RUNNER_OS": "Linux",
                **{name: text_of(str(value), context) for name, value in step.get("env", {}).items()},
            },
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return done, read_outputs(output.read_text(encoding="utf-8"))

    def _script(self, step: Mapping[str, Any], temp: Path, number: int) -> str:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an expression in `run` is an injection"
        path = temp / f"step-{number}.sh"
        path.write_text(step["run"], encoding="utf-8")
        return str(path)
