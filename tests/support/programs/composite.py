"""Runs a composite action as GitHub's runner does, with the runner's features that our `action.yml` uses.

The `env` values of a step are evaluated, `run` steps are executed by bash with the runner's flags, and output files
are read by the runner's grammar.
A `uses` step is replaced by outputs that the test gives. Masking, problem matchers and nested actions are not imitated.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

_EXPRESSION = re.compile(r"\$\{\{\s*([a-z_.-]+)\s*\}\}", re.IGNORECASE)


class ActionRun(NamedTuple):
    """Result of a run of the action. `outputs`: the action's outputs, from their `value` expressions."""

    code: int
    stdout: str
    stderr: str
    outputs: dict[str, str]
    summary: str


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
    """The composite action in `folder`. `used`: the outputs to give its `uses` steps, by step id."""

    def __init__(self, folder: Path, used: Mapping[str, Mapping[str, str]]) -> None:
        self.folder = folder
        self.used = used
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
        """Run every step in `workspace` until one fails. `env`: the job's environment; `temp`: RUNNER_TEMP."""
        temp.mkdir(exist_ok=True)
        given = {name: str(spec.get("default", "")) for name, spec in self.document["inputs"].items()}
        given.update(inputs)
        context = {f"inputs.{name}": value for name, value in given.items()}
        for step, outputs in self.used.items():
            context |= {f"steps.{step}.outputs.{name}": value for name, value in outputs.items()}
        summary = temp / "summary.md"
        summary.touch()
        talk = ["", ""]
        code = 0
        for number, step in enumerate(self.document["runs"]["steps"]):
            if "uses" in step:
                continue
            output = temp / f"output-{number}"
            output.touch()
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", self._script(step, temp, number)],
                cwd=workspace,
                env={
                    **env,
                    "GITHUB_ACTIONS": "true",
                    "GITHUB_ACTION_PATH": str(self.folder),
                    "GITHUB_OUTPUT": str(output),
                    "GITHUB_STEP_SUMMARY": str(summary),
                    "GITHUB_WORKSPACE": str(workspace),
                    "RUNNER_TEMP": str(temp),
                    "RUNNER_OS": "Linux",
                    **{name: evaluate(str(value), context) for name, value in step.get("env", {}).items()},
                },
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
            talk = [talk[0] + done.stdout, talk[1] + done.stderr]
            outputs = read_outputs(output.read_text(encoding="utf-8"))
            if "id" in step:
                context |= {f"steps.{step['id']}.outputs.{name}": value for name, value in outputs.items()}
            code = done.returncode
            if code:
                break
        results = {name: evaluate(spec["value"], context) for name, spec in self.document["outputs"].items()}
        return ActionRun(code, talk[0], talk[1], results, summary.read_text(encoding="utf-8"))

    def _script(self, step: Mapping[str, Any], temp: Path, number: int) -> str:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an expression in `run` is an injection"
        path = temp / f"step-{number}.sh"
        path.write_text(step["run"], encoding="utf-8")
        return str(path)


def evaluate(text: str, context: Mapping[str, str]) -> str:
    """Replace expressions such as `${{ inputs.x }}`; names that the context lacks become empty, as in the runner."""
    return _EXPRESSION.sub(lambda match: context.get(match[1], ""), text)
