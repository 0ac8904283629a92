"""Runs GitLab pipelines with gitlab-ci-local on this host, without containers and without GitLab.

`tests/support/gitlab/` pins the npm package with the hashes of everything that it needs. The tool keeps its log, its
scripts and its artifacts in a folder of its own, `.gitlab-ci-local` in the workspace unless told otherwise; here the
folder lies beside the workspace, as GitLab's runner keeps its files in `PROJECT.tmp` beside `PROJECT`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.programs.environment import scrubbed
from tests.support.programs.go_tools import cache_folder
from tests.support.programs.wheel import ROOT, Installed
from tests.support.releases.git import GitRepo
from tests.support.services.required import lack, program, require

PACKAGE = ROOT / "tests" / "support" / "gitlab"
HOST = "https://gitlab.test"
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_ENDED = re.compile(r"^ (PASS|FAIL) +([\w-]+)", re.MULTILINE)


class Pipeline(NamedTuple):
    """How a pipeline ended. `jobs`: job -> `PASS` or `FAIL`; `said`: what the tool and the jobs printed.

    `dotenv`: the variables that the job with a dotenv report gave to later jobs.
    """

    code: int
    jobs: dict[str, str]
    said: str
    dotenv: dict[str, str]


class GitLab:
    """A GitLab server with the project `acme/app` and, as `acme/shipmark`, a copy of this repository's templates.

    `env`: the environment of the tool and of the jobs, if they need more than git and shipmark.
    """

    def __init__(
        self,
        app: GitRepo,
        folder: Path,
        installed: Installed,
        image: str,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.program, self._env = _program(), env
        self.app, self.folder, self.installed, self.image = app, folder, installed, image
        self._count = 0
        copy = GitRepo(folder / "server" / "acme" / "shipmark.git", home=folder)
        templates = (ROOT / "ci" / "gitlab").glob("*.yml")
        copy.commit("templates", {f"ci/gitlab/{path.name}": path.read_text() for path in templates})

    def run(self, variables: Mapping[str, str], *, commit: str | None = None) -> Pipeline:
        """Run the pipeline of `.gitlab-ci.yml` at `commit` (HEAD by default) with a fresh clone, as GitLab does."""
        self._count += 1
        place = self.folder / f"pipeline{self._count}"
        work, home = place / "work", place / "home"
        home.mkdir(parents=True)
        commit = commit or self.app.head
        self._clone(work, commit)
        given = {
            "CI_COMMIT_SHA": commit,
            "CI_DEFAULT_BRANCH": "main",
            "CI_PROJECT_ID": "1",
            "CI_REGISTRY_IMAGE": self.image,
            "GITLAB_CI": "true",
            "SHIPMARK_VENV": str(self.installed.folder),
            **variables,
        }
        done = subprocess.run(
            [
                self.program,
                "--state-dir=../state",
                f"--home={home}",
                "--force-shell-executor",
                "--no-color",
                *(f"--unset-variable={one}" for one in _OF_BRANCHES if one not in variables),
                # `$$` stands for `$`, as in GitLab.
                *(f"--variable={name}={value.replace('$', '$$')}" for name, value in given.items()),
            ],
            cwd=work,
            env={**scrubbed(home), **(self._env or self._redirected()), "HOME": str(home), "PYTHONPATH": "."},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        said = _ESCAPES.sub("", done.stdout + done.stderr)
        dotenv = {
            name: value
            for report in (place / "state" / "artifacts").rglob("*.env")
            for name, _, value in (line.partition("=") for line in report.read_text().splitlines())
        }
        return Pipeline(done.returncode, {job: how for how, job in _ENDED.findall(said)}, said, dotenv)

    def _clone(self, work: Path, commit: str) -> None:
        """Fetch as GitLab's runner does with `GIT_STRATEGY: clone` and `GIT_DEPTH: "0"`; HEAD is detached."""
        git: list[str | Path] = [program("git"), "-C", work]
        work.mkdir()
        for command in (
            ["init", "--quiet"],
            ["remote", "add", "origin", str(self.app.path)],
            # The tool takes the names of server and project from this one.
            ["remote", "add", "gcl-origin", f"{HOST}/acme/app.git"],
            [
                "fetch",
                "--quiet",
                "--prune",
                "origin",
                f"+{commit}:refs/pipelines/1",
                "+refs/heads/*:refs/remotes/origin/*",
                "+refs/tags/*:refs/tags/*",
            ],
            ["-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", "--detach", commit],
        ):
            subprocess.run([*git, *command], check=True, capture_output=True, env=scrubbed(self.folder))

    def _redirected(self) -> dict[str, str]:
        """Return variables with which git finds the server of `include: project` in a folder."""
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{self.folder / 'server'}/.insteadOf",
            "GIT_CONFIG_VALUE_0": f"{HOST}:443/",  # the tool adds the port
        }


#: The tool sets them for every pipeline, GitLab only for pipelines of branches.
_OF_BRANCHES = ("CI_COMMIT_BRANCH",)


def _program() -> Path:
    """Install the npm package once for this user, by its lock file and without scripts; return the tool's path."""
    require("rsync")
    try:
        npm = program("npm")
    except FileNotFoundError as error:
        lack({"gitlab-ci-local": f"no program `{error}`"})
    key = hashlib.sha256((PACKAGE / "package-lock.json").read_bytes()).hexdigest()[:16]
    built = cache_folder() / f"gitlab-{key}"
    with (cache_folder() / f"gitlab-{key}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f"gitlab-{key}.") as made:
                for name in ("package.json", "package-lock.json"):
                    shutil.copy(PACKAGE / name, made)
                argv = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
                done = subprocess.run(
                    argv, cwd=made, env=os.environ, capture_output=True, text=True, check=False
                )
                if done.returncode:
                    lack({"gitlab-ci-local": "not installed"}, done.stderr[-2000:])
                os.rename(made, built)
                os.mkdir(made, 0o700)  # for the context manager to remove
    return built / "node_modules" / ".bin" / "gitlab-ci-local"
