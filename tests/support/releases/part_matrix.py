"""Two runners that build one platform each: kills one of them at every counted effect, and checks what is released.

The first runner has built its platform. The second is killed at a point of `shipmark build --platform P -o oci:part`.
A third clone joins both images by `run --from` at once; a fourth does so after the second runner has built again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.programs.command import Result, Shipmark
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo
from tests.support.releases.kill_matrix import COUNTED, Point, local_points, read_log

PLATFORMS = ("linux/amd64", "linux/arm64")
#: Runs at a point before it counts as one that no run reaches.
_ATTEMPTS = 4


class Joined(NamedTuple):
    """What a joining run left. `images`: the digests in the index that the registry has; None before a release."""

    tags: dict[str, str]
    images: tuple[str, ...] | None
    kinds: tuple[str, ...]


class PartRow(NamedTuple):
    """Result for one kill point. `at_once`: the exit code of joining what the killed runner left."""

    point: Point
    at_once: int
    faults: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the result as one line of the table."""
        found = "; ".join(self.faults) or "same release"
        return f"{self.point.label:72} | joined at once: exit {self.at_once} | {found}"


class PartMatrix:
    """Kills the second of two runners that build v1.4.2 of `repo`. Each clone has its own cache, as runners have."""

    def __init__(self, repo: GitRepo, registry: RegistryServer, shipmark: Shipmark, folder: Path) -> None:
        folder.mkdir()
        self._repo = repo
        self._registry = registry
        self._shipmark = shipmark
        self._folder = folder
        self._first = self._clone("first")
        self._must(self._first, *_build(PLATFORMS[0]))

    def learn(self) -> tuple[Joined, list[Point]]:
        """Build and join without a kill; return the release that every other one must equal, and the kill points."""
        second = self._clone("second")
        listing = self._folder / "effects"
        done = self._counted(second, {"COUNTED_LOG": str(listing)})
        assert done == 0
        release = self._clone("release")
        self._must(release, *self._join(second, "dry"))
        return self._state(release, "dry"), local_points(listing.read_text(), second)

    def strike(self, point: Point, expected: Joined) -> PartRow:
        """Kill the second runner at `point`, join the images at once and after a new build, and return the result."""
        name = f"{point.number}-{point.when}"
        second, code = self._killed(point, name)
        faults = [] if code == -signal.SIGKILL else [f"not killed: exit {code}"]
        at_once = self._clone(f"early-{name}")
        early = self._run(at_once, *self._join(second, f"early-{name}"))
        faults += self._judged(early, self._state(at_once, f"early-{name}"), expected)
        self._must(second, *_build(PLATFORMS[1]))
        release = self._clone(f"release-{name}")
        for _ in range(2):  # the second time there is nothing left to do
            joined = self._run(release, *self._join(second, f"late-{name}"))
            if joined.code != 0:
                faults.append(f"joined later: exit {joined.code}: {joined.stderr.splitlines()[-2:]}")
        if (found := self._state(release, f"late-{name}")) != expected:
            faults.append(f"{found} instead of {expected}")
        return PartRow(point, early.code, tuple(faults))

    def _killed(self, point: Point, name: str) -> tuple[Path, int]:
        """Return the second runner's clone after the kill, and the exit code of its process.

        Threads make the number of a build's effects vary, so a run may end before the point; it is then repeated.
        """
        for attempt in range(_ATTEMPTS):
            second = self._clone(f"second-{name}-{attempt}")
            code = self._counted(second, {"COUNTED_KILL": str(point.number), "COUNTED_WHEN": point.when})
            if code == -signal.SIGKILL:
                break
        return second, code

    def _judged(self, early: Result, state: Joined, expected: Joined) -> list[str]:
        """Return faults of a joining run: it must release the expected image, or push and log nothing."""
        if early.code == 0:
            return [] if state == expected else [f"at once: {state} instead of {expected}"]
        return [f"at once: exit {early.code}, and {state}"] if state.tags or state.kinds else []

    def _clone(self, name: str) -> Path:
        clone = self._repo.clone(self._folder / name)
        clone.checkout("v1.4.2")
        return clone.path

    def _env(self, clone: Path) -> dict[str, str]:
        return {"SHIPMARK_CACHE_DIR": f"{clone}-cache"}

    def _join(self, second: Path, name: str) -> Sequence[str]:
        places = [f"oci:{runner}/part" for runner in (self._first, second)]
        image = f"{self._registry.host}/acme/{name}"
        return ("run", "--image", image, *(word for place in places for word in ("--from", place)))

    def _run(self, clone: Path, *argv: str) -> Result:
        return self._shipmark(*argv, cwd=clone, env=self._env(clone))

    def _must(self, clone: Path, *argv: str) -> None:
        done = self._run(clone, *argv)
        assert done.code == 0, done.stderr

    def _counted(self, clone: Path, env: dict[str, str]) -> int:
        """Build the second platform with counted effects, and return the exit code of the process."""
        return subprocess.run(
            [sys.executable, "-I", str(COUNTED), *_build(PLATFORMS[1])],
            cwd=clone,
            env={**self._shipmark.env, **self._env(clone), **env},
            capture_output=True,
            timeout=120,
            check=False,
        ).returncode

    def _state(self, clone: Path, name: str) -> Joined:
        tags = self._registry.tags(f"acme/{name}")
        images = None
        if "1.4.2" in tags:
            document: dict[str, Any] = json.loads(self._registry.manifest(f"acme/{name}", "1.4.2")[1])
            images = tuple(one["digest"] for one in document["manifests"])
        has_log = os.path.exists(clone / ".shipmark/log.jsonl")
        kinds = tuple(entry.kind for entry in read_log(clone)) if has_log else ()
        return Joined(tags, images, kinds)

    def forget(self, point: Point) -> None:
        """Remove the clones that `strike` made for a kill point, to save disk."""
        for folder in self._folder.glob(f"*-{point.number}-{point.when}*"):
            shutil.rmtree(folder, ignore_errors=True)


def _build(platform: str) -> Sequence[str]:
    return ("build", "--platform", platform, "-o", "oci:part")
