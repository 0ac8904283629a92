"""`TagReader`: which reads of a tag share one request, which send a new one, and which run concurrently."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from release.effects.tag_reader import TagReader
from release.errors import Unreachable
from release.oci import OCI_MANIFEST, Descriptor

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


class Repository:
    """Registry repository with the tags `held`, which records every request. `before`: called with each request."""

    name = "registry.example/app"

    def __init__(self, before: Callable[[str], object] = lambda reference: None) -> None:
        self.held: dict[str, str] = {}
        self.asked: list[str] = []
        self._before = before

    def resolve(self, reference: str) -> Descriptor | None:
        self.asked.append(reference)
        self._before(reference)
        digest = self.held.get(reference)
        return None if digest is None else Descriptor(media_type=OCI_MANIFEST, digest=digest, size=2)

    def tags(self) -> tuple[str, ...]:
        self.asked.append("list")
        self._before("list")
        return tuple(self.held)


class Clock:
    """A clock that tests set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tags(clock: Clock) -> TagReader:
    return TagReader(clock)


def test_one_answer_about_a_tag_serves_its_reads_of_the_next_five_seconds(
    tags: TagReader, clock: Clock
) -> None:
    repository: Any = Repository()
    repository.held["1.4"] = DIGEST
    for clock.now in (0.0, 4.0, 6.0):
        found = tags.resolve(repository, "1.4")
        assert found is not None
        assert found.digest == DIGEST
    assert repository.asked == ["1.4", "1.4"]


def test_the_manifest_of_a_tag_that_was_just_read_is_not_requested(tags: TagReader) -> None:
    repository: Any = Repository()
    repository.held["1.4"] = DIGEST
    tags.resolve(repository, "1.4")
    found = tags.resolve(repository, DIGEST)
    assert found is not None
    assert repository.asked == ["1.4"]


def test_a_tag_is_read_again_before_it_is_written_and_after(tags: TagReader) -> None:
    repository: Any = Repository()
    tags.resolve(repository, "1.4")
    repository.held["1.4"] = OTHER
    found = tags.right_before(repository, "1.4")
    assert found is not None
    assert found.digest == OTHER
    repository.held["1.4"] = DIGEST
    tags.forget(repository, "1.4")
    found = tags.resolve(repository, "1.4")
    assert found is not None
    assert found.digest == DIGEST


def test_a_tag_is_read_again_before_it_is_written_if_the_first_read_took_a_second(
    tags: TagReader, clock: Clock
) -> None:
    """The registry has answered `free`; before the answer is seen, another run takes the tag."""

    def stopped(reference: str) -> None:
        del reference
        if len(repository.asked) == 1:
            clock.now += 1.0

    repository: Any = Repository(stopped)

    class Taken(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            return OTHER if len(repository.asked) > 1 else default

    repository.held = Taken()
    found = tags.right_before(repository, "1.4.2")
    assert found is not None
    assert found.digest == OTHER
    assert repository.asked == ["1.4.2", "1.4.2"]


def test_a_tag_of_a_slow_registry_is_read_at_most_twice_before_it_is_written(
    tags: TagReader, clock: Clock
) -> None:
    def slow(reference: str) -> None:
        del reference
        clock.now += 1.0

    repository: Any = Repository(slow)
    assert tags.right_before(repository, "1.4.2") is None
    assert repository.asked == ["1.4.2", "1.4.2"]


def test_tags_and_their_list_are_read_concurrently(tags: TagReader) -> None:
    everyone = threading.Barrier(4)
    repository: Any = Repository(lambda reference: everyone.wait(20))
    tags.ahead(repository, ("1.4.2", "1.4", "1"), listing=True)
    assert sorted(repository.asked) == ["1", "1.4", "1.4.2", "list"]
    assert tags.listing(repository) == ()
    assert len(repository.asked) == 4


def test_an_error_of_a_read_ahead_is_raised_when_the_tag_is_resolved(tags: TagReader) -> None:
    def refuse(reference: str) -> None:
        raise Unreachable(f"no {reference}")

    repository: Any = Repository(refuse)
    tags.ahead(repository, ("1.4",))
    with pytest.raises(Unreachable, match=r"no 1\.4"):
        tags.resolve(repository, "1.4")
    assert repository.asked == ["1.4"]
