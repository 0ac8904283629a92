"""Runs the steps of the Tekton Task `ci/tekton/shipmark.yaml` on this host, with Tekton's substitutions."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT


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
