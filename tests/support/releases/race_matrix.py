"""Two adjacent releases at the same time, each stopped (SIGSTOP) at announced steps while the other goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from release.log import LogStore
from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo
from tests.support.releases.project import Project

LOWER, HIGHER = "1.4.2", "1.4.3"
_SECONDS = 120
# A process that is stopped while it holds the log's lock keeps the other waiting: it is let go on after this time.
_HELD_UP = 20
_REPOSITORY = re.compile(r"127\.0\.0\.1:\d+/acme/race\d+")


class Racer:
    """One run in its own clone. Announcements of steps (`--progress json`) are the points at which it can stop."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._text: list[bytes] = []

    def go_to(self, point: str | None) -> bool:
        """Read announcements until `point`, and stop the process there; return whether the point was reached."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._text.append(line)
            if point is not None and started(line) == point:
                os.kill(self._process.pid, signal.SIGSTOP)
                return True
        return False

    def go_on(self) -> None:
        """Let a stopped process continue."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)

    def finish(self) -> tuple[int, str]:
        """Let the process go on to its end; return its exit code and what it wrote to stderr."""
        self.go_on()
        self.go_to(None)
        return self._process.wait(_SECONDS), b"".join(self._text).decode()

    def steps(self) -> list[str]:
        """Return the steps that were announced so far, in order."""
        return [step for line in self._text if (step := started(line)) is not None]


def started(line: bytes) -> str | None:
    """Return the step whose start a line of `--progress json` announces; None for another line.

    `app` stands for the repository, which is another one in each race: `move:app:latest`.
    """
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("state") != "started" or "step" not in event:
        return None
    return _REPOSITORY.sub("app", str(event["step"]))


class RaceMatrix:
    """Races of v1.4.2 and v1.4.3, each race in a repository of its own.

    `log`: the log that all races share, as in the config, and `shared` is its store; None: a file for each race.
    """

    def __init__(
        self,
        project: Project,
        shipmark: Shipmark,
        folder: Path,
        log: Mapping[str, Any] | None = None,
        shared: LogStore | None = None,
    ) -> None:
        project.release_commit("v1.4.2")
        lower = project.repo.clone(folder / "lower")
        lower.checkout("v1.4.2")
        project.release_commit()
        higher = project.repo.clone(folder / "higher")
        higher.tag("v1.4.3")  # not on the remote: the lower run learns of 1.4.3 from log and registry only
        self._clones: dict[str, GitRepo] = {LOWER: lower, HIGHER: higher}
        self._project = project
        self._shipmark = shipmark
        self._folder = folder
        self._log = log
        self._shared = shared
        self._seen: list[dict[str, Any]] = []
        self._number = 0

    def points(self, version: str) -> list[str]:
        """Return the steps that a run of `version` announces when nothing is released yet."""
        run = self._start(version, self._place())
        code, text = run.finish()
        assert code == 0, text
        return run.steps()

    def race(self, stopped: str, at: str, until: str | None) -> list[str]:
        """Stop the run of version `stopped` at one step, run the other until step `until` or to its end, and go on.

        Returns what is wrong at the end.
        """
        place = self._place()
        other = HIGHER if stopped == LOWER else LOWER
        first = self._start(stopped, place)
        first.go_to(at)
        second = self._start(other, place)
        timer = threading.Timer(_HELD_UP, first.go_on)
        timer.start()
        second.go_to(until)
        timer.cancel()
        # The other may have been stopped while it held the log's lock: waiting for it for 30 s would rightly exit 7.
        timer = threading.Timer(_HELD_UP, second.go_on)
        timer.start()
        ends = [first.finish(), second.finish()]
        timer.cancel()
        return [
            *(f"exit {code}: {text[-600:]}" for code, text in ends if code != 0),
            *self._wrong(place),
            *self._unverified(place),
        ]

    def together(self, delay: float) -> list[str]:
        """Start the run of 1.4.2, and that of 1.4.3 `delay` seconds later, or earlier. Returns what is wrong."""
        place = self._place()
        starts = sorted([(0.0, LOWER), (delay, HIGHER)])
        racers = [self._start(starts[0][1], place)]
        time.sleep(abs(delay))
        racers.append(self._start(starts[1][1], place))
        with ThreadPoolExecutor(2) as pool:
            ends = list(pool.map(Racer.finish, racers))
        return [
            *(f"exit {code}: {text[-600:]}" for code, text in ends if code != 0),
            *self._wrong(place),
        ]

    def _start(self, version: str, place: Path) -> Racer:
        argv = ("run", "--progress", "json", "--config", str(place / "shipmark.yml"))
        return Racer(self._shipmark.start(*argv, cwd=self._clones[version].path))

    def _place(self) -> Path:
        self._number += 1
        place = self._folder / f"race{self._number}"
        place.mkdir()
        config = {
            "image": f"{self._project.registry.host}/acme/race{self._number}",
            "project": f"acme/race{self._number}",
            "build": {"builder": "layers", "args": {"VERSION": "{{version}}"}},
            "log": self._log or {"store": "file", "path": str(place / "log.jsonl")},
        }
        (place / "shipmark.yml").write_text(json.dumps(config))
        return place

    def _wrong(self, place: Path) -> Iterator[str]:
        tags = self._project.registry.tags(f"acme/{place.name}")
        for tag in ("1.4", "1", "latest"):
            if tags.get(tag) != tags.get(HIGHER):
                yield f"{tag} holds {tags.get(tag)}, and not {HIGHER}"
        held = _recorded(self._entries(place))
        for tag in ("1.4.2", "1.4.3", "1.4", "1", "latest"):
            if held.get(tag) != tags.get(tag):
                yield f"the log says that {tag} holds {held.get(tag)}, and it holds {tags.get(tag)}"

    def verify(self) -> list[str]:
        """Verify the log that all races share; return what is wrong."""
        return list(self._unverified(self._place()))

    def _unverified(self, place: Path) -> Iterator[str]:
        config = ("--config", str(place / "shipmark.yml"))
        verified = self._shipmark("log", "verify", *config, cwd=self._clones[LOWER].path)
        if verified.code != 0:
            yield f"log verify: {verified.stderr}"

    def _entries(self, place: Path) -> list[dict[str, Any]]:
        """Return the entries of this race, which stand behind those of earlier ones in a log that all share."""
        if self._shared is None:
            return [json.loads(line) for line in (place / "log.jsonl").read_text().splitlines()]
        new = [json.loads(entry.raw) for entry in self._shared.read(len(self._seen) - 1)]
        self._seen += new
        return [entry for entry in new if entry["project"] == f"acme/{place.name}"]


def _recorded(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the digest that a log says each tag holds, by the last entry that set it."""
    held: dict[str, Any] = {}
    for entry in entries:
        for tag in entry.get("tags", ()) if entry["kind"] in ("pushed", "moved") else ():
            if tag.get("digest") and tag.get("result") != "withheld":
                held[tag["name"]] = tag["digest"]
    return held


def race_all(
    matrix: RaceMatrix, rows: list[tuple[str, str, str | None]], say: Callable[[str], object] = print
) -> None:
    """Run the races of `rows`: the version that is stopped, its step, the step of the other. Fails with the wrong ones.

    Prints a line for each race.
    """
    wrong = []
    for stopped, at, until in rows:
        found = matrix.race(stopped, at, until)
        row = f"{stopped} stopped at {at}, the other run until {until or 'its end'}"
        say(f"{'wrong' if found else 'right'}  {row}")
        if found:
            wrong.append("\n".join([row, *found]))
    say(f"{len(rows)} races, {len(wrong)} wrong")
    assert not wrong, "\n\n".join(wrong)
