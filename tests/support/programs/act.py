"""Runs GitHub workflows with nektos/act on this host, without containers and without GitHub.

The Go module `tests/support/act` pins act. Actions of others are replaced by stand-ins, which act runs as composite
actions: actions/checkout fetches from a repository, the artifact actions copy, others do nothing. In act all jobs share
one workspace, so they run one after another, and the checkout cleans it as the real one does.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.programs.environment import scrubbed
from tests.support.programs.go_tools import tools
from tests.support.programs.wheel import ROOT, Installed
from tests.support.services.required import program

MODULE = ROOT / "tests" / "support" / "act"
_USES = re.compile(r"uses: *([\w.-]+/[\w.-]+)(/[\w./-]+)?@([\w.-]+)")
_CHECKOUT = """\
name: checkout
inputs:
  repository: {default: ""}
  path: {default: "."}
  ref: {default: ""}
  fetch-depth: {default: "1"}
  persist-credentials: {default: "true"}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        REPOSITORY: ${{ inputs.repository }}
        PLACE: ${{ inputs.path }}
        REF: ${{ inputs.ref }}
        DEPTH: ${{ inputs.fetch-depth }}
      run: |
        cd "$GITHUB_WORKSPACE"
        if [ "$PLACE" != . ]; then
          mkdir -p "$(dirname "$PLACE")"
          ln -sfn "$TEST_ROOT" "$PLACE"
          root=$PWD/$PLACE
          mkdir -p "$RUNNER_TEMP/shipmark-venv"
          for one in bin lib pyvenv.cfg; do ln -sfn "$TEST_INSTALLED/$one" "$RUNNER_TEMP/shipmark-venv/$one"; done
          printf '%s' "$root" >"$RUNNER_TEMP/shipmark-venv/shipmark.stamp"
          exit 0
        fi
        [ "$DEPTH" = 0 ]
        git init --quiet .
        git remote remove origin 2>/dev/null || true
        git remote add origin "$TEST_ORIGIN"
        git fetch --quiet --tags origin '+refs/*:refs/remotes/all/*' '+refs/heads/*:refs/remotes/origin/*'
        git -c advice.detachedHead=false checkout --quiet --force --detach "${REF:-$GITHUB_SHA}"
        git clean -ffdxq
"""
_UPLOAD = """\
name: upload
inputs:
  name: {default: artifact}
  path: {default: ""}
  retention-days: {default: ""}
  if-no-files-found: {default: ""}
runs:
  using: composite
  steps:
    - shell: bash
      env: {NAME: "${{ inputs.name }}", PLACE: "${{ inputs.path }}"}
      run: |
        mkdir -p "$TEST_ARTIFACTS/$NAME"
        [ ! -d "$PLACE" ] || PLACE=$PLACE/.
        cp -a "$PLACE" "$TEST_ARTIFACTS/$NAME/"
"""
_DOWNLOAD = """\
name: download
inputs:
  pattern: {default: "*"}
  path: {default: "."}
  merge-multiple: {default: ""}
runs:
  using: composite
  steps:
    - shell: bash
      env: {PATTERN: "${{ inputs.pattern }}", PLACE: "${{ inputs.path }}", MERGE: "${{ inputs.merge-multiple }}"}
      run: |
        mkdir -p "$PLACE"
        for one in "$TEST_ARTIFACTS"/$PATTERN; do
          [ -d "$one" ] || continue
          if [ "$MERGE" = true ]; then cp -a "$one/." "$PLACE/"; else cp -a "$one" "$PLACE/"; fi
        done
"""
_NOTHING = 'name: nothing\nruns:\n  using: composite\n  steps: [{shell: bash, run: "true"}]\n'
_STAND_INS = {
    "actions/checkout": _CHECKOUT,
    "actions/upload-artifact": _UPLOAD,
    "actions/download-artifact": _DOWNLOAD,
}


class ActJob(NamedTuple):
    """How a run ended. `jobs`: names of the jobs that ran, each with its result; `said`: what act printed."""

    code: int
    jobs: dict[str, str]
    said: str


class Act:
    """A repository on GitHub, whose workflows act runs. `origin`: the repository."""

    def __init__(self, folder: Path, origin: Path, installed: Installed) -> None:
        self.program = tools(MODULE, {"act": "github.com/nektos/act"}) / "act"
        self.folder, self.origin, self.installed = folder, origin, installed
        self._count = 0

    def run(
        self,
        workflow: str,
        event: str,
        *,
        sha: str,
        ref: str,
        payload: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> ActJob:
        """Run the workflow at the path `workflow` of the commit `sha` for an event."""
        self._count += 1
        place = self.folder / f"act{self._count}"
        work = place / "work"
        for folder in (work, place / "artifacts", place / "home", place / "stand-ins"):
            folder.mkdir(parents=True)
        git: list[str | Path] = [program("git"), "-C", work]
        commands: tuple[list[str | Path], ...] = (
            ["init", "--quiet"],
            ["fetch", "--quiet", "--tags", self.origin, sha],
            ["-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", sha],
        )
        for command in commands:
            subprocess.run([*git, *command], check=True, capture_output=True)
        text = (work / workflow).read_text()
        data = {
            "repository": {"default_branch": "main", "full_name": "acme/app"},
            "inputs": dict(inputs or {}),
        }
        (place / "event.json").write_text(json.dumps({**data, "ref": ref, **(payload or {})}))
        argv: list[str | Path] = [
            self.program,
            event,
            "--directory",
            work,
            "--workflows",
            work / workflow,
            "--eventpath",
            place / "event.json",
            "--actor=ana",
            "--no-skip-checkout",
            "--action-offline-mode",
            "--no-cache-server",
            "--concurrent-jobs=1",
            "--json",
            *(
                f"--platform={name}=-self-hosted"
                for name in ("ubuntu-latest", "ubuntu-24.04", "ubuntu-24.04-arm")
            ),
            *self._stand_ins(place / "stand-ins", [text, *self._definitions(work)]),
            *self._variables(place, sha, ref),
        ]
        done = subprocess.run(
            argv,
            env={**scrubbed(place / "home"), "DOCKER_HOST": "unix:///nowhere"},
            cwd=place,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return ActJob(done.returncode, _results(done.stdout), done.stdout + done.stderr)

    def _definitions(self, work: Path) -> Iterable[str]:
        """Yield the texts of our actions, and of the workflows that others call."""
        for path in [ROOT / "action.yml", *(ROOT / "ci/github").rglob("action.yml")]:
            yield path.read_text()
        for path in (work / ".github/workflows").glob("*.yml"):
            yield path.read_text()

    def _stand_ins(self, folder: Path, texts: Iterable[str]) -> Iterable[str]:
        for repository, ref in {(match[1], match[3]) for text in texts for match in _USES.finditer(text)}:
            place = ROOT if repository.endswith("/shipmark") else folder / repository.replace("/", "-")
            if place != ROOT and not place.exists():
                place.mkdir()
                (place / "action.yml").write_text(_STAND_INS.get(repository, _NOTHING))
            yield f"--local-repository={repository}@{ref}={place}"

    def _variables(self, place: Path, sha: str, ref: str) -> Iterable[str]:
        given = {
            "SHA_REF": sha,
            "GITHUB_REF": ref,
            "GITHUB_REPOSITORY": "acme/app",
            "TEST_ROOT": str(ROOT),
            "TEST_ORIGIN": str(self.origin),
            "TEST_INSTALLED": str(self.installed.folder),
            "TEST_ARTIFACTS": str(place / "artifacts"),
            "PYTHONPATH": ".",
            **{
                name: value
                for name, value in scrubbed(place / "home").items()
                if name not in ("PATH", "HOME")
            },
        }
        yield from (f"--env={name}={value}" for name, value in given.items())


def _results(said: str) -> dict[str, str]:
    """Return job -> result, from act's log of JSON objects."""
    found = {}
    for line in said.splitlines():
        if line.startswith("{"):
            entry = json.loads(line)
            if "jobResult" in entry:
                found[str(entry.get("jobID"))] = str(entry["jobResult"])
    return found
