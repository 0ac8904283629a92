"""Progress lines and bars of long steps, and the order of listed tags."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from release.app.images.list_tags import by_version
from release.cli.output.progress import SMALL, Heartbeat, Transfers, shows_bars
from release.cli.output.sizes import size_text
from release.events import Event, Note, Output, Progress, StepEvent

MB = 1_000_000


class Lines:
    """Event sink that keeps its events and lets a test wait until enough have come."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._came = threading.Condition()

    def emit(self, event: Event) -> None:
        with self._came:
            self.events.append(event)
            self._came.notify_all()

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Note)]

    def wait(self, enough: Callable[[list[str]], bool]) -> list[str]:
        with self._came:
            assert self._came.wait_for(lambda: enough(self.notes), timeout=20), self.notes
            return self.notes


class Clock:
    """A clock whose time the test sets."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (63_249_000, "63.2 MB"),
        (999_960, "1.0 MB"),
        (2_100_000_000, "2.1 GB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_size_text_uses_decimal_units(count: float, text: str) -> None:
    assert size_text(count) == text


def test_transfers_sum_up_blobs_bytes_and_speed() -> None:
    clock = Clock()
    transfers = Transfers(clock)
    idle = not transfers.busy  # a name: mypy would take the property's value for constant
    assert idle
    assert not transfers.take(Progress(label="a", done=1 * MB, total=4 * MB))
    clock.time = 2.0
    assert transfers.take(Progress(label="b", done=5 * MB, total=5 * MB))
    assert not transfers.take(Progress(label="b", done=5 * MB, total=5 * MB))
    assert str(transfers) == "6.0 MB of 9.0 MB, 1 of 2 blobs, 3.0 MB/s"
    assert transfers.busy
    transfers.take(Progress(label="a", done=4 * MB, total=4 * MB))
    assert not transfers.busy


def test_transfer_that_starts_again_is_counted_once_with_its_new_progress() -> None:
    transfers = Transfers(Clock())
    for done in (3 * MB, 1 * MB):
        transfers.take(Progress(label="a", done=done, total=4 * MB))
    assert str(transfers).startswith("1.0 MB of 4.0 MB, 0 of 1 blobs")


class TestHeartbeat:
    def test_heartbeat_prints_a_line_for_a_completed_large_blob_only(self) -> None:
        lines = Lines()
        beat = Heartbeat(lines, now=Clock())
        for done in (MB, 2 * MB):
            beat.emit(Progress(label="3f2a9c1b7d40", done=done, total=2 * MB))
        beat.emit(Progress(label="000000000000", done=SMALL - 1, total=SMALL - 1))
        assert lines.notes == ["moved 3f2a9c1b7d40  2.0 MB"]

    def test_long_step_is_reported_regularly_until_it_ends(self) -> None:
        lines = Lines()
        beat = Heartbeat(lines, now=_monotonic(), interval=0.02)
        beat.emit(StepEvent(step="obtain:app", state="started"))
        said = lines.wait(lambda notes: len(notes) >= 2)
        assert all(text.startswith("still at it: `obtain:app` for ") for text in said)
        beat.emit(StepEvent(step="obtain:app", state="done"))
        _no_heartbeat_thread()

    def test_heartbeat_reports_transferred_bytes_and_speed(self) -> None:
        lines = Lines()
        beat = Heartbeat(lines, now=_monotonic(), interval=0.02)
        beat.emit(Progress(label="a", done=MB, total=4 * MB))
        (first, *_) = lines.wait(lambda notes: len(notes) >= 1)
        assert first.startswith("still at it: 1.0 MB of 4.0 MB, 0 of 1 blobs, ")
        assert first.endswith("/s")
        beat.emit(Progress(label="a", done=4 * MB, total=4 * MB))
        _no_heartbeat_thread()

    def test_heartbeat_ends_with_the_step_of_a_failed_transfer(self) -> None:
        lines = Lines()
        beat = Heartbeat(lines, now=_monotonic(), interval=60)
        beat.emit(StepEvent(step="content", state="started"))
        beat.emit(Progress(label="a", done=MB, total=4 * MB))
        beat.emit(StepEvent(step="content", state="failed"))
        _no_heartbeat_thread()

    def test_output_of_a_program_delays_the_next_heartbeat(self) -> None:
        clock, lines = Clock(), Lines()
        beat = Heartbeat(lines, now=clock, interval=30)
        beat.emit(StepEvent(step="obtain:app", state="started"))
        clock.time = 29.0
        beat.emit(Output(source="build", line="step 3"))
        assert beat._last == 29.0
        beat.emit(StepEvent(step="obtain:app", state="done"))
        _no_heartbeat_thread()
        assert lines.notes == []

    def test_heartbeat_passes_every_event_on(self) -> None:
        lines = Lines()
        beat = Heartbeat(lines, now=Clock())
        events: list[Event] = [Note(level="info", text="x"), Output(source="s", line="l")]
        for event in events:
            beat.emit(event)
        assert lines.events == events


def _monotonic() -> Callable[[], float]:
    import time

    return time.monotonic


def _no_heartbeat_thread() -> None:
    for thread in threading.enumerate():
        if thread.name == "heartbeat":
            thread.join(timeout=20)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    ("env", "system"), [({"TERM": "dumb"}, "none"), ({}, "none"), ({"TERM": "xterm"}, "github")]
)
def test_progress_bars_are_not_shown_in_ci_or_without_a_terminal(env: dict[str, str], system: str) -> None:
    assert not shows_bars(env, system)


def test_tags_are_listed_from_the_highest_version_and_others_after_them() -> None:
    tags = ["a", "1.9.0", "1.10.0", "1.10.0-rc.2", "1.10.0-rc.10", "1.10.0_r2", "1.10.0_r10", "B", "1"]
    assert by_version(tags) == [
        "1.10.0_r10",
        "1.10.0_r2",
        "1.10.0",
        "1.10.0-rc.10",
        "1.10.0-rc.2",
        "1.9.0",
        "1",
        "B",
        "a",
    ]
