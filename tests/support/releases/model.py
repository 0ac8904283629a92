"""Runs of `shipmark run` that move one port call at a time, and can be killed at each.

The application's code is the real one, from `release.app.releases.run.run` down; only the world behind its ports is a
model (`model_world`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from release.app.releases.request import RunRequest
from release.app.releases.results import RunResult
from release.app.releases.run import run
from release.app.session import Session
from release.app.settings import Settings
from release.errors import Interrupted, ReleaseError
from release.plan.release_key import release_key
from tests.support.releases.model_world import IMAGE, Machine, Stored, World, commit_of


class Dead(Interrupted):
    """Raised in the thread of a `Run` that is killed, to end the thread."""


class Run:
    """One `shipmark run` for `version` on `machine`, in a thread that makes port calls only when a test lets it.

    `folder`: the run's working directory; what is in it stays as it is. `before`: what the fixed tag of a version has
    in front of it by the configuration there.
    """

    def __init__(
        self, number: int, version: str, machine: Machine, registry: Stored, folder: str, *, before: str = ""
    ) -> None:
        self.version = version
        self._primary = f"{before}{version}"
        self.machine = machine
        self.result: RunResult | None = None
        self.error: ReleaseError | None = None
        self.failure: BaseException | None = None
        self.ports = World(version, f"attempt-{number}", machine, registry, self._turn, self._planned_before)
        self._folder = folder
        self._turns = threading.Condition()
        self._granted = self._ended = self._dead = False
        self._waiting = 0  # threads that wait for a turn: an image is copied by several
        self._next = ""  # what it does when it may move
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def key(self) -> str:
        """Return the key of the release that the run makes."""
        return release_key(IMAGE, commit_of(self.version), self._primary)

    @property
    def ended(self) -> bool:
        """Return whether the run has ended or was killed."""
        with self._turns:
            return self._ended

    @property
    def code(self) -> int | None:
        """Return the run's exit code; None while it runs, and for a killed run."""
        if self.error is not None:
            return int(self.error.exit_code)
        return None if self.result is None else self.result.report.exit_code

    def advance(self, calls: int) -> None:
        """Let the run make `calls` port calls."""
        for _ in range(calls):
            with self._turns:
                self._await(lambda: self._waiting > 0 or self._ended)
                if self._ended:
                    return
                self._granted = True
                self._turns.notify_all()
                self._await(lambda: (self._waiting > 0 and not self._granted) or self._ended)

    def advance_to(self, what: str) -> None:
        """Continue until the run is about to call `what`, or to its end. `put`: any manifest's, `put 1`: tag 1's."""
        while True:
            self.advance(1)
            with self._turns:
                if self._ended or f"{self._next} ".startswith(f"{what} "):
                    return

    def finish(self) -> None:
        """Let the run continue to its end."""
        while not self.ended:
            self.advance(50)
        self._thread.join(20)
        if self.failure is not None:
            raise self.failure

    def kill(self) -> None:
        """Kill the run before the port call at which it waits."""
        with self._turns:
            self._await(lambda: self._waiting > 0 or self._ended)
            self._dead = True
            self._turns.notify_all()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _await(self, holds: Callable[[], bool]) -> None:
        assert self._turns.wait_for(holds, 20), "a run neither moves nor ends"

    def _turn(self, what: str) -> None:
        with self._turns:
            if not self._dead:
                self._next = what
                self._waiting += 1
                self._turns.notify_all()
                self._turns.wait_for(lambda: self._granted or self._dead)
                self._waiting -= 1
                self._granted = False
                self._turns.notify_all()
            if self._dead:
                raise Dead("killed")

    def _run(self) -> None:
        try:
            self._release()
        except Dead:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            self.failure = error
        finally:
            with self._turns:
                self._ended = True
                self._turns.notify_all()

    def _release(self) -> None:
        self._turn("ask")
        settings = Settings(directory=self._folder, ci="none", images=(IMAGE,))
        try:
            result = run(Session(settings, ports=self.ports), RunRequest())
        except Dead:
            raise
        except ReleaseError as error:
            self.error = error
            return
        self._turn("ask")
        self.result, self.error = result, result.error

    def _planned_before(self, tag: str, digest: str) -> None:
        """Require that the run's log contains the plan of a tag before the tag becomes visible."""
        kinds = [(entry.kind, entry.fields.get("release")) for entry in self.machine.log.read()]
        if ("planned", self.key) not in kinds:
            raise AssertionError(f"{tag} on {digest} without a plan in the log")


def _rank(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def highest(versions: set[str]) -> dict[str, str]:
    """Return which version each moving tag must end on after these versions are released."""
    wanted: dict[str, str] = {}
    for version in sorted(versions, key=_rank):
        major, minor, _ = version.split(".")
        wanted |= {f"{major}.{minor}": version, major: version, "latest": version}
    return wanted
