"""Runs steps concurrently in daemon threads; after a cancellation, it waits for running steps for 0.6 s at most."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

from release.control import Cancel
from release.plan.model import Step
from release.task_group import TaskGroup

# Steps that run at the same time. Steps mostly wait for a few registries, each of which gets at most 16 requests at
# once (`registry/hosts/host.py`), so more steps would only wait for one another.
_LIMIT = 8
# Seconds that cancelled steps get to report how they ended. More than the 0.4 s after which their child processes are
# killed, and little of the 4 s after which the process ends (`cli/signals.py`).
_GRACE = 0.6


class StepScheduler:
    """Runs steps in an order that respects their `needs` and `after`.

    `work` is called once for each step, after every step in its `needs` and `after` has ended; a cancelled run starts
    no further steps. `work` must not raise.
    """

    def __init__(self, work: Callable[[Step], None], cancel: Cancel) -> None:
        self._work = work
        self._cancel = cancel
        # Guards `_busy` and `_ended`; notified when a step ends and when the run is cancelled.
        self._turn = threading.Condition()
        self._ended: set[str] = set()
        self._busy = 0
        # The group does not get `cancel`: it would drop a step that `_busy` counts already, so that `_drain` would wait
        # `_GRACE` seconds for a step that never runs.
        self._group = TaskGroup(jobs=_LIMIT, name="step")

    def run(self, steps: Sequence[Step]) -> None:
        """Run `steps`, in the given order where `needs` and `after` leave a choice; return early if cancelled.

        Raises `Interrupted` if the run was cancelled before the call.
        """
        waiting = list(steps)
        here = {step.id for step in steps}
        with self._cancel.on_cancel(self._wake):
            while waiting and not self._cancel.tripped:
                step = self._next(waiting, here)
                if step is not None:
                    waiting.remove(step)
                    self._group.start(partial(self._one, step))
            self._drain()

    def _next(self, waiting: Sequence[Step], here: set[str]) -> Step | None:
        """The first step that may start now. If none may, wait until a step ends or the run is cancelled; return None.

        Raises `RuntimeError` if no step runs and none may start.
        """
        with self._turn:
            if self._busy < _LIMIT:
                for step in waiting:
                    if not (here.intersection(step.needs + step.after) - self._ended):
                        self._busy += 1
                        return step
            if not self._busy:
                raise RuntimeError(f"steps wait for one another: {', '.join(step.id for step in waiting)}")
            if not self._cancel.tripped:
                self._turn.wait()
            return None

    def _one(self, step: Step) -> None:
        try:
            self._work(step)
        finally:
            with self._turn:
                self._busy -= 1
                self._ended.add(step.id)
                self._turn.notify_all()

    def _drain(self) -> None:
        with self._turn:
            if not self._cancel.tripped:
                self._turn.wait_for(lambda: not self._busy or self._cancel.tripped)
            if self._cancel.tripped:
                self._turn.wait_for(lambda: not self._busy, timeout=_GRACE)

    def _wake(self) -> None:
        with self._turn:
            self._turn.notify_all()
