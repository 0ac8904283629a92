"""The memory of manifests and configs: each digest is read once, within a limit of bytes."""

from __future__ import annotations

import threading

import pytest

from release.registry.immutable import Immutable


def test_threads_that_need_one_digest_share_one_read() -> None:
    memory: Immutable[bytes] = Immutable(len)
    reads: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def read() -> bytes:
        reads.append("read")
        begun.set()
        assert go.wait(20)
        return b"bytes"

    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(memory.get("d", read))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(20)
    go.set()
    for thread in threads:
        thread.join()
    assert found == [b"bytes"] * 4
    assert reads == ["read"]


def test_a_failed_read_of_an_immutable_value_is_tried_again() -> None:
    memory: Immutable[bytes] = Immutable(len)

    def fail() -> bytes:
        raise ValueError

    with pytest.raises(ValueError):
        memory.get("d", fail)
    assert memory.get("d", lambda: b"bytes") == b"bytes"


def test_a_deleted_value_is_read_again() -> None:
    memory: Immutable[bytes] = Immutable(len)
    memory.keep("d", b"old")
    memory.forget("d")
    assert memory.get("d", lambda: b"new") == b"new"


def test_the_least_recently_used_values_are_dropped_beyond_the_limit() -> None:
    memory: Immutable[int] = Immutable(lambda value: value * 1024 * 1024)
    for name in ("a", "b", "c"):
        memory.keep(name, 5)
    memory.get("a", lambda: 0)
    memory.keep("d", 5)
    assert [memory.get(name, lambda: 0) for name in ("a", "c", "d")] == [5, 5, 5]
    assert memory.get("b", lambda: 0) == 0
