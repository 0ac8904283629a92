"""A step kind that only exists in this test: the application surveys, executes and records it like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.app.handlers import handlers
from release.app.releases import execute as execution
from release.app.releases.release_sources import at_own_targets
from release.app.session import Session
from release.app.workspace import open_workspace
from release.errors import PartialError, Unreachable
from release.handler import Work, acting
from release.plan.model import Bindings, Done, Free, Judgement, Operands, Phase, Plan, Slot, Step, binding
from release.plan.outcome import Report
from release.plan.steps import StepMaker, check_log
from tests.support.releases.git import GitRepo

KEY = "a" * 64
PHASES = (Phase(name="preflight"), Phase(name="stamped", visible=True), Phase(name="recorded", visible=True))


class Stamp(Operands, frozen=True, kw_only=True):
    """Operands of a `stamp` step: a file, and the text to write into it."""

    path: str
    text: str


def stamp_of(step_id: str) -> Slot[str]:
    """Return the slot that the step `step_id` fills with the text of its stamp."""
    return Slot(slot=f"stamp:{step_id}")


class Stamps:
    """The handler of `stamp` steps."""

    kind = Stamp

    def describe(self, operands: Stamp) -> str:
        return f"stamp {operands.path}"

    def observe(self, work: Work[Stamp]) -> str | None:
        path = Path(work.operands.path)
        return path.read_text() if path.exists() else None

    def judge(self, work: Work[Stamp], seen: str | None) -> Judgement:
        if seen is None:
            return Free(reason=self.describe(work.operands))
        return Done(reason="stamped", bindings=binding(stamp_of(work.id), seen))

    def act(self, work: Work[Stamp], seen: str | None) -> Bindings:
        if not work.operands.text:
            raise Unreachable("the stamp is out of ink")
        Path(work.operands.path).write_text(work.operands.text)
        return Bindings()


@pytest.fixture
def workspace(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Session:
    """Give a workspace whose table of handlers has the step kind `stamp`."""

    def with_stamps(*ports: Any, **more: Any) -> dict[str, Any]:
        return {**handlers(*ports, **more), "stamp": acting(Stamps())}

    monkeypatch.setattr(execution, "handlers", with_stamps)
    git_repo.commit("first", files={"shipmark.yml": "image: oci:dist/image\n", ".gitignore": "dist/\n"})
    env = {**git_repo.env, "SHIPMARK_CACHE_DIR": str(tmp_path / "cache")}
    return open_workspace(str(git_repo.path), env=env, ci="none")


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """Give a function that makes a plan which stamps files, and records what the first stamp says."""

    def make(*texts: str) -> Plan:
        stamps = [
            Step(
                id=f"stamp:{number}",
                kind="stamp",
                phase="stamped",
                operands=Stamp(path=str(tmp_path / f"stamp{number}"), text=text),
                after=(f"stamp:{number - 1}",) if number else (),
            )
            for number, text in enumerate(texts)
        ]
        common = {"project": "acme/app", "release": KEY}
        note = StepMaker(common=common).record("note", "recorded", {"text": stamp_of("stamp:0")})
        return Plan(purpose="stamp", releases=(), phases=PHASES, steps=(check_log(), *stamps, note))

    return make


def states(report: Report) -> dict[str, str]:
    return {outcome.step.id: outcome.state for outcome in report.outcomes}


def kinds(workspace: Session) -> list[str]:
    return [entry.kind for entry in workspace.log.entries()]


def test_a_new_step_kind_is_surveyed_and_executed(workspace: Session, plan_of: Callable[..., Plan]) -> None:
    plan, releases = plan_of("today"), at_own_targets(workspace)
    assert states(execution.survey(workspace, plan, releases)) == {
        "check:log": "done",
        "stamp:0": "free",
        "record:note": "free",
    }
    report = execution.execute(workspace, plan, releases)
    assert report.error is None
    assert states(report) == {"check:log": "done", "stamp:0": "made", "record:note": "made"}
    (entry,) = workspace.log.entries()
    assert (entry.kind, entry.fields["text"]) == ("note", "today")
    again = execution.execute(workspace, plan, releases)
    assert set(states(again).values()) == {"done"}
    assert kinds(workspace) == ["note"]


def test_an_offline_preview_shows_a_step_of_a_new_kind_as_free_and_not_asked(
    workspace: Session, plan_of: Callable[..., Plan]
) -> None:
    report = execution.survey(workspace, plan_of("today"), at_own_targets(workspace), connected=False)
    stamp = report.outcome("stamp:0")
    assert stamp is not None
    assert stamp.state == "free"
    assert stamp.reason.endswith("(registry not asked)")


def test_the_failure_of_a_step_of_a_new_kind_is_recorded_as_failed(
    workspace: Session, plan_of: Callable[..., Plan]
) -> None:
    report = execution.execute(workspace, plan_of("today", ""), at_own_targets(workspace))
    assert isinstance(report.error, PartialError)
    assert states(report)["record:note"] == "skipped"
    # Written by a writer of its own, so read from the store.
    *_, end = (entry.fields for entry in workspace.log.store.read())
    assert (end["kind"], end["release"], end["error"]["step"]) == ("failed", KEY, "stamp:1")
