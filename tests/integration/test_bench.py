"""Tests of the benchmark harness: times, dropped commands, ratios and generated repositories."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import repositories
from tests.bench.harness import Command, Sample, Series, compare, measure, table
from tests.support.programs.environment import scrubbed
from tests.support.releases.git import GitRepo


def _python(code: str, folder: Path, name: str = "python") -> Command:
    return Command(name, [sys.executable, "-c", code], folder, scrubbed(folder))


def test_time_measured_by_the_benchmark_includes_child_processes(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    assert measure(_python(code, tmp_path), limit=30).cpu >= 0.2


def test_memory_measured_by_the_benchmark_is_that_of_the_command(tmp_path: Path) -> None:
    block = bytearray(64 * 1024 * 1024)
    block[::4096] = b"x" * (len(block) // 4096)  # pages count when they are written to
    small = Command("true", ["true"], tmp_path, scrubbed(tmp_path))
    assert measure(small, limit=30).rss < len(block) / 1024 / 1024
    assert measure(_python("x = b'x' * 80_000_000", tmp_path), limit=30).rss > 76


def test_benchmark_drops_failing_and_slow_commands_with_their_reason(tmp_path: Path) -> None:
    commands = [
        _python("pass", tmp_path, "good"),
        _python("raise SystemExit('broken')", tmp_path, "bad"),
        _python("import threading; threading.Event().wait(60)", tmp_path, "slow"),
    ]
    good, bad, slow = compare(commands, rounds=2, limit=3.0)
    assert (len(good.samples), bad.samples, slow.samples) == (2, (), ())
    assert bad.reason == "exit 1: broken"
    assert slow.reason == "over 3 s"


def test_ratio_in_a_benchmark_table_is_the_median_of_the_rounds() -> None:
    peer = Series("peer", tuple(Sample(cpu, cpu, 1) for cpu in (1.0, 2.0, 4.0)))
    other = Series("other", tuple(Sample(cpu, cpu, 1) for cpu in (3.0, 4.0, 4.0)))
    assert "| other | 3.000, **4.000**, 4.000 | 2.00 |" in table("x", [peer, other])


def test_generated_benchmark_history_has_merges_and_annotated_and_lightweight_tags(git_repo: GitRepo) -> None:
    stream = b"".join(repositories._stream(commits=120, files=5))
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=git_repo.path, env=git_repo.env, input=stream, check=True
    )
    assert git_repo.git("rev-list", "--count", "main") == "120"
    assert git_repo.git("rev-list", "--count", "--merges", "main") == "6"
    kinds = git_repo.git("for-each-ref", "--format=%(refname:short) %(objecttype)", "refs/tags").splitlines()
    assert len(kinds) == 10
    assert {"v0.0.1 commit", "v0.0.2 tag", "nightly-5 commit", "nightly-10 tag"} <= set(kinds)
    assert git_repo.git("describe", "--tags", "--match=v*", "--abbrev=0", "main") == "v0.0.8"


@pytest.mark.parametrize("number", [20, 40])
def test_merge_in_a_generated_benchmark_history_joins_two_diverged_commits(
    git_repo: GitRepo, number: int
) -> None:
    stream = b"".join(repositories._stream(commits=number, files=1))
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=git_repo.path, env=git_repo.env, input=stream, check=True
    )
    first, second = git_repo.git("rev-list", "--parents", "-n1", "main").split()[1:]
    assert git_repo.git("merge-base", first, second) == git_repo.git("rev-parse", f"{first}~1")
