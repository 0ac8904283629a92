"""Releases, crashes, lost disks and several runners at once, in orders that Hypothesis generates.

Every history must keep these invariants: a plan is in the log before anything is visible, the log's chain is valid,
a version has one release, a version tag never changes, and a run exits 0 only when its release is recorded and served.
When all runs have ended, every moving tag must be on the highest version, and no attempt may be open.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import release.step_scheduler
from tests.support.releases.model import Run, highest
from tests.support.releases.model_world import Machine, Stored

VERSIONS = ("1.4.2", "1.4.3", "1.5.0", "2.0.0")
ALIVE = 3  # runs at a time
MOMENTS = ("append", "put", *(f"put {tag}" for tag in (*VERSIONS, "1.4", "1", "latest")))


class Releases(RuleBasedStateMachine):
    """Hypothesis' state machine: runs on two machines release four versions to one registry.

    `folder`: the working directory of every run, which is empty and stays empty.
    """

    folder = ""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Stored()
        self.machines = (Machine(), Machine())
        self.runs: list[Run] = []
        self.started: dict[str, Machine] = {}
        self.unfinished: set[str] = set()

    @property
    def living(self) -> list[Run]:
        return [run for run in self.runs if not run.ended]

    @rule(version=st.sampled_from(VERSIONS), where=st.integers(0, 1))
    def start(self, version: str, where: int) -> None:
        if len(self.living) < ALIVE:
            self._start(version, self.machines[where])

    def _start(self, version: str, machine: Machine) -> Run:
        run = Run(len(self.runs), version, machine, self.registry, self.folder)
        self.runs.append(run)
        self.started[version] = machine
        self.unfinished.add(version)
        return run

    @rule(which=st.integers(0, ALIVE - 1), calls=st.integers(1, 30))
    def advance(self, which: int, calls: int) -> None:
        if which < len(self.living):
            run = self.living[which]
            run.advance(calls)
            self._settle(run)

    @rule(which=st.integers(0, ALIVE - 1), what=st.sampled_from(MOMENTS))
    def advance_to(self, which: int, what: str) -> None:
        """Advance a run to a call where the order of two runs matters most."""
        if which < len(self.living):
            run = self.living[which]
            run.advance_to(what)
            self._settle(run)

    @rule(
        which=st.integers(0, ALIVE - 1),
        tag=st.sampled_from(("1.4", "1", "latest")),
        version=st.sampled_from(VERSIONS),
        where=st.integers(0, 1),
    )
    def overtake(self, which: int, tag: str, version: str, where: int) -> None:
        """Execute a whole release between the last check of another run and its move of a tag."""
        if which < len(self.living):
            slow = self.living[which]
            slow.advance_to(f"put {tag}")
            fast = self._start(version, self.machines[where])
            for run in (fast, slow):
                run.finish()
                self._settle(run)

    @rule(which=st.integers(0, ALIVE - 1))
    def finish(self, which: int) -> None:
        if which < len(self.living):
            run = self.living[which]
            run.finish()
            self._settle(run)

    @rule(which=st.integers(0, ALIVE - 1), disk_is_lost=st.booleans())
    def kill(self, which: int, disk_is_lost: bool) -> None:
        if which >= len(self.living):
            return
        run = self.living[which]
        run.kill()
        self._settle(run)
        if disk_is_lost and not any(other.machine is run.machine for other in self.living):
            run.machine.wipe()

    def _settle(self, run: Run) -> None:
        if run.failure is not None:
            raise run.failure
        if run.code != 0:
            return
        self.unfinished.discard(run.version)
        assert run.result is not None
        state = run.machine.state.release(run.key)
        assert state is not None
        assert state.state == "released"
        assert state.image is not None
        assert self.registry.tags[run.version] == state.image.digest
        assert not state.unfinished

    @invariant()
    def version_tags_never_change(self) -> None:
        for tag, digests in self.registry.history.items():
            if tag in VERSIONS or tag.startswith("sha-"):
                assert len(set(digests)) == 1, (tag, digests)

    @invariant()
    def logs_are_whole_and_say_each_thing_once(self) -> None:
        for machine in self.machines:
            entries = list(machine.log.read())
            identities = [entry.fields["id"] for entry in entries]
            assert len(set(identities)) == len(identities)
            released = [entry.fields["release"] for entry in entries if entry.kind == "released"]
            assert len(set(released)) == len(released)
            for run in self.runs:
                assert [entry.kind for entry in entries if entry.fields["release"] == run.key][:1] in (
                    [],
                    ["planned"],
                )

    def teardown(self) -> None:
        try:
            for run in self.living:
                run.finish()
                self._settle(run)
            self._recover()
            self._everything_is_as_it_should_be()
        finally:
            for run in self.living:
                run.kill()

    def _recover(self) -> None:
        """Repeat the runs of unfinished versions, up to three times; then all must have ended well."""
        for _ in range(3):
            for version in sorted(self.unfinished):
                run = self._start(version, self.started[version])
                run.finish()
                self._settle(run)
        assert not self.unfinished, [run.error for run in self.runs if run.error]

    def _everything_is_as_it_should_be(self) -> None:
        if not self.started:
            return
        tags = self.registry.tags
        wanted = highest(set(self.started))
        assert {tag: tags.get(tag) for tag in wanted} == {
            tag: tags[version] for tag, version in wanted.items()
        }
        for machine in self.machines:
            for run in self.runs:
                state = machine.state.release(run.key)
                if state is not None and run.machine is machine and state.state == "released":
                    assert {one.id for one in state.open_attempts} <= set(), state.attempts


def one_step_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run take one step at a time, so that the order of its steps is the same on every try."""
    monkeypatch.setattr(release.step_scheduler, "_LIMIT", 1)


def explore(monkeypatch: pytest.MonkeyPatch, folder: Path, *, examples: int, steps: int) -> None:
    """Try `examples` histories of at most `steps` rules. `folder`: an empty one."""
    monkeypatch.setattr(Releases, "folder", str(folder))
    one_step_at_a_time(monkeypatch)
    chosen: Any = settings(
        max_examples=examples,
        stateful_step_count=steps,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),  # making a history shorter takes minutes
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Releases, settings=chosen)
    assert list(folder.iterdir()) == [], "a run wrote past its ports"
