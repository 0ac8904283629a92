"""The kill matrix: kills a release at every counted effect, and checks how the next run ends.

One pass without a kill finds the effects: each writing request at the gate, and each change that the process makes on
its own machine (files, git calls). Then, for each point of a kill, a run in an empty registry repository is ended by
SIGKILL, and two next runs follow: `kept` on the same disk, `lost` from a fresh clone with the registry's state copied.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from release.control import Cancel
from release.log import Entry
from release.log.fold import fold
from release.log.stores.file.store import FileStore
from tests.support.parts import part_of
from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.releases.git import GitRepo

COUNTED = Path(__file__).with_name("counted.py")
PROJECT = "acme/app"
_NOISE = ("attempts", "planned_seq", "planned_at", "released_seq", "released_at", "last_seq")


class Point(NamedTuple):
    """The effect at which a run is killed, and when.

    `place`: `http` (a request) or `local` (a change on the machine); `number`: of the effect in its place, from 1.
    """

    place: str
    number: int
    when: str
    effect: str

    @property
    def label(self) -> str:
        """Return the kill point as a text of fixed width, for the table."""
        return f"{self.when:6} {self.place}#{self.number:<3} {self.effect}"


class State(NamedTuple):
    """The state after a release: the registry's tags, the folded log, kinds of log entries, statements on the image.

    `platforms`: the platforms whose images were built and recorded one by one.
    """

    tags: dict[str, str]
    folded: Any
    kinds: tuple[str, ...]
    statements: int = 0
    platforms: frozenset[str] = frozenset()


class Row(NamedTuple):
    """The result for one point: the tags in the registry and the kinds of log entries at the kill, and faults found."""

    point: Point
    visible: tuple[str, ...]
    recorded: tuple[str, ...]
    again: tuple[str, str]  # what the next run did again: with the disk kept, with the disk lost
    faults: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the result as one line of the table of kill points."""
        again = "/".join(did or "-" for did in self.again)
        seen = f"{len(self.visible)} tags, log {'+'.join(self.recorded) or 'empty'}"
        return (
            f"{self.point.label:72} | {seen:58} | {again:11} | {'; '.join(self.faults) or 'same end state'}"
        )


class Matrix:
    """Kills releases of the project in `repo`, whose HEAD is ready to be released, behind `gate`.

    `by`: the signal. Subclasses kill other commands.
    """

    def __init__(
        self,
        repo: GitRepo,
        gate: Gate,
        shipmark: Shipmark,
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        same_digest: bool = True,
        more: Sequence[str] = (),
        by: signal.Signals = signal.SIGKILL,
    ) -> None:
        folder.mkdir()
        self._gate = gate
        self._folder = folder
        self._repo = repo
        self._by = by
        self._shipmark = shipmark
        self._env = {**shipmark.env, **(env or {})}
        self._more = tuple(more)  # arguments of `run`, such as `--from PLACE`
        self._same_digest = same_digest  # whether two builds of one commit give one digest
        self._inflight = 0
        self._idle = threading.Condition()

    def learn(self) -> tuple[State, list[Point]]:
        """Run without a kill; return the state in which every other run must end, and the kill points."""
        place = self._place("dry")
        seen: list[Passage] = []
        self._watch(seen.append, lambda passage: True)
        listing = self._folder / "effects"
        done = self._run(place, {"COUNTED_LOG": str(listing)}, counted=True)
        assert done.returncode == 0, done.stderr
        points: list[Point] = []
        for passage in (one for one in seen if one.number):
            effect = f"{passage.method} {_short_path(passage.path)}"
            number = len({point.number for point in points}) + 1
            points += [Point("http", number, when, effect) for when in ("before", "after")]
        return self._state(place), points + local_points(listing.read_text(), place.path)

    def strike(self, point: Point, expected: State) -> Row:
        """Kill a run at `point`, let both next runs finish, and compare each end state with the expected one."""
        place = self._place(f"{point.place}-{point.number}-{point.when}")
        code = self._killed(place, point)
        faults = [] if code in self._ends(point) else [f"not killed: exit {code}"]
        left = self._state(place)
        faults += self._wrong_at_kill(left, expected)
        lost = self._without_disk(place)
        again = []
        for where, name in ((place, "kept"), (lost, "lost")):
            did, found = self._finish(where, name, left, expected)
            again.append(did)
            faults += found
        return Row(point, tuple(left.tags), left.kinds, (again[0], again[1]), tuple(faults))

    def _ends(self, point: Point) -> set[int]:
        """The exit codes of a run that gets the signal at `point`."""
        if self._by == signal.SIGKILL:
            return {-signal.SIGKILL}
        # A run that gets SIGTERM during its last effect may end before it looks at signals, or after it gave up its
        # handler: then the signal ends it, which shells show as 143. The write that is torn there is a failure to
        # record, which is exit 7, or exit 1 while nothing is visible.
        ends = {128 + signal.SIGTERM, -signal.SIGTERM, 0}
        return ends | {1, 7} if point.when == "torn" else ends

    def _wrong_at_kill(self, left: State, expected: State) -> list[str]:
        """Return what is wrong with the state right after a kill."""
        return _wrong_at_kill(left, expected, same_digest=self._same_digest)

    def _finish(self, place: Place, name: str, left: State, expected: State) -> tuple[str, list[str]]:
        """Run again; return what the run did again, and what is wrong with its end state."""
        done = self._run(place, {})
        if done.returncode != 0:
            return "", [f"{name}: exit {done.returncode}: {done.stderr.strip().splitlines()[-2:]}"]
        steps = json.loads(done.stdout)["releases"][0]["steps"]
        built_here = [step["id"] for step in steps if step["kind"] == "build-image"]
        built = bool(built_here)
        state = self._state(place)
        faults = _difference(state, expected, same_digest=self._same_digest)
        if name == "kept" and self._same_digest and state.folded != expected.folded:
            faults.append(f"fold differs: {_first_difference(state.folded, expected.folded)}")
        named = "built" in left.kinds if name == "kept" else bool(left.tags)
        if named and built:
            faults.append("built again although the bytes were there")
        if name == "kept":
            again = [platform for platform in left.platforms if f"obtain:app:{platform}" in built_here]
            faults += [f"{platform} built again although the bytes were there" for platform in again]
        if named and left.tags and set(state.tags.values()) != set(left.tags.values()):
            faults.append("another digest than before the kill")
        return "build" if built else "", [f"{name}: {fault}" for fault in faults]

    def _killed(self, place: Place, point: Point) -> int:
        """Run a release and kill it at `point`; return the exit code of the process."""
        if point.place == "local":
            self._watch(lambda passage: True, lambda passage: True)
            env = {"COUNTED_KILL": str(point.number), "COUNTED_WHEN": point.when}
            env["COUNTED_SIGNAL"] = str(int(self._by))
            code = self._run(place, env, counted=True).returncode
            self._settle()
            return code
        running: list[subprocess.Popen[bytes]] = []
        started = threading.Event()
        writes: list[Passage] = []
        struck = threading.Event()

        def is_it(passage: Passage, seen: bool) -> bool:
            if passage.number and not seen:
                writes.append(passage)
            return bool(passage.number) and writes.index(passage) + 1 == point.number and not struck.is_set()

        def kill() -> bool:
            struck.set()
            started.wait(10)
            os.kill(running[0].pid, self._by)
            if self._by != signal.SIGKILL:
                return True  # the process goes on until it looks at signals, so it gets its answer
            running[0].wait(10)
            return False

        before = point.when == "before"
        self._watch(
            lambda passage: kill() if is_it(passage, False) and before else True,
            lambda passage: kill() if not before and is_it(passage, True) else True,
        )
        running.append(self._shipmark.start(*self._argv(place), cwd=place.path, env=self._env))
        started.set()
        code = running[0].wait(90)
        self._settle()
        return code

    def _watch(self, before: Any, after: Any) -> None:
        """Let the gate call `before` and `after` for one request at a time, and count unfinished requests."""
        turn = threading.RLock()

        def entering(passage: Passage) -> bool:
            with turn:
                kept = before(passage) is not False
            with self._idle:
                self._inflight += kept
            return kept

        def leaving(passage: Passage) -> bool:
            with turn:
                kept = after(passage) is not False
            with self._idle:
                self._inflight -= 1
                self._idle.notify_all()
            return kept

        self._gate.before, self._gate.after = entering, leaving

    def _settle(self) -> None:
        """Wait until the registry has processed the requests of the killed process."""
        with self._idle:
            assert self._idle.wait_for(lambda: self._inflight == 0, 30)
        self._gate.before = self._gate.after = lambda passage: True

    def _place(self, name: str) -> Place:
        path = self._folder / name
        shutil.copytree(self._repo.path, path, symlinks=True)
        return Place(path, f"acme/{name}")

    def _without_disk(self, place: Place) -> Place:
        """Make a fresh clone, and copy the registry's repository under another name."""
        lost = Place(place.path.with_name(f"{place.path.name}-lost"), f"{place.repository}-lost")
        clone = GitRepo(place.path, home=self._folder, init=False).clone(lost.path)
        clone.git("checkout", "--quiet", "main")
        root = self._gate.registry.root / "docker/registry/v2/repositories"
        if (root / place.repository).exists():
            shutil.copytree(root / place.repository, root / lost.repository)
        return lost

    def _argv(self, place: Place) -> Sequence[str]:
        return ("run", "--json", "--image", f"{self._gate.host}/{place.repository}", *self._more)

    def _run(
        self, place: Place, env: Mapping[str, str], *, counted: bool = False
    ) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-I", str(COUNTED)] if counted else self._shipmark.argv
        return subprocess.run(
            [*program, *self._argv(place)],
            cwd=place.path,
            env={**self._env, **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _state(self, place: Place) -> State:
        # A kill may leave half a line. Reading verifies the chain and raises for anything else that is wrong.
        entries = read_log(place.path)
        image = f"{self._gate.host}/{place.repository}"
        tags = self._gate.registry.tags(place.repository)
        lists = [tag for tag in tags if tag.startswith("sha256-")]
        listed = [json.loads(self._gate.registry.manifest(place.repository, tag)[1]) for tag in lists]
        return State(
            {tag: digest for tag, digest in tags.items() if tag not in lists},
            json.loads(json.dumps(_folded(entries)).replace(image, "IMAGE")),
            tuple(entry.kind for entry in entries),
            sum(len(one["manifests"]) for one in listed),
            frozenset(str(entry.fields["platform"]) for entry in entries if entry.kind == "built-platform"),
        )


class Place(NamedTuple):
    """A clone, and the repository in the registry to which it belongs."""

    path: Path
    repository: str


def local_points(listing: str, workspace: Path) -> list[Point]:
    """Return the kill points of a run's local effects. `listing`: text of `COUNTED_LOG`; `workspace`: not in names."""
    points: list[Point] = []
    for line in listing.splitlines():
        number, name, what = line.split(" ", 2)
        effect = f"{name} {_short_file(what, workspace)}"
        points.append(Point("local", int(number), "before", effect))
        if name in {"write", "pwrite"} and "log.jsonl" in what:
            points.append(Point("local", int(number), "torn", effect))
    last = points[-1]
    return [*points, Point("local", last.number, "after", last.effect)]


def read_log(workspace: Path) -> list[Entry]:
    """Return the verified entries of a workspace's log."""
    path = str(workspace / ".shipmark/log.jsonl")
    return list(FileStore(path, cancel=Cancel(), monotonic=time.monotonic).read())


def _folded(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the folded log without names of attempts and times, which differ between runs."""
    state = fold(entries)
    releases = []
    for release in state.releases.values():
        fields = {name: getattr(release, name) for name in release.__struct_fields__ if name not in _NOISE}
        fields["pushed"] = [(one.target, one.digest, sorted(one.tags)) for one in release.pushed]
        fields["moved"] = [(one.target, one.digest, sorted(one.tags)) for one in release.moved]
        fields["parts"] = sorted((one.platform, one.digest) for one in release.parts)
        fields["open"] = len(release.open_attempts)
        releases.append({name: repr(value) for name, value in fields.items()})
    holds = {" ".join(place): [hold.digest for hold in held] for place, held in sorted(state.holds.items())}
    return {"releases": releases, "holds": holds, "skipped": state.skipped}


def _difference(state: State, expected: State, *, same_digest: bool) -> list[str]:
    faults = []
    if same_digest and state.tags != expected.tags:
        faults.append(f"tags {state.tags}")
    if state.tags.keys() != expected.tags.keys() or len(set(state.tags.values())) != 1:
        faults.append(f"tags {state.tags}")
    if state.kinds.count("released") != 1:
        faults.append(f"{state.kinds.count('released')} times released")
    if state.statements != expected.statements:
        faults.append(f"{state.statements} statements on the image")
    return faults


def _first_difference(found: Any, expected: Any) -> str:
    for name, value in expected["releases"][0].items():
        other = found["releases"][0].get(name) if found["releases"] else None
        if other != value:
            return f"{name}: {other} instead of {value}"
    return f"{found['holds']} instead of {expected['holds']}"


def _wrong_at_kill(left: State, expected: State, *, same_digest: bool) -> list[str]:
    faults = []
    if left.tags and "planned" not in left.kinds:
        faults.append("visible before `planned`")
    if same_digest and any(expected.tags.get(tag) != digest for tag, digest in left.tags.items()):
        faults.append(f"wrong tag at the kill: {left.tags}")
    moving = {tag for tag in left.tags if tag in {"latest", "1", "1.4"}}
    if moving and "released" not in left.kinds:
        faults.append("a moving tag before `released`")
    return faults


def _short_path(path: str) -> str:
    path = path.partition("?")[0].split("/", 4)[-1]
    return path if len(path) < 40 else f"{path[:34]}…"


def _short_file(what: str, workspace: Path) -> str:
    words = what.replace(str(workspace), "").replace(
        "-c log.showSignature=false -c core.fsmonitor=false ", ""
    )
    words = re.sub(r"/\S*/cache/[0-9a-f]{64}/images", "STORE", words)
    words = re.sub(r"/\S*/cache/[0-9a-f]{64}", "CACHE", words).replace("/.shipmark/", "")
    return words if len(words) < 44 else f"{words[:20]}…{words[-22:]}"


def spread(points: Sequence[Point], count: int) -> list[Point]:
    """Choose about `count` of the points, evenly spread from the first on; equal calls choose the same points."""
    step = max(1, len(points) // count)
    return [*points[::step]]


def strike_everywhere(matrix: Matrix, *, least: int = 1) -> list[Point]:
    """Kill the run at every effect, of which there are at least `least`, and assert that no end state is wrong.

    Prints each row when it is known, and returns the points. `part_of` chooses a part of them.
    """
    expected, points = matrix.learn()
    assert len(points) >= least
    chosen = part_of(points)
    print(f"\n{len(chosen)} of {len(points)} kill points")
    rows = []
    for point in chosen:
        rows.append(matrix.strike(point, expected))
        print(rows[-1].text, flush=True)
    print(totals(rows))
    assert [row.text for row in rows if row.faults] == []
    return points


def table(rows: Sequence[Row]) -> str:
    """Return the table of all kill points, with its totals."""
    return "\n".join([*(row.text for row in rows), totals(rows)])


def totals(rows: Sequence[Row]) -> str:
    """Return a line with the numbers of kill points, of wrong end states and of next runs with work to do."""
    bad = [row for row in rows if row.faults]
    again = [sum(bool(row.again[at]) for row in rows) for at in (0, 1)]
    return (
        f"{len(rows)} kill points, {len(rows) * 2} next runs, {len(bad)} with another end state; "
        f"did it again: {again[0]} with the disk kept, {again[1]} with the disk lost"
    )
