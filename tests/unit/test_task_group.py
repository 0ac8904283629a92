"""Calls in parallel threads: order of results, the first error, cancelling, and calls that never return."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from release.control import Cancel
from release.errors import Interrupted
from release.task_group import TaskGroup, run_all


def test_results_of_parallel_calls_come_in_the_order_of_the_calls() -> None:
    assert run_all([partial(str, n) for n in range(50)], jobs=4, cancel=Cancel()) == [
        str(n) for n in range(50)
    ]


def test_no_more_parallel_calls_than_jobs_run_at_once() -> None:
    lock, running, most = threading.Lock(), [0], [0]
    both = threading.Barrier(2)

    def work() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        both.wait(10)
        with lock:
            running[0] -= 1

    run_all([work] * 20, jobs=2, cancel=Cancel())
    assert most == [2]


def test_first_error_of_parallel_calls_is_raised_and_no_further_call_starts() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise ValueError("second")

    with pytest.raises(ValueError, match="second"):
        run_all([partial(work, number) for number in range(10)], jobs=1, cancel=Cancel())
    assert begun == [0, 1]


def test_call_that_is_added_to_a_stopped_task_group_is_never_run() -> None:
    group = TaskGroup(jobs=1, name="test", stop_at_error=True)
    with pytest.raises(ValueError, match="invalid literal"):
        group.start(partial(int, "x")).result()
    with pytest.raises(ValueError, match="invalid literal"):
        group.wait()
    ran: list[str] = []
    group.start(partial(ran.append, "late"))
    with pytest.raises(ValueError, match="invalid literal"):
        group.wait()
    assert ran == []


def test_cancelling_ends_the_wait_for_parallel_calls_that_hang() -> None:
    cancel, forever, begun = Cancel(), threading.Event(), threading.Barrier(3)

    def hang() -> None:
        begun.wait(10)
        forever.wait()

    def trip() -> None:
        begun.wait(10)
        cancel.trip(Interrupted("stop"))

    threading.Thread(target=trip, daemon=True).start()
    with pytest.raises(Interrupted, match="stop"):
        run_all([hang, hang, hang], jobs=2, cancel=cancel)
    forever.set()


def test_call_that_is_added_while_the_threads_of_a_task_group_end_is_run() -> None:
    group = TaskGroup(jobs=2, name="test")
    for number in range(2000):
        assert group.start(partial(int, number)).result() == number


def test_waiting_calls_of_a_dropped_task_group_never_start() -> None:
    group, go, begun = TaskGroup(jobs=1, name="test"), threading.Event(), threading.Event()
    ran: list[str] = []

    def first() -> None:
        begun.set()
        go.wait(10)

    group.start(first)
    begun.wait(10)
    group.start(partial(ran.append, "second"))
    group.drop()
    go.set()
    group.wait()
    assert ran == []


def test_error_in_a_task_group_that_does_not_stop_at_errors_is_raised_by_its_own_call_only() -> None:
    group = TaskGroup(jobs=1, name="test")
    failed, fine = group.start(partial(int, "x")), group.start(partial(int, "7"))
    group.wait()
    assert fine.result() == 7
    with pytest.raises(ValueError, match="invalid literal"):
        failed.result()


def test_threads_of_a_group_that_lingers_take_further_calls() -> None:
    group = TaskGroup(jobs=2, name="test", linger=10)
    threads = [group.start(threading.current_thread).result() for _ in range(20)]
    assert len(set(threads)) <= 2
    group.wait()  # does not wait for threads without a call


def test_as_many_threads_as_jobs_work_in_a_group_that_lingers() -> None:
    group = TaskGroup(jobs=3, name="test", linger=10)
    group.start(str).result()
    all_three = threading.Barrier(3)
    for call in [group.start(partial(all_three.wait, 10)) for _ in range(3)]:
        call.result()


def test_threads_of_a_group_end_when_nothing_comes_while_they_linger() -> None:
    group = TaskGroup(jobs=1, name="test", linger=0.001)
    first = group.start(threading.current_thread).result()
    first.join(10)
    assert not first.is_alive()
    assert group.start(threading.current_thread).result() is not first
