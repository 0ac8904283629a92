"""Compares the time of `shipmark preview --changed` with one `git log --name-only` over the same commits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import Command, compare, table
from tests.bench.installed import own_program
from tests.bench.repositories import components
from tests.support.programs.environment import scrubbed
from tests.support.releases.monorepo import COMMITS


def run(folder: Path, *, rounds: int) -> Iterator[str]:
    """Yield one table. `folder`: where the repository is kept."""
    repository = components(folder)
    bin_ = own_program(folder / "own")
    python, own = bin_ / "python", bin_ / "shipmark"
    span = f"HEAD~{COMMITS - 1}..HEAD"
    argvs: dict[str, list[str | Path]] = {
        "git log --name-only": ["git", "log", "--name-only", "--format=%H", span],
        "python -c pass": [python, "-I", "-c", "pass"],
        "shipmark tags --component c00": [python, "-I", own, "tags", "--component", "c00"],
        "shipmark preview --changed": [python, "-I", own, "preview", "--changed", "--json"],
    }
    env = scrubbed(folder / "home")
    commands = [Command(name, argv, repository, env) for name, argv in argvs.items()]
    yield table("changed: 5,000 commits, 40 components", compare(commands, rounds=rounds))
