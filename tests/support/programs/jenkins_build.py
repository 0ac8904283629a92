"""Runs a declarative Jenkinsfile with `pipeline.groovy`, by a real Groovy."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.programs.wheel import ROOT
from tests.support.services.required import program, require

RUNNER = ROOT / "tests" / "support" / "programs" / "pipeline.groovy"
LIBRARY = ROOT / "ci" / "jenkins"


class JenkinsBuild:
    """One build of a multibranch job, whose workspace is `folder/work`. `env`: the agent's environment.

    `sandbox`: the archive of the sandbox's transformer; `asked` in the answer of `run` then has what it would ask for.
    """

    def __init__(
        self, folder: Path, *, origin: Path, commit: str, env: Mapping[str, str], sandbox: Path | None = None
    ) -> None:
        require("groovy")
        folder.mkdir()
        self.sandbox = sandbox
        self.folder, self.origin, self.commit, self.env = folder, origin, commit, env

    def run(
        self, text: str, env: Mapping[str, str], params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Run the Jenkinsfile `text`, and return the document that the runner prints. `env`: of the build."""
        files = {"Jenkinsfile": text, "docker-config": "{}"}
        settings = {
            "workspace": str(self.folder / "work"),
            "origin": str(self.origin),
            "commit": self.commit,
            "library": str(LIBRARY),
            "sandbox": self.sandbox is not None,
            "credentials": {"docker-config": str(self.folder / "docker-config")},
            "params": dict(params or {}),
            "env": {
                "JENKINS_URL": "https://ci.test/",
                "BUILD_NUMBER": "1",
                "JOB_NAME": "app",
                "WORKSPACE_TMP": str(self.folder / "work@tmp"),
                "PYTHONPATH": ".",
                **env,
            },
        }
        for name, content in {**files, "settings.json": json.dumps(settings)}.items():
            (self.folder / name).write_text(content)
        classes = ["-cp", f"{self.sandbox}:{RUNNER.parent}"] if self.sandbox else []
        java = Path(program("java")).resolve()
        done = subprocess.run(
            [program("groovy"), *classes, RUNNER, self.folder / "Jenkinsfile", self.folder / "settings.json"],
            env={**self.env, "JAVA_HOME": str(java.parents[1])},
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
