"""The runner with step kinds of the tests' own: it knows phases, cancellation and the report, and no step kind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import PartialError, RefusedError, Terminated, Unreachable
from release.events import Event
from release.handler import World
from release.plan.model import Conflict, Done, Free, Judgement, Operands, Phase, Plan, Slot, Step, Unknown
from release.runner import Runner
from tests.support.releases.worlds import world

PHASES = (
    Phase(name="before"),
    Phase(name="hidden"),
    Phase(name="shown", visible=True),
    Phase(name="last", visible=True),
)


class File(Operands, frozen=True, kw_only=True):
    """A file that should hold some text."""

    path: str
    text: str | Slot


class Files:
    """`file`: writes a file; Done when it is there. `stop`: called in the middle of acting."""

    def __init__(self, stop: Callable[[Step], object] = lambda step: None) -> None:
        self.stop = stop
        self.acted: list[str] = []

    def describe(self, step: Step) -> str:
        return f"write {step.operands.path}"  # type: ignore[attr-defined]

    def observe(self, step: Step, world: World) -> str | None:
        path = Path(step.operands.path)  # type: ignore[attr-defined]
        return path.read_text() if path.exists() else None

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: str | None) -> Judgement:
        if observation is None:
            return Free(reason=self.describe(step))
        if observation != step.operands.text:  # type: ignore[attr-defined]
            return Conflict(reason=f"{step.id} holds {observation!r}")
        return Done(reason="written", bindings={f"read:{step.id}": observation})

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        self.acted.append(step.id)
        self.stop(step)
        Path(step.operands.path).write_text(step.operands.text)  # type: ignore[attr-defined]
        return {}


def file_step(folder: Path, name: str, phase: str = "hidden", text: str | Slot = "x", **more: Any) -> Step:
    return Step(id=name, kind="file", phase=phase, operands=File(path=str(folder / name), text=text), **more)


def plan(*steps: Step) -> Plan:
    return Plan(purpose="test", releases=(), phases=PHASES, steps=steps)


def states(report: Any) -> dict[str, str]:
    return {outcome.step.id: outcome.state for outcome in report.outcomes}


def test_a_survey_changes_nothing_and_lists_the_steps_that_a_run_reports(tmp_path: Path) -> None:
    whole = plan(file_step(tmp_path, "a"), file_step(tmp_path, "b", "shown"))
    files = Files()
    runner = Runner({"file": files}, world())
    survey = runner.survey(whole)
    assert states(survey) == {"a": "free", "b": "free"}
    assert files.acted == []
    assert list(tmp_path.iterdir()) == []
    assert [outcome.step.id for outcome in runner.execute(whole).outcomes] == ["a", "b"]


def test_a_second_run_finds_everything_done(tmp_path: Path) -> None:
    whole = plan(file_step(tmp_path, "a"), file_step(tmp_path, "b", "shown"))
    runner = Runner({"file": Files()}, world())
    assert states(runner.execute(whole)) == {"a": "made", "b": "made"}
    again = runner.execute(whole)
    assert states(again) == {"a": "done", "b": "done"}
    assert not again.acted


def test_a_slot_is_filled_by_the_step_before(tmp_path: Path) -> None:
    whole = plan(file_step(tmp_path, "a", text="one"), file_step(tmp_path, "b", "shown", Slot(slot="read:a")))
    report = Runner({"file": Files()}, world()).execute(whole)
    assert report.error is None
    assert (tmp_path / "b").read_text() == "one"


def test_a_phase_waits_for_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("something else")
    files = Files()
    report = Runner({"file": files}, world()).execute(
        plan(file_step(tmp_path, "a", "before"), file_step(tmp_path, "b", "shown"))
    )
    assert states(report) == {"a": "conflict", "b": "skipped"}
    assert isinstance(report.error, RefusedError)
    assert report.error.exit_code == 6
    assert files.acted == []


def test_a_failure_after_something_is_visible_is_partial(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("something else")
    report = Runner({"file": Files()}, world()).execute(
        plan(file_step(tmp_path, "b", "shown"), file_step(tmp_path, "c", "last"))
    )
    assert states(report) == {"b": "made", "c": "conflict"}
    assert isinstance(report.error, PartialError)
    assert report.error.exit_code == 7


def test_an_optional_step_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("something else")
    report = Runner({"file": Files()}, world()).execute(
        plan(
            file_step(tmp_path, "a", required=False),
            file_step(tmp_path, "needs-a", "shown", needs=("a",)),
            file_step(tmp_path, "b", "shown"),
        )
    )
    assert states(report) == {"a": "conflict", "needs-a": "skipped", "b": "made"}
    assert report.error is None


def test_what_the_world_says_afterwards_decides_not_what_the_call_raised(tmp_path: Path) -> None:
    def write_then_lose_the_reply(step: Step) -> None:
        Path(step.operands.path).write_text("x")  # type: ignore[attr-defined]
        raise Unreachable("the reply was lost")

    report = Runner({"file": Files(write_then_lose_the_reply)}, world()).execute(
        plan(file_step(tmp_path, "a"))
    )
    assert states(report) == {"a": "made"}
    assert report.error is None


def test_a_failed_act_keeps_its_own_error(tmp_path: Path) -> None:
    def fail(step: Step) -> None:
        raise Unreachable("no route")

    report = Runner({"file": Files(fail)}, world()).execute(plan(file_step(tmp_path, "a")))
    assert states(report) == {"a": "failed"}
    assert report.error is not None
    assert report.error.exit_code == 5


def test_an_observation_that_fails_is_unknown_and_never_free(tmp_path: Path) -> None:
    class Blind(Files):
        def observe(self, step: Step, world: World) -> str | None:
            raise Unreachable("timed out")

    files = Blind()
    report = Runner({"file": files}, world()).execute(plan(file_step(tmp_path, "a")))
    assert states(report) == {"a": "unknown"}
    assert files.acted == []


def test_a_judgement_of_unknown_stops_the_step() -> None:
    class Doubting(Files):
        def judge(self, step: Step, bindings: Mapping[str, Any], observation: str | None) -> Judgement:
            return Unknown(reason="cannot tell")

    report = Runner({"file": Doubting()}, world()).execute(plan(file_step(Path("/nowhere"), "a")))
    assert states(report) == {"a": "unknown"}
    assert report.error is not None
    assert report.error.exit_code == 5


def test_a_run_that_nobody_watches_any_more_goes_on(tmp_path: Path) -> None:
    class Gone:
        def emit(self, event: Event) -> None:
            raise BrokenPipeError

    steps = (file_step(tmp_path, "a"), file_step(tmp_path, "b", "shown", needs=("a",)))
    report = Runner({"file": Files()}, world(sink=Gone())).execute(plan(*steps))
    assert states(report) == {"a": "made", "b": "made"}
    assert report.error is None


def test_what_a_step_needs_may_have_been_left_out_of_the_plan_but_not_have_failed(tmp_path: Path) -> None:
    left_out = file_step(tmp_path, "b", "shown", needs=("done long ago",))
    assert states(Runner({"file": Files()}, world()).execute(plan(left_out))) == {"b": "made"}
    report = Runner({"file": Files()}, world()).execute(
        plan(file_step(tmp_path, "later", "last"), file_step(tmp_path, "c", "shown", needs=("later",)))
    )
    assert states(report)["c"] == "skipped"


def test_a_defect_in_a_handler_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    def defect(step: Step) -> None:
        if step.id == "a":
            raise ZeroDivisionError

    report = Runner({"file": Files(defect)}, world()).execute(
        plan(file_step(tmp_path, "a"), file_step(tmp_path, "b"))
    )
    assert states(report) == {"a": "failed", "b": "made"}
    assert report.error is not None
    assert report.error.exit_code == 1


@pytest.mark.parametrize("order", [("after",), ("needs",)])
def test_steps_of_one_phase_keep_their_order(tmp_path: Path, order: tuple[str]) -> None:
    files = Files()
    before: list[dict[str, Any]] = [{order[0]: (str(number - 1),)} for number in range(1, 6)]
    chained = [file_step(tmp_path, str(number), **more) for number, more in enumerate(before, 1)]
    steps = [file_step(tmp_path, "0"), *chained]
    Runner({"file": files}, world()).execute(plan(*reversed(steps)))
    assert files.acted == ["0", "1", "2", "3", "4", "5"]


def test_independent_steps_run_side_by_side(tmp_path: Path) -> None:
    meeting = threading.Barrier(4, timeout=20)
    report = Runner({"file": Files(lambda step: meeting.wait())}, world()).execute(
        plan(*(file_step(tmp_path, str(number)) for number in range(4)))
    )
    assert set(states(report).values()) == {"made"}


def test_cancelling_ends_a_step_that_hangs_and_starts_no_other(tmp_path: Path) -> None:
    cancel = Cancel()
    hanging = threading.Event()

    def hang(step: Step) -> None:
        hanging.set()
        threading.Event().wait(60)

    def stop() -> None:
        if hanging.wait(20):
            cancel.trip(Terminated("stopped"))

    threading.Thread(target=stop, daemon=True).start()
    report = Runner({"file": Files(hang)}, world(cancel=cancel)).execute(
        plan(file_step(tmp_path, "a"), file_step(tmp_path, "b", "shown"))
    )
    assert isinstance(report.error, Terminated)
    assert report.error.exit_code == 143
    assert states(report) == {"a": "skipped", "b": "skipped"}
    assert list(tmp_path.iterdir()) == []
