"""Measures build and push together: 200 MB on a small base, cold, with one file changed, and unchanged.

`build_context.py` adds a context of 400 MB for BuildKit, local and remote.

Every tool has a fresh registry and an empty cache at the start of each of its rounds; the three measurements of a round
follow each other. Times are wall-clock times. The output names compared programs that this machine lacks.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from release.compression.compress import compress_layer
from release.layout.adopt import put_bytes
from release.layout.layout import Layout
from release.oci.image_json import ImageConfig, config_document, image_manifest, parse_platform
from tests.bench import build_context
from tests.bench.build_tools import BUILDCTL, BY_DIGEST, REPRODUCIBLE, Tool, find_tools
from tests.bench.harness import Command, Sample, measure, ratio_of, row
from tests.support.programs.environment import EPOCH, scrubbed
from tests.support.programs.go_tools import NotBuilt
from tests.support.registries.registry import RegistryServer
from tests.support.services.buildkit import programs
from tests.support.services.docker import busybox_root

_EDITION = 1
_FILES, _FILE = 2000, 100 * 1024  # together 200 MB: the size of a virtual environment or of node_modules
_LIMIT = 300.0
_PHASES = ("cold", "one file changed", "nothing changed")
_DOCKERFILE = "ARG BASE\nFROM ${BASE}\nCOPY files /srv/files\n"
_OWN = "shipmark, layers"
# The bars are those that the builders have to reach, as ratios of wall time in the same round.
_BARS = {("cold", "docker"): 0.25, ("cold", "buildah"): 0.25}
_FASTEST = 0.5  # cold, against the fastest of the other tools
_AGAIN = 0.5  # seconds, with nothing changed
_MEMORY = 80.0  # MiB

Samples = dict[tuple[str, str], list[Sample]]


class Project:
    """The repository that the benchmark builds, in its first state or with one file changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.base = path.with_name(f"{path.name}-base")
        if not (self.base / "index.json").exists():
            self._make()

    def reset(self) -> None:
        """Go back to the first commit, and delete what tools have written."""
        self._git("reset", "--quiet", "--hard", "first")
        self._git("clean", "--quiet", "-ffdx")
        for tag in self._git("tag", "--list", "v1.0.1").split():
            self._git("tag", "--delete", tag)

    def change(self) -> None:
        """Commit a change of one file, and tag it as the next version."""
        (self.path / "files/d7/f7").write_bytes(random.Random(2).randbytes(_FILE))
        self._commit("change")
        self._git("tag", "v1.0.1")

    def _make(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        seed = random.Random(1)
        words = [bytes(seed.choices(b"abcdefghij klmnop\n", k=12)) for _ in range(4000)]
        for number in range(_FILES):
            place = self.path / "files" / f"d{number % 40}" / f"f{number}"
            place.parent.mkdir(parents=True, exist_ok=True)
            half = b"".join(seed.choices(words, k=_FILE // 24))  # text, and as much that does not shrink
            place.write_bytes(half + seed.randbytes(_FILE - len(half)))
        (self.path / "Dockerfile").write_text(_DOCKERFILE)
        self._git("init", "--quiet", "--initial-branch=main")
        self._commit("first")
        self._git("tag", "first")
        self._git("tag", "v1.0.0")
        _make_base(self.base)

    def _commit(self, text: str) -> None:
        self._git("add", "--all")
        who = ("-c", "user.name=Ada Tester", "-c", "user.email=ada@example.org")
        self._git(*who, "commit", "--quiet", f"--message={text}")

    def _git(self, *args: str) -> str:
        env = scrubbed(self.path.parent)
        return subprocess.run(
            ["git", *args], cwd=self.path, env=env, check=True, capture_output=True, text=True
        ).stdout


def run(folder: Path, *, rounds: int) -> Iterator[str]:
    """Yield one table for each state of the project. `folder`: where the project and the peers are kept."""
    project = Project(folder / f"build-{_EDITION}")
    samples: Samples = {}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        tools, missing = find_tools(folder, stack)
        for number in range(rounds):
            turn = number % len(tools)
            for tool in tools[turn:] + tools[:turn]:
                if tool.name not in failed:
                    try:
                        _round(tool, project, folder, samples)
                    except (RuntimeError, TimeoutError) as error:
                        failed[tool.name] = str(error)
    names = [tool.name for tool in tools]
    for phase in _PHASES:
        yield _table(phase, names, samples, failed)
    with suppress(NotBuilt), ExitStack() as stack:
        built = programs()
        hub = RegistryServer(folder / "build-hub")
        stack.callback(hub.close)
        # A round takes minutes: fewer of them tell enough.
        yield from build_context.run(folder, built, hub, rounds=max(1, rounds // 3))
    if missing:
        yield "missing peers: " + ", ".join(missing)


def _round(tool: Tool, project: Project, folder: Path, samples: Samples) -> None:
    project.reset()
    tool.forget()
    home = folder / "build-home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    own = folder / "build-registry"
    shutil.rmtree(own, ignore_errors=True)
    server = RegistryServer(own)
    try:
        base = f"{server.host}/bench/base:1"
        _push_base(project.base, base, home)
        argv = tool.command(base, f"{server.host}/bench/app", home)
        for phase in _PHASES:
            if phase == _PHASES[1]:
                project.change()
            os.sync()  # the disk's work of what was before is not measured
            command = Command(tool.name, argv, project.path, {**scrubbed(home), **tool.env})
            samples.setdefault((phase, tool.name), []).append(measure(command, limit=_LIMIT))
    finally:
        server.close()


def _push_base(layout: Path, place: str, home: Path) -> None:
    own = str(Path(sys.executable).parent / "shipmark")
    argv = [sys.executable, "-I", own, "image", "copy", "-q", f"oci:{layout}:1", place]
    subprocess.run(argv, check=True, cwd=home, env=scrubbed(home), stdout=subprocess.DEVNULL)


def _make_base(place: Path) -> None:
    layout = Layout(str(place))
    layer = compress_layer(io.BytesIO(busybox_root()), layout)
    config = config_document(
        ImageConfig(), parse_platform("linux/amd64"), diff_ids=[layer.diff_id], history=(), created=EPOCH
    )
    described, manifest = image_manifest(config, [layer.descriptor], {})
    put_bytes(layout, described, config)
    layout.put_manifest(manifest, tag="1")


def _table(phase: str, names: Sequence[str], samples: Samples, failed: Mapping[str, str]) -> str:
    lines = [
        f"### build and push of 200 MB on a base, {phase}",
        "",
        "| command | wall s (min, median, max) | CPU s | peak MiB |",
        "| --- | --- | --- | --- |",
    ]
    for name in names:
        if name in failed:
            lines.append(f"| {name} | {failed[name]} | | |")
            continue
        lines.append(row(name, samples[phase, name]))
    running = [name for name in names if name not in failed]
    return "\n".join([*lines, "", *_verdicts(phase, running, samples)])


class _Bar(NamedTuple):
    title: str
    found: float
    most: float

    def __str__(self) -> str:
        return f"{self.title}: **{self.found:.2f}**, bar {self.most}: {'met' if self.found <= self.most else 'MISSED'}"


def _verdicts(phase: str, names: Sequence[str], samples: Samples) -> Iterator[str]:
    if _OWN not in names:
        return
    own = samples[phase, _OWN]
    ratios = {name: ratio_of(own, samples[phase, name]) for name in names if name != _OWN}
    for name, ratio in ratios.items():
        most = _BARS.get((phase, name))
        yield str(_Bar(f"{_OWN} / {name}", ratio, most)) if most else f"{_OWN} / {name}: **{ratio:.2f}**"
    others = [ratio for name, ratio in ratios.items() if not name.startswith("shipmark")]
    if phase == _PHASES[0] and others:
        yield str(_Bar(f"{_OWN} / the fastest other", max(others), _FASTEST))
        yield str(_Bar(f"{_OWN}, peak MiB", max(sample.rss for sample in own), _MEMORY))
    if phase == _PHASES[2]:
        yield str(_Bar(f"{_OWN}, seconds", statistics.median(sample.wall for sample in own), _AGAIN))
    if {BY_DIGEST, BUILDCTL, REPRODUCIBLE} <= set(names):
        through = ratio_of(samples[phase, BY_DIGEST], samples[phase, BUILDCTL])
        yield str(_Bar(f"{BY_DIGEST} / {BUILDCTL}", through, 1.1))
        same = ratio_of(samples[phase, BY_DIGEST], samples[phase, REPRODUCIBLE])
        yield str(_Bar(f"{BY_DIGEST} / {REPRODUCIBLE}", same, 1.1))
