"""The runner with a step kind of the test's own: survey, execution, kill in the middle, resumption by a new process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.environment import scrubbed

#: A small program with a step kind of its own: a page that is written in two halves, and an index of the pages.
SCRIPT = """
from __future__ import annotations

import json, os, sys, time

import release.runner
from release.control import Cancel
from release.plan.model import Bindings, Conflict, Done, Free, Operands, Phase, Plan, Slot, Step, binding
from release.runner import Runner
from release.events import NullSink
from release.handler import acting


class Page(Operands, frozen=True, kw_only=True):
    path: str
    text: object


class Pages:
    kind = Page

    def __init__(self, root):
        self.root = root

    def describe(self, operands):
        return f"write {operands.path}"

    def observe(self, work):
        try:
            with open(os.path.join(self.root, work.operands.path)) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def judge(self, work, seen):
        if seen is None:
            return Free(reason=self.describe(work.operands))
        if not isinstance(work.operands.text, Slot) and seen != work.operands.text:
            return Conflict(reason=f"{work.operands.path} holds {seen!r}")
        return Done(reason="written", bindings=binding(Slot(slot=f"page:{work.id}"), seen.upper()))

    def act(self, work, seen):
        path = os.path.join(self.root, work.operands.path)
        with open(path + ".part", "w") as file:
            file.write(work.operands.text[:3])
            file.flush()
            print(f"acting {work.id}", flush=True)
            sys.stdin.read()  # the test decides here whether this process lives on
            file.write(work.operands.text[3:])
        os.replace(path + ".part", path)
        return Bindings()


class Clock:
    def now(self):
        return time.time_ns() // 1_000_000

    def monotonic(self):
        return time.monotonic()


PLAN = Plan(
    purpose="pages",
    releases=(),
    phases=(Phase(name="write"), Phase(name="show", visible=True)),
    steps=(
        Step(id="one", kind="page", phase="write", operands=Page(path="one", text="first page")),
        Step(id="two", kind="page", phase="write", operands=Page(path="two", text="second page"), after=("one",)),
        Step(id="index", kind="page", phase="show", operands=Page(path="index", text=Slot(slot="page:two")),
             needs=("two",)),
    ),
)

mode, root = sys.argv[1:]
runner = Runner({"page": acting(Pages(root))}, clock=Clock(), sink=NullSink(), cancel=Cancel())
report = runner.survey(PLAN) if mode == "survey" else runner.execute(PLAN)
print(json.dumps({
    "states": {outcome.step.id: outcome.state for outcome in report.outcomes},
    "exit": 0 if report.error is None else report.error.exit_code,
    "runner": release.runner.__file__,
}))
"""


class Program:
    """The test script with its own step kind, run by an isolated interpreter in its own process."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "pages"
        self.root.mkdir()
        self._script = folder / "program.py"
        self._script.write_text(SCRIPT)
        self._env = scrubbed(folder)

    def start(self, mode: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", str(self._script), mode, str(self.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._env,
        )

    def run(self, mode: str) -> dict[str, Any]:
        with self.start(mode) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        document: dict[str, Any] = json.loads(out.splitlines()[-1])
        return document

    def kill_in(self, step: str) -> None:
        """Execute the plan, and SIGKILL the process while it carries out `step`."""
        with self.start("execute") as process:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == f"acting {step}\n"
            os.kill(process.pid, signal.SIGKILL)
            process.stdin.close()
            assert process.wait(20) == -signal.SIGKILL

    @property
    def files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted(self.root.iterdir())}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Give the program, with an empty folder to write to."""
    return Program(tmp_path)


def test_a_survey_of_steps_of_a_new_kind_changes_nothing(program: Program) -> None:
    surveyed = program.run("survey")
    assert surveyed["states"] == {"one": "free", "two": "free", "index": "free"}
    assert program.files == {}
    assert not Path(surveyed["runner"]).is_relative_to(program.root.parent)


def test_steps_of_a_new_kind_are_executed_and_found_done_by_the_next_process(program: Program) -> None:
    assert program.run("execute")["states"] == {"one": "made", "two": "made", "index": "made"}
    assert program.files == {"one": "first page", "two": "second page", "index": "SECOND PAGE"}
    assert program.run("execute")["states"] == {"one": "done", "two": "done", "index": "done"}
    assert program.run("survey")["states"] == {"one": "done", "two": "done", "index": "done"}


def test_a_step_of_a_new_kind_that_was_killed_in_the_middle_is_resumed(program: Program) -> None:
    program.kill_in("one")
    assert program.files == {"one.part": "fir"}
    assert program.run("survey")["states"] == {"one": "free", "two": "free", "index": "free"}
    resumed = program.run("execute")
    assert resumed == {**resumed, "states": {"one": "made", "two": "made", "index": "made"}, "exit": 0}
    assert program.files == {"one": "first page", "two": "second page", "index": "SECOND PAGE"}


def test_a_step_that_was_done_before_the_kill_is_found_done_by_the_next_process(program: Program) -> None:
    (program.root / "one").write_text("first page")
    program.kill_in("two")
    resumed = program.run("execute")
    assert resumed["states"] == {"one": "done", "two": "made", "index": "made"}
    assert program.files["index"] == "SECOND PAGE"


def test_a_conflict_of_a_step_of_a_new_kind_skips_the_next_phase(program: Program) -> None:
    (program.root / "one").write_text("somebody else's")
    refused = program.run("execute")
    assert refused["exit"] == 6
    assert refused["states"] == {"one": "conflict", "two": "made", "index": "skipped"}
    assert "index" not in program.files
