"""Two writers of the artifact `shipmark-status`, whose requests a test takes in any order, with lost replies.

The writers are real, and the registry is one of the model of releases. A writer that pauses goes on only when the other
one is not about to write after its last read, since the pause is longer than that takes.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from release.control import Cancel
from release.effects.version_status import VersionStatuses, read_status
from release.errors import PartialError, Unreachable
from release.handler import Work
from release.oci import Manifest
from release.plan.model import Bindings
from release.plan.operands import PutStatus
from release.versions.status import STATUS_TAG, KnownStatus
from tests.support.releases.model_world import IMAGE, Repository, Stored

_WRITE, _PAUSE = f"put {STATUS_TAG}", "pause"
# How often a writer repeats a command that failed.
_MOST = 5


class _Turns:
    """Lets one writer at a time make its next request, in the order of `order`, and then in turns."""

    def __init__(self, order: Iterable[int]) -> None:
        self._order = itertools.chain(order, itertools.cycle((0, 1)))
        self._changed = threading.Condition()
        self._next: dict[int, str | None] = {
            0: "",
            1: "",
        }  # what each is about to do; "" until known, None at its end
        self._granted: int | None = None

    def take(self, who: int, what: str) -> None:
        """Wait until `who` may do `what`."""
        with self._changed:
            self._next[who] = what
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._granted == who)
            self._granted, self._next[who] = None, ""

    def end(self, who: int) -> None:
        with self._changed:
            self._next[who] = None
            self._changed.notify_all()

    def grant_all(self) -> None:
        """Grant one request after another until both writers have ended."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._granted is None and "" not in self._next.values())
                if set(self._next.values()) == {None}:
                    return
                who = next(self._order)
                what, other = self._next[who], self._next[1 - who]
                if what is None or (what == _PAUSE and other == _WRITE):
                    who = 1 - who
                self._granted = who
                self._changed.notify_all()


class _Registry(Repository):
    """The repository as one writer sees it. `lost`: which of its writes has no reply, and whether it was stored."""

    def __init__(self, content: Stored, take: Callable[[str], None], lost: tuple[int, bool] | None) -> None:
        super().__init__(IMAGE, content, take)
        self._take, self._lost, self._writes = take, lost, 0

    def open(self, target: str) -> _Registry:
        del target
        return self

    def put_blob(self, *given: Any, **options: Any) -> bool:
        self._take("put blob")
        return super().put_blob(*given, **options)

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        self._writes += 1
        is_lost = self._lost is not None and self._lost[0] == self._writes
        if self._lost is None or not is_lost or self._lost[1]:
            super().put_manifest(manifest, tag=tag)
        else:
            self._take(f"put {tag}")
        if is_lost:
            raise Unreachable("the reply was lost", hint="")


class _Pausing(Cancel):
    def __init__(self, take: Callable[[str], None]) -> None:
        super().__init__()
        self._take = take

    def wait(self, seconds: float) -> None:
        del seconds
        self._take(_PAUSE)


def told_after(
    statuses: Sequence[tuple[KnownStatus, ...]],
    order: Iterable[int],
    lost: Sequence[tuple[int, bool] | None] = (None, None),
) -> tuple[KnownStatus, ...]:
    """Let two writers put `statuses`, each repeating its command until it succeeds; return what the artifact tells.

    `order`: who makes the next request, 0 or 1. `lost`: see `_Registry`.
    """
    content, turns = Stored(), _Turns(order)
    failed: list[BaseException] = []

    def write(who: int) -> None:
        def take(what: str) -> None:
            turns.take(who, what)

        try:
            registry = _Registry(content, take, lost[who])
            handler = VersionStatuses(registry, cancel=_Pausing(take), jitter=lambda: 0.5)
            operands = PutStatus(target=IMAGE, statuses=statuses[who])
            work = Work(id="put-status", scope="app", operands=operands, bound=Bindings())
            if not _succeeds(handler, work, take):
                raise AssertionError(f"{_MOST} attempts of a writer failed")
        except BaseException as error:  # noqa: BLE001 - raised again where the threads are joined
            failed.append(error)
        finally:
            turns.end(who)

    threads = [threading.Thread(target=write, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    turns.grant_all()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return read_status(Repository(IMAGE, content, lambda what: None)).statuses


def _succeeds(handler: VersionStatuses, work: Work[PutStatus], take: Callable[[str], None]) -> bool:
    """Observe, act and observe again, as the runner does, until nothing is lacking."""
    for _ in range(_MOST):
        try:
            if not (seen := handler.observe(work)):
                return True
            handler.act(work, seen)
            if not handler.observe(work):
                return True
        except PartialError:
            take(_PAUSE)  # until somebody runs the command again
    return False
