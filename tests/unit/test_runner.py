"""The runner of plans, with step kinds made for these tests: phases, cancellation, and the report."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import PartialError, RefusedError, Terminated, Unreachable
from release.events import Event, Sink
from release.handler import Work, acting, checking
from release.plan.model import (
    Bindings,
    Conflict,
    Done,
    Free,
    Judgement,
    Operands,
    Phase,
    Plan,
    Slot,
    Step,
    Unknown,
    binding,
)
from release.runner import Runner
from tests.support.releases.worlds import runner

PHASES = (
    Phase(name="before"),
    Phase(name="hidden"),
    Phase(name="shown", visible=True),
    Phase(name="last", visible=True),
)


class File(Operands, frozen=True, kw_only=True):
    """Operands of a step: a file and the text that the step writes."""

    path: str
    text: str | Slot[str]


def read_by(step_id: str) -> Slot[str]:
    """Return the slot that the step `step_id` fills with the text that it wrote."""
    return Slot(slot=f"read:{step_id}")


class Files:
    """Handler of `file` steps, which are done if the file exists; `stop` is called in the middle of a write."""

    kind = File

    def __init__(self, stop: Callable[[Work[File]], object] = lambda work: None) -> None:
        self.stop = stop
        self.acted: list[str] = []

    def describe(self, operands: File) -> str:
        return f"write {operands.path}"

    def observe(self, work: Work[File]) -> str | None:
        path = Path(work.operands.path)
        return path.read_text() if path.exists() else None

    def judge(self, work: Work[File], seen: str | None) -> Judgement:
        if seen is None:
            return Free(reason=self.describe(work.operands))
        if seen != work.operands.text:
            return Conflict(reason=f"{work.id} holds {seen!r}")
        return Done(reason="written", bindings=binding(read_by(work.id), seen))

    def act(self, work: Work[File], seen: str | None) -> Bindings:
        self.acted.append(work.id)
        self.stop(work)
        assert isinstance(work.operands.text, str)
        Path(work.operands.path).write_text(work.operands.text)
        return Bindings()


def running(files: Files, *, sink: Sink | None = None, cancel: Cancel | None = None) -> Runner:
    return runner({"file": acting(files)}, sink=sink, cancel=cancel)


def file_step(
    folder: Path, name: str, phase: str = "hidden", text: str | Slot[str] = "x", **more: Any
) -> Step:
    return Step(id=name, kind="file", phase=phase, operands=File(path=str(folder / name), text=text), **more)


def plan(*steps: Step) -> Plan:
    return Plan(purpose="test", releases=(), phases=PHASES, steps=steps)


def states(report: Any) -> dict[str, str]:
    return {outcome.step.id: outcome.state for outcome in report.outcomes}


def test_the_survey_of_a_plan_changes_nothing_and_lists_the_steps_that_a_run_reports(tmp_path: Path) -> None:
    whole = plan(file_step(tmp_path, "a"), file_step(tmp_path, "b", "shown"))
    files = Files()
    runner = running(files)
    survey = runner.survey(whole)
    assert states(survey) == {"a": "free", "b": "free"}
    assert files.acted == []
    assert list(tmp_path.iterdir()) == []
    assert [outcome.step.id for outcome in runner.execute(whole).outcomes] == ["a", "b"]


def test_a_second_run_of_a_plan_finds_everything_done(tmp_path: Path) -> None:
    whole = plan(file_step(tmp_path, "a"), file_step(tmp_path, "b", "shown"))
    runner = running(Files())
    assert states(runner.execute(whole)) == {"a": "made", "b": "made"}
    again = runner.execute(whole)
    assert states(again) == {"a": "done", "b": "done"}
    assert not again.acted


def test_slot_in_the_operands_of_a_step_is_filled_by_an_earlier_step(tmp_path: Path) -> None:
    whole = plan(file_step(tmp_path, "a", text="one"), file_step(tmp_path, "b", "shown", read_by("a")))
    report = running(Files()).execute(whole)
    assert report.error is None
    assert (tmp_path / "b").read_text() == "one"


def test_conflict_of_a_step_skips_the_steps_of_the_next_phase(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("something else")
    files = Files()
    report = running(files).execute(
        plan(file_step(tmp_path, "a", "before"), file_step(tmp_path, "b", "shown"))
    )
    assert states(report) == {"a": "conflict", "b": "skipped"}
    assert isinstance(report.error, RefusedError)
    assert report.error.exit_code == 6
    assert files.acted == []


def test_failed_step_after_a_visible_one_is_a_partial_error(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("something else")
    report = running(Files()).execute(
        plan(file_step(tmp_path, "b", "shown"), file_step(tmp_path, "c", "last"))
    )
    assert states(report) == {"b": "made", "c": "conflict"}
    assert isinstance(report.error, PartialError)
    assert report.error.exit_code == 7


def test_failed_optional_step_does_not_fail_the_run(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("something else")
    report = running(Files()).execute(
        plan(
            file_step(tmp_path, "a", required=False),
            file_step(tmp_path, "needs-a", "shown", needs=("a",)),
            file_step(tmp_path, "b", "shown"),
        )
    )
    assert states(report) == {"a": "conflict", "needs-a": "skipped", "b": "made"}
    assert report.error is None


def test_a_step_whose_effect_is_observed_is_made_although_its_call_failed(tmp_path: Path) -> None:
    def write_then_lose_the_reply(work: Work[File]) -> None:
        Path(work.operands.path).write_text("x")
        raise Unreachable("the reply was lost")

    report = running(Files(write_then_lose_the_reply)).execute(plan(file_step(tmp_path, "a")))
    assert states(report) == {"a": "made"}
    assert report.error is None


def test_a_step_that_leaves_nothing_behind_fails_with_a_hint(tmp_path: Path) -> None:
    class Forgetful(Files):
        def act(self, work: Work[File], seen: str | None) -> Bindings:
            super().act(work, seen)
            Path(work.operands.path).unlink()
            return Bindings()

    (outcome,) = running(Forgetful()).execute(plan(file_step(tmp_path, "a"))).outcomes
    assert outcome.state == "failed"
    assert "`a` ended without an error, but what it wrote cannot be read back" in outcome.reason
    assert outcome.error is not None
    assert "run the command again" in str(outcome.error.hint)


def test_the_error_of_a_failed_step_decides_the_exit_code(tmp_path: Path) -> None:
    def fail(work: Work[File]) -> None:
        raise Unreachable("no route")

    report = running(Files(fail)).execute(plan(file_step(tmp_path, "a")))
    assert states(report) == {"a": "failed"}
    assert report.error is not None
    assert report.error.exit_code == 5


def test_a_step_whose_state_cannot_be_observed_is_unknown_and_changes_nothing(tmp_path: Path) -> None:
    class Blind(Files):
        def observe(self, work: Work[File]) -> str | None:
            raise Unreachable("timed out")

    files = Blind()
    report = running(files).execute(plan(file_step(tmp_path, "a")))
    assert states(report) == {"a": "unknown"}
    assert files.acted == []


def test_a_step_judged_unknown_fails_the_run_with_the_exit_code_of_unreachable_registries() -> None:
    class Doubting(Files):
        def judge(self, work: Work[File], seen: str | None) -> Judgement:
            return Unknown(reason="cannot tell")

    report = running(Doubting()).execute(plan(file_step(Path("/nowhere"), "a")))
    assert states(report) == {"a": "unknown"}
    assert report.error is not None
    assert report.error.exit_code == 5


def test_a_run_goes_on_if_its_event_sink_fails(tmp_path: Path) -> None:
    class Gone:
        def emit(self, event: Event) -> None:
            raise BrokenPipeError

    steps = (file_step(tmp_path, "a"), file_step(tmp_path, "b", "shown", needs=("a",)))
    report = running(Files(), sink=Gone()).execute(plan(*steps))
    assert states(report) == {"a": "made", "b": "made"}
    assert report.error is None


def test_step_is_skipped_if_a_needed_step_failed_but_not_if_the_plan_lacks_it(tmp_path: Path) -> None:
    left_out = file_step(tmp_path, "b", "shown", needs=("done long ago",))
    assert states(running(Files()).execute(plan(left_out))) == {"b": "made"}
    report = running(Files()).execute(
        plan(file_step(tmp_path, "later", "last"), file_step(tmp_path, "c", "shown", needs=("later",)))
    )
    assert states(report)["c"] == "skipped"


def test_exception_in_a_handler_fails_its_step_and_keeps_other_outcomes(tmp_path: Path) -> None:
    def defect(work: Work[File]) -> None:
        if work.id == "a":
            raise ZeroDivisionError

    report = running(Files(defect)).execute(plan(file_step(tmp_path, "a"), file_step(tmp_path, "b")))
    assert states(report) == {"a": "failed", "b": "made"}
    assert report.error is not None
    assert report.error.exit_code == 1


@pytest.mark.parametrize("order", [("after",), ("needs",)])
def test_steps_of_one_phase_that_name_each_other_run_in_that_order(tmp_path: Path, order: tuple[str]) -> None:
    files = Files()
    before: list[dict[str, Any]] = [{order[0]: (str(number - 1),)} for number in range(1, 6)]
    chained = [file_step(tmp_path, str(number), **more) for number, more in enumerate(before, 1)]
    steps = [file_step(tmp_path, "0"), *chained]
    running(files).execute(plan(*reversed(steps)))
    assert files.acted == ["0", "1", "2", "3", "4", "5"]


def test_independent_steps_run_in_parallel(tmp_path: Path) -> None:
    meeting = threading.Barrier(4, timeout=20)
    report = running(Files(lambda work: meeting.wait())).execute(
        plan(*(file_step(tmp_path, str(number)) for number in range(4)))
    )
    assert set(states(report).values()) == {"made"}


def test_cancellation_does_not_wait_for_a_hanging_step_and_starts_no_other(tmp_path: Path) -> None:
    cancel = Cancel()
    hanging = threading.Event()

    def hang(work: Work[File]) -> None:
        hanging.set()
        threading.Event().wait(60)

    def stop() -> None:
        if hanging.wait(20):
            cancel.trip(Terminated("stopped"))

    threading.Thread(target=stop, daemon=True).start()
    report = running(Files(hang), cancel=cancel).execute(
        plan(file_step(tmp_path, "a"), file_step(tmp_path, "b", "shown"))
    )
    assert isinstance(report.error, Terminated)
    assert report.error.exit_code == 143
    assert states(report) == {"a": "skipped", "b": "skipped"}
    assert list(tmp_path.iterdir()) == []


def test_a_check_step_judged_free_is_a_defect_and_is_not_acted_on(tmp_path: Path) -> None:
    files = Files()
    table = {"file": checking(files)}
    report = runner(table).execute(plan(file_step(tmp_path, "a")))
    assert states(report) == {"a": "failed"}
    assert report.error is not None
    assert report.error.exit_code == 1
    assert "was judged free" in report.error.message
    assert files.acted == []


def test_a_step_with_the_operands_of_another_kind_fails_as_a_defect(tmp_path: Path) -> None:
    class Other(Operands, frozen=True, kw_only=True):
        pass

    step = Step(id="a", kind="file", phase="hidden", operands=Other())
    report = running(Files()).execute(plan(step))
    assert states(report) == {"a": "failed"}
    assert report.error is not None
    assert "Other" in report.error.message


def test_the_handler_that_carries_a_step_out_receives_the_observation_before_it(tmp_path: Path) -> None:
    seen: list[str | None] = []

    class Telling(Files):
        def act(self, work: Work[File], seen_: str | None) -> Bindings:
            seen.append(seen_)
            return super().act(work, seen_)

    assert states(running(Telling()).execute(plan(file_step(tmp_path, "a")))) == {"a": "made"}
    assert seen == [None]
