"""Measures releases of a small image over a link with 30 ms between request and answer, against crane and others.

On such a link the time of a command depends on how many of its requests wait for one another. crane, regctl and skopeo
put the same image under five tags, without building, recording or reading back anything.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench.harness import Command, Sample, measure
from tests.bench.push import find_crane, find_regctl, find_skopeo, regctl
from tests.support.programs.environment import scrubbed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo

_LIMIT = 60.0
_NAME = "acme/app"
_TAGS = ("1.4.2", "1.4", "1", "latest", "stable")  # of crane and others: as many as a release has
_FILES = {
    "Dockerfile": "FROM scratch\nCOPY hello.txt /hello.txt\n",
    "hello.txt": "hello\n",
    ".gitignore": "shipmark.yml\n",
}


class Bar(NamedTuple):
    """The longest acceptable time of a command: in seconds, and as a ratio to crane's time in the same round."""

    seconds: float
    ratio: float


BARS = {
    "release under five tags": Bar(1.3, 0.85),
    "run with nothing to do": Bar(0.45, 0.3),
    "preview": Bar(0.45, 0.3),
}


def run(folder: Path, *, rounds: int) -> Iterator[str]:
    """Yield one table. `folder`: where crane is kept."""
    crane = find_crane(folder)
    if crane is None:
        yield "missing peers: crane (needs go)"
        return
    peers = _Peers(crane=crane, regctl=find_regctl(folder), skopeo=find_skopeo())
    work = folder / "round-trips"
    samples: dict[str, list[Sample]] = {}
    # The first round warms the disk's cache and Python's byte code, and does not count.
    for number in range(rounds + 1):
        shutil.rmtree(work, ignore_errors=True)
        for name, sample in _round(work, peers):
            if number:
                samples.setdefault(name, []).append(sample)
    shutil.rmtree(work, ignore_errors=True)
    yield _table(samples)


def _round(work: Path, peers: _Peers) -> Iterator[tuple[str, Sample]]:
    home = work / "home"
    home.mkdir(parents=True)
    env = {**scrubbed(home), "SHIPMARK_CACHE_DIR": str(work / "cache")}
    repo = GitRepo(work / "repo", home=home)
    with _link(work / "registry") as host:
        repo.commit("first", files=_FILES)
        repo.tag("v1.4.2")
        settings = {"image": f"{host}/{_NAME}", "build": {"builder": "layers"}}
        repo.write({"shipmark.yml": json.dumps(settings)})
        own = [sys.executable, "-I", str(Path(sys.executable).parent / "shipmark")]
        for name, words in (
            ("release under five tags", ["run", "-q"]),
            ("run with nothing to do", ["run", "-q"]),
            ("preview", ["preview", "-q"]),
        ):
            yield name, measure(Command(name, [*own, *words], repo.path, env), limit=_LIMIT)
        pulled = work / "pulled"
        subprocess.run(
            [peers.crane, "pull", "--format=oci", f"{host}/{_NAME}:1.4.2", pulled], env=env, check=True
        )
    for name, lines in peers.scripts(pulled).items():
        with _link(work / f"registry of {name}") as host:
            script = "\n".join(lines).replace("HOST", f"{host}/{_NAME}").replace("REGISTRY", host)
            yield name, measure(Command(name, ["sh", "-ec", script], work, env), limit=_LIMIT)


class _Peers(NamedTuple):
    """Other programs; None for one that this machine lacks."""

    crane: str
    regctl: str | None
    skopeo: str | None

    def scripts(self, pulled: Path) -> dict[str, list[str]]:
        """Return the lines with which each program puts the layout `pulled` under all tags of HOST, at REGISTRY."""
        first, *more = _TAGS
        found = {
            "crane": [
                f"'{self.crane}' push '{pulled}' HOST:{first}",
                *(f"'{self.crane}' tag HOST:{first} {tag}" for tag in more),
            ]
        }
        if self.regctl:
            copy = f"{' '.join(regctl(self.regctl, 'REGISTRY'))} image copy"
            # crane writes no tag into the layout.
            (entry,) = json.loads((pulled / "index.json").read_text())["manifests"]
            found["regctl"] = [
                f"{copy} ocidir://{pulled}@{entry['digest']} HOST:{first}",
                *(f"{copy} HOST:{first} HOST:{tag}" for tag in more),
            ]
        if self.skopeo:
            copy = f"'{self.skopeo}' copy -q --src-tls-verify=false --dest-tls-verify=false"
            found["skopeo"] = [
                f"{copy} --preserve-digests oci:{pulled} docker://HOST:{first}",
                *(f"{copy} docker://HOST:{first} docker://HOST:{tag}" for tag in more),
            ]
        return found


@contextlib.contextmanager
def _link(folder: Path) -> Iterator[str]:
    """Start an empty registry behind a slow link; give its address on the link."""
    server = RegistryServer(folder)
    link = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.wan", str(server.port)], stdout=subprocess.PIPE
    )
    try:
        assert link.stdout is not None
        yield f"127.0.0.1:{int(link.stdout.readline())}"
    finally:
        link.kill()
        link.communicate()
        server.close()


def _table(samples: Mapping[str, list[Sample]]) -> str:
    peers = samples["crane"]
    lines = [
        "### a small image over a link of 30 ms",
        "",
        f"{len(peers)} rounds. `crane`: `crane push` and four `crane tag`. Others: a copy, and four copies of that.",
        "",
        "| command | wall s (min, median, max) | CPU s | ratio to crane | bar |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, series in samples.items():
        walls = [sample.wall for sample in series]
        middle = statistics.median(walls)
        ratio = statistics.median(own.wall / peer.wall for own, peer in zip(series, peers, strict=True))
        bar = BARS.get(name)
        verdict = ""
        if bar is not None:
            met = middle <= bar.seconds and ratio <= bar.ratio
            verdict = f"{bar.seconds:g} s and {bar.ratio:g}: {'met' if met else 'MISSED'}"
        cpu = statistics.median(sample.cpu for sample in series)
        spread = f"{min(walls):.2f}, **{middle:.2f}**, {max(walls):.2f}"
        lines.append(f"| {name} | {spread} | {cpu:.2f} | {ratio:.2f} | {verdict} |")
    return "\n".join(lines)
