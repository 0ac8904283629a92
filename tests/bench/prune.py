"""Measures the plan of a prune against scripts of skopeo, crane and regctl that read the same facts, eight at a time.

The repository has 10,000 tags on 3,000 manifests: 600 indexes of two platforms, and 1,200 single images. The scripts
read what the plan decides by and write it into files; they decide nothing.
`SHIPMARK_BENCH_SHARE=5` measures a fifth of everything, for machines on which the whole takes too long.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.harness import Command, Sample, measure, row
from tests.bench.push import find_crane, find_go_program
from tests.support.programs.environment import scrubbed
from tests.support.registries.images import Image, make_image, make_index
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo
from tests.support.services.required import missing

_EDITION = 1
_SHARE = int(os.environ.get("SHIPMARK_BENCH_SHARE", "1"))
_TAGS = 10_000 // _SHARE
_INDEXES = 600 // _SHARE
_SINGLE = 1_200 // _SHARE
_NAME = "acme/app"
_LIMIT = 3600.0
_REGCTL = "github.com/regclient/regclient/cmd/regctl@v0.11.1"
_SCRIPTS = Path(__file__).with_name("prune_peers")
#: The largest memory of a plan, in MiB.
MEMORY = 150
_RETENTION = {
    "delete": [{"match": "sha-*"}],
    "keep": [
        {"match": "sha-*", "newest": 500, "by": "pushed"},
        {"semver": True, "newest": 5, "per": "minor"},
    ],
    "limits": {"max_delete": 100_000, "max_fraction": 1},
}


class Bar(NamedTuple):
    """How many times faster than another program a plan has to be."""

    peer: str
    least: float


BARS = (Bar("skopeo", 8.0), Bar("crane", 4.0))


def run(folder: Path, *, rounds: int) -> Iterator[str]:
    """Yield a table for loopback and one for a link of 30 ms. `folder`: where the registry and the peers are kept."""
    peers = {"crane": find_crane(folder), "regctl": find_go_program(folder, _REGCTL)}
    lacking = [name for name, path in peers.items() if path is None]
    if missing("skopeo") is not None:
        lacking.append("skopeo")
    with _registry(folder) as server:
        for title, delay in (("0 ms", False), ("30 ms", True)):
            with _address(server, delay=delay) as host:
                yield _compare(title, host, folder, peers, lacking, rounds)
    if lacking:
        yield f"missing peers: {', '.join(sorted(lacking))}"


def _compare(
    title: str, host: str, folder: Path, peers: Mapping[str, str | None], lacking: Sequence[str], rounds: int
) -> str:
    work = folder / "prune"
    shutil.rmtree(work, ignore_errors=True)
    home = work / "home"
    home.mkdir(parents=True)
    env = {**scrubbed(home), "CRANE": peers["crane"] or "", "REGCTL": peers["regctl"] or ""}
    repo = GitRepo(work / "repo", home=home)
    settings = {"image": f"{host}/{_NAME}", "retention": _RETENTION}
    repo.commit("first", files={"shipmark.yml": json.dumps(settings)})
    own: list[str | Path] = [
        sys.executable,
        "-I",
        Path(sys.executable).parent / "shipmark",
        "prune",
        "--json",
        "-q",
    ]
    commands = [Command("shipmark prune", own, repo.path, env)]
    for name in ("skopeo", "crane", "regctl"):
        if name not in lacking:
            script: list[str | Path] = [_SCRIPTS / f"{name}.sh", f"{host}/{_NAME}", work / name]
            commands.append(Command(name, script, work, env))
    samples: dict[str, list[Sample]] = {one.name: [] for one in commands}
    for number in range(rounds):
        turn = number % len(commands)
        for command in commands[turn:] + commands[:turn]:
            samples[command.name].append(measure(command, limit=_LIMIT))
    for name in samples.keys() - {"shipmark prune"}:
        _require_facts(work / name)
    shutil.rmtree(work)
    return _table(title, samples)


def _require_facts(folder: Path) -> None:
    """Raise `RuntimeError` unless a script read every tag, and every manifest that an index lists."""
    held = len(list((folder / "tags" if (folder / "tags").exists() else folder / "held").iterdir()))
    children = len((folder / "children").read_text().split())
    if held != _TAGS or children != 2 * _INDEXES:
        raise RuntimeError(f"{folder.name}: read {held} tags and {children} children")


def _table(title: str, samples: Mapping[str, list[Sample]]) -> str:
    own = samples["shipmark prune"]
    lines = [
        f"### plan of a prune, {title}: {_TAGS} tags on {3 * _INDEXES + _SINGLE} manifests",
        "",
        f"{len(own)} alternating rounds; peers are scripts with 8 processes.",
        "",
        "| command | wall s (min, median, max) | CPU s | peak MiB |",
        "| --- | --- | --- | --- |",
        *(row(name, taken) for name, taken in samples.items()),
        "",
    ]
    for peer, taken in samples.items():
        if peer == "shipmark prune":
            continue
        ratio = statistics.median(other.wall / mine.wall for mine, other in zip(own, taken, strict=True))
        bar = next((one for one in BARS if one.peer == peer), None)
        verdict = (
            "" if bar is None else f" ({bar.least:g} × wanted: {'met' if ratio >= bar.least else 'MISSED'})"
        )
        lines.append(f"shipmark is {ratio:.1f} × faster than {peer}{verdict}")
    peak = max(sample.rss for sample in own)
    lines.append(f"memory {peak:.0f} MiB (at most {MEMORY}: {'met' if peak <= MEMORY else 'MISSED'})")
    return "\n".join(lines)


@contextlib.contextmanager
def _registry(folder: Path) -> Iterator[RegistryServer]:
    """Start a registry with the images, which are pushed once."""
    place = folder / f"prune-{_SHARE}-{_EDITION}"
    filled = (place / "filled").exists()
    if not filled:
        shutil.rmtree(place, ignore_errors=True)
    server = RegistryServer(place)
    try:
        if not filled:
            _fill(server)
            (place / "filled").touch()
        yield server
    finally:
        server.stop()


def _fill(server: RegistryServer) -> None:
    def put(number: int) -> str:
        if number < _INDEXES:
            pair = [make_image({"n": f"{number} {one}".encode()}, platform=one) for one in _PLATFORMS]
            return _put(server, make_index(*pair))
        return _put(server, make_image({"n": str(number).encode()}))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        tops = list(pool.map(put, range(_INDEXES + _SINGLE)))
    names: dict[str, list[str]] = {digest: [] for digest in tops}
    for number in range(_TAGS):
        version = f"{number // 500}.{number // 25 % 20}.{number % 25}"
        name = version if number % 10 == 0 else f"sha-{number:012x}"
        names[tops[number % len(tops)]].append(name)
    for digest, tags in names.items():
        server.add_tags(_NAME, digest, tags)


_PLATFORMS = ("linux/amd64", "linux/arm64")


def _put(server: RegistryServer, image: Image) -> str:
    for child in image.children:
        _put(server, child)
    for digest, blob in image.blobs.items():
        _, headers, _ = server.request("POST", f"/v2/{_NAME}/blobs/uploads/")
        place = headers["location"].partition(server.host)[2]
        status, _, body = server.request("PUT", f"{place}&digest={digest}", body=blob)
        assert status == 201, body
    status, _, body = server.request(
        "PUT",
        f"/v2/{_NAME}/manifests/{image.digest}",
        body=image.manifest.raw,
        headers={"Content-Type": image.manifest.media_type},
    )
    assert status == 201, body
    return image.digest


@contextlib.contextmanager
def _address(server: RegistryServer, *, delay: bool) -> Iterator[str]:
    """Give the registry's address, or that of a link of 30 ms in front of it."""
    if not delay:
        yield server.host
        return
    link = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.wan", str(server.port)], stdout=subprocess.PIPE
    )
    try:
        assert link.stdout is not None
        yield f"127.0.0.1:{int(link.stdout.readline())}"
    finally:
        link.kill()
        link.communicate()
