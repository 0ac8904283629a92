"""Runs calls in daemon threads, started in order, so that a call that hangs does not keep the process from exiting.

In a group with `stop_at_error`, a call that hangs delays the error of another call by 2 s at most. `run_all` with only
one call makes it in the calling thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from release.control import Cancel

T = TypeVar("T")

#: Seconds that running calls get to end after one has failed: a hanging socket must not delay the error.
_GRACE = 2.0


class Task(Generic[T]):
    """One call of a group."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._made: list[T] = []
        # Set after the result or the error is stored, so that `result` in another thread finds one of them.
        self._ended = threading.Event()
        self.error: BaseException | None = None

    @property
    def ended(self) -> bool:
        """Whether the call has returned or raised."""
        return self._ended.is_set()

    def run(self) -> None:
        """Make the call, in the calling thread, and store its result or error."""
        try:
            self._made.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that takes the result
            self.error = error
        finally:
            self._ended.set()

    def result(self) -> T:
        """Wait for the call; return its result, or raise its error. Waits for ever for a call that never starts."""
        self._ended.wait()
        if self.error is not None:
            raise self.error
        return self._made[0]


class TaskGroup:
    """Runs calls in threads named `name`, at most `jobs` at a time.

    No further call starts after the run is cancelled, nor, with `stop_at_error`, after one has failed. Threads end
    when no call is left to start, so a group needs no closing. `linger`: seconds that a thread waits for a further call
    before it ends, for groups of many short calls: starting a thread takes longer than waking one.
    """

    def __init__(
        self,
        *,
        jobs: int,
        name: str,
        cancel: Cancel | None = None,
        stop_at_error: bool = False,
        linger: float = 0.0,
    ) -> None:
        self._jobs = jobs
        self._name = name
        self._cancel = cancel or Cancel()
        self._stop_at_error = stop_at_error
        self._linger = linger
        # Guards the members below; notified by `start`, when a thread ends, after an error and by `Cancel`.
        self._turn = threading.Condition()
        self._waiting: deque[Task[Any]] = deque()
        self._running = 0  # threads with a call
        self._idle = 0  # threads that linger
        self._error: BaseException | None = None

    def start(self, work: Callable[[], T]) -> Task[T]:
        """Run `work` when fewer than `jobs` calls run.

        `work` never runs if an error or a cancellation stops the group, or `drop` removes the call, before its start.
        """
        task = Task(work)
        with self._turn:
            if self._error is not None:
                return task
            self._waiting.append(task)
            if len(self._waiting) <= self._idle:
                self._turn.notify_all()
            elif self._running + self._idle < self._jobs:
                self._running += 1
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
        return task

    def drop(self) -> None:
        """Remove the calls that have not started."""
        with self._turn:
            self._waiting.clear()

    def wait(self) -> None:
        """Wait until all calls have ended, and raise `Interrupted` at once when the run is cancelled.

        With `stop_at_error`, wait at most 2 s more after the first error, and raise it.
        """
        with self._cancel.on_cancel(self._wake), self._turn:
            self._turn.wait_for(lambda: not self._running or self._error or self._cancel.tripped)
            if self._error is not None:
                self._turn.wait_for(lambda: not self._running or self._cancel.tripped, timeout=_GRACE)
        self._cancel.check()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (task := self._next()) is not None:
            task.run()
            if self._stop_at_error and task.error is not None:
                self._stop(task.error)

    def _next(self) -> Task[Any] | None:
        # `start` holds this lock when it reads `_running`. So a new call is either taken by this thread, or `start`
        # sees that fewer threads run and starts one for it.
        with self._turn:
            if self._linger and not self._waiting:
                self._await_call()
            if self._waiting and not self._cancel.tripped:
                return self._waiting.popleft()
            self._running -= 1
            self._turn.notify_all()
            return None

    def _await_call(self) -> None:
        """Wait for a call, at most as long as threads linger. The caller holds `_turn`."""
        self._running -= 1
        self._idle += 1
        self._turn.notify_all()  # for `wait`
        self._turn.wait_for(lambda: self._waiting or self._cancel.tripped, timeout=self._linger)
        self._idle -= 1
        self._running += 1

    def _stop(self, error: BaseException) -> None:
        with self._turn:
            self._error = self._error or error
            self._waiting.clear()
            self._turn.notify_all()

    def _wake(self) -> None:
        with self._turn:
            self._turn.notify_all()


def run_all(tasks: Sequence[Callable[[], T]], *, jobs: int, cancel: Cancel) -> list[T]:
    """The results of `tasks`, in their order; `jobs` run at a time.

    After a failure no further task starts, running ones get 2 s to end, and the first error is raised. With two tasks
    or more, a cancelled run raises `Interrupted` at once; a single task runs in the calling thread to its end.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    group = TaskGroup(jobs=jobs, name="worker", cancel=cancel, stop_at_error=True)
    started = [group.start(task) for task in tasks]
    group.wait()
    return [task.result() for task in started]
