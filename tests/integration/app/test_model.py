"""A stateful model test of releases, crashes, recovery and several runners; `make soak` runs many more histories."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.releases.model import Run, highest
from tests.support.releases.model_machine import explore, one_step_at_a_time
from tests.support.releases.model_world import Machine, Stored


def test_random_histories_of_releases_and_crashes_keep_the_invariants_of_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    explore(monkeypatch, tmp_path, examples=60, steps=30)


#: Rules that give the default scheme's tags, but for the fixed one: `v1.4.2`.
RULES = """\
tags: |
  type=semver,pattern=v{{version}}
  type=semver,pattern={{major}}.{{minor}}
  type=semver,pattern={{major}}
"""


@pytest.mark.parametrize("tag", ["1", "latest"])
@pytest.mark.parametrize("logs", [1, 2])
@pytest.mark.parametrize(("config", "before"), [("", ""), (RULES, "v")], ids=["default", "rules"])
def test_a_moving_tag_ends_on_the_higher_version_if_a_release_is_overtaken_before_it_moves_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tag: str, logs: int, config: str, before: str
) -> None:
    one_step_at_a_time(monkeypatch)
    (tmp_path / "shipmark.yml").write_text(config)
    registry, machines = Stored(), [Machine() for _ in range(logs)]
    slow = Run(0, "1.4.2", machines[0], registry, str(tmp_path), before=before)
    slow.advance_to(f"put {tag}")
    fast = Run(1, "1.5.0", machines[-1], registry, str(tmp_path), before=before)
    for run in (fast, slow):
        run.finish()
        assert run.code == 0, run.error
    wanted = highest({"1.4.2", "1.5.0"})
    assert {name: registry.tags[name] for name in wanted} == {
        name: registry.tags[f"{before}{version}"] for name, version in wanted.items()
    }
    assert registry.tags[f"{before}1.4.2"] in registry.history[tag], "it was not overtaken"
