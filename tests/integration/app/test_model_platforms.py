"""A release of two platforms in the model's world, killed before every call of a port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.releases.model import Run
from tests.support.releases.model_machine import one_step_at_a_time
from tests.support.releases.model_world import Machine, Stored

PLATFORMS = ("linux/amd64", "linux/arm64")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Give the working folder of every run; its configuration names two platforms."""
    one_step_at_a_time(monkeypatch)
    (tmp_path / "shipmark.yml").write_text("build: {platforms: [linux/amd64, linux/arm64]}\n")
    return str(tmp_path)


def release(machine: Machine, registry: Stored, folder: str, number: int = 0) -> Run:
    return Run(number, "1.4.2", machine, registry, folder)


def recorded(machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield kind and platform of each entry in the machine's log."""
    for entry in machine.log.read():
        yield entry.kind, str(entry.fields.get("platform", ""))


@pytest.mark.parametrize("disk", ["kept", "lost", "log kept"])
def test_a_release_of_two_platforms_killed_before_any_call_ends_as_one_that_was_not_killed(
    folder: str, disk: str
) -> None:
    """`log kept`: the log is in a shared store, and the next run is on another machine."""
    untouched, whole = Machine(), Stored()
    release(untouched, whole, folder).finish()
    expected = whole.tags
    assert len(set(expected.values())) == 1
    for calls in range(1000):
        machine, registry = Machine(), Stored()
        killed = release(machine, registry, folder)
        killed.advance(calls)
        if killed.ended:
            assert calls > 60
            return
        killed.kill()
        had = {platform for kind, platform in recorded(machine) if kind == "built-platform"}
        if disk == "lost":
            machine.wipe()
        elif disk == "log kept":
            machine.__dict__["store"] = Stored()
        again = release(machine, registry, folder, 1)
        again.finish()
        where = f"killed before call {calls}"
        assert again.code == 0, f"{where}: {again.error}"
        assert registry.tags == expected, where
        log = list(recorded(machine))
        assert [kind for kind, _ in log].count("released") == 1, where
        assert [one for one in log if one[0] == "built-platform"].count(("built-platform", PLATFORMS[0])) <= 1
        assert again.result is not None
        built = {
            step.id
            for step in again.result.report.releases[0].steps
            if step.kind == "build-image" and step.state in {"made", "done"}
        }
        if disk == "kept":
            assert built.isdisjoint(f"obtain:app:{platform}" for platform in had), f"{where}: {built}"
    raise AssertionError("the run does not end")
