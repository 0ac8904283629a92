"""Measures what the GitHub action costs a job, from the start of its first step to the output of `tags`.

*cold*: the runner has Python, and the packages come from the package index; *cached*: GitHub's cache has restored them
(the time of the restore itself is not part of the figure); *second use*: an earlier step of the job has installed them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import Command, compare, table
from tests.bench.repositories import small
from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT

#: The `run` steps of `action.yml`, in order. The runner's own time between steps is not imitated.
_STEPS = """
set -eu
before() { %s; }
before
mkdir -p "$RUNNER_TEMP"
: >"$GITHUB_OUTPUT"
get() { sed -n "s/^$1=//p" "$GITHUB_OUTPUT"; }
bash "$ROOT/ci/github/find.sh"
if [ "$(get installed)" != true ]; then
  PYTHON=$(get python) sh "$ROOT/ci/install.sh" "$(get venv)" "$(get wheels)" --job
fi
venv=$(get venv)
exec "$venv/bin/python" -I "$venv/bin/shipmark" ci github-action
"""


def run(folder: Path, *, rounds: int) -> Iterator[str]:
    """Yield one table for each kind of use. `folder`: where the repository and the runner's folder are kept."""
    repository = small(folder)
    temp = folder / "runner"
    temp.mkdir(exist_ok=True)
    env = {
        **scrubbed(folder / "home"),
        "ROOT": str(ROOT),
        "RUNNER_TEMP": str(temp / "temp"),
        "RUNNER_OS": "Linux",
        "GITHUB_OUTPUT": str(temp / "output"),
        "SHIPMARK_INPUTS": '{"command": "tags", "image": "ghcr.io/acme/app"}',
    }
    kinds = {
        "second use in the job": ":",
        "packages from the cache": 'rm -rf "$RUNNER_TEMP/shipmark-venv"',
        "cold": 'rm -rf "$RUNNER_TEMP"',
    }
    for title, before in kinds.items():
        argv = ["bash", "-c", _STEPS % before]
        times = min(rounds, 3) if title == "cold" else rounds
        yield table(f"action: {title}", compare([Command(title, argv, repository, env)], rounds=times))
