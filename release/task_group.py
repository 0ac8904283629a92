"""Runs a few tasks side by side in daemon threads: nothing waits for a thread that does not come back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from release.control import Cancel

T = TypeVar("T")
_GRACE = 2.0  # seconds that running tasks get to end after one has failed


def run_all(tasks: Sequence[Callable[[], T]], *, jobs: int, cancel: Cancel) -> list[T]:
    """The results of `tasks`, started in their order, `jobs` at a time.

    The first failure is raised, and no further task is started. Cancelling ends the wait at once.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    return _Batch(tasks, cancel).run(jobs)


class _Batch(Generic[T]):
    def __init__(self, tasks: Sequence[Callable[[], T]], cancel: Cancel) -> None:
        self._tasks = tasks
        self._cancel = cancel
        self._turn = threading.Condition()
        self._next = 0
        self._running = 0
        self._results: dict[int, T] = {}
        self._error: BaseException | None = None

    def run(self, jobs: int) -> list[T]:
        workers = min(jobs, len(self._tasks))
        self._running = workers
        with self._cancel.on_cancel(self._wake):
            for _ in range(workers):
                threading.Thread(target=self._work, name="registry-worker", daemon=True).start()
            with self._turn:
                self._turn.wait_for(lambda: self._running == 0 or self._error or self._cancel.tripped)
                if self._running:
                    self._turn.wait_for(lambda: self._running == 0 or self._cancel.tripped, timeout=_GRACE)
        self._cancel.check()
        if self._error is not None:
            raise self._error
        return [self._results[position] for position in range(len(self._tasks))]

    def _work(self) -> None:
        try:
            while (position := self._take()) is not None:
                result = self._tasks[position]()
                with self._turn:
                    self._results[position] = result
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            with self._turn:
                self._error = self._error or error
        finally:
            with self._turn:
                self._running -= 1
                self._turn.notify_all()

    def _take(self) -> int | None:
        with self._turn:
            if self._error is not None or self._cancel.tripped or self._next >= len(self._tasks):
                return None
            self._next += 1
            return self._next - 1

    def _wake(self) -> None:
        with self._turn:
            self._turn.notify_all()
