"""Measures a context of 400 MB, built and pushed by BuildKit: through shipmark, and by buildx alone.

Both use one daemon, whose cache is emptied before each cold build. The rebuild is `--rebuild` of the same commit, which
builds in any case; the same command once more finds the release and builds nothing. buildx has one command for both.

With a delay, the daemon is behind a proxy that makes loopback behave like a wide-area link. The registry is next to the
daemon, so only an image that comes to this machine crosses the link.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.bench.harness import Command, Sample, measure, ratio_of, row
from tests.bench.wan import DELAY
from tests.support.programs.environment import EPOCH, scrubbed
from tests.support.registries.registry import RegistryServer
from tests.support.registries.tls import Authority
from tests.support.services.buildkit import BuildKitDaemon

_EDITION = 1
_FILES, _FILE = 400, 1 << 20
_LIMIT = 600.0
_BAR = 1.5  # shipmark's time, as a multiple of that of buildx alone
_PHASES = ("cold", "rebuild", "unchanged")
_OWN, _CLIENT, _BARE = "shipmark, by digest", "shipmark, by client", "buildx"
# The layers that shipmark asks for: BuildKit rewrites the times in each layer at each export, and compresses it again.
_SAME = "buildx, rewrite-timestamp"
_NAMES = (_OWN, _SAME, _BARE, _CLIENT)


class Place(NamedTuple):
    """A daemon as buildx reaches it. `env`: the variables for it."""

    daemon: BuildKitDaemon
    env: Mapping[str, str]


def run(
    folder: Path,
    built: Path,
    hub: RegistryServer,
    *,
    rounds: int,
    links: tuple[str, ...] = ("local", "delayed"),
) -> Iterator[str]:
    """Yield a table for a local daemon and one for a remote daemon. `built`: BuildKit's programs."""
    project = _Project(folder / f"context-{_EDITION}")
    for link in links:
        with ExitStack() as stack:
            place = _place(folder / f"context-{link}", built, hub, stack, is_delayed=link == "delayed")
            samples: dict[tuple[str, str], list[Sample]] = {}
            for number in range(rounds):
                turn = number % len(_NAMES)
                for name in _NAMES[turn:] + _NAMES[:turn]:
                    _round(name, project, place, folder, samples)
            title = f"at a round trip of {2000 * DELAY:.0f} ms" if link == "delayed" else "local"
            yield from (_table(f"{title}, {phase}", phase, samples) for phase in _PHASES)


class _Project:
    """A repository with 400 files of 1 MiB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / ".git/refs/tags/v1.0.0").exists():
            shutil.rmtree(path, ignore_errors=True)
            seed = random.Random(3)
            for number in range(_FILES):
                place = path / "files" / f"d{number % 20}" / f"f{number}"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(seed.randbytes(_FILE))
            (path / "Dockerfile").write_text("FROM scratch\nCOPY files /srv/files\n")
            self._git("init", "--quiet", "--initial-branch=main")
            self._git("add", "--all")
            who = ("-c", "user.name=Ada Tester", "-c", "user.email=ada@example.org")
            self._git(*who, "commit", "--quiet", "--message=first")
            self._git("tag", "v1.0.0")

    def _git(self, *args: str) -> str:
        env = scrubbed(self.path.parent)
        return subprocess.run(
            ["git", *args], cwd=self.path, env=env, check=True, capture_output=True, text=True
        ).stdout


def _place(folder: Path, built: Path, hub: RegistryServer, stack: ExitStack, *, is_delayed: bool) -> Place:
    shutil.rmtree(folder, ignore_errors=True)
    config = folder / "docker"
    if not is_delayed:
        daemon = BuildKitDaemon(built, hub)
        stack.callback(daemon.stop)
        return Place(daemon, daemon.buildx_env(config))
    authority = Authority(folder / "authority")
    daemon = BuildKitDaemon(built, hub, authority=authority)
    stack.callback(daemon.stop)
    upstream = daemon.host.rpartition(":")[2]
    argv = [sys.executable, "-m", "tests.bench.wan", upstream]
    proxy = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    stack.callback(proxy.wait)
    stack.callback(proxy.terminate)
    assert proxy.stdout is not None
    stack.callback(proxy.stdout.close)
    port = int(proxy.stdout.readline())
    certificate, key = authority.issue("client")
    options = f"cacert={authority.path},cert={certificate},key={key},servername=127.0.0.1"
    env = {
        "PATH": daemon.env["PATH"],
        "SHIPMARK_BUILDX": str(built / "buildx"),
        "DOCKER_CONFIG": str(config),
        "BUILDX_BUILDER": "bench",
    }
    made = (
        "create",
        "--name",
        "bench",
        "--driver",
        "remote",
        "--driver-opt",
        options,
        f"tcp://127.0.0.1:{port}",
    )
    daemon.run("buildx", *made, env=env)
    return Place(daemon, env)


def _round(
    name: str, project: _Project, place: Place, folder: Path, samples: dict[tuple[str, str], list[Sample]]
) -> None:
    place.daemon.run("buildx", "prune", "--all", "--force", env=place.env)
    home, own = folder / "context-home", folder / "context-registry"
    for path in (home, own):
        shutil.rmtree(path, ignore_errors=True)
    home.mkdir()
    server = RegistryServer(own)
    try:
        argv = _argv(name, f"{server.host}/bench/app", home, place)
        for phase in _PHASES:
            again = ["--rebuild", "v1.0.0"] if phase == "rebuild" and name in (_OWN, _CLIENT) else []
            env = {**scrubbed(home), **place.env, "SOURCE_DATE_EPOCH": str(EPOCH)}
            taken = measure(Command(name, [*argv, *again], project.path, env), limit=_LIMIT)
            samples.setdefault((phase, name), []).append(taken)
    finally:
        server.close()


def _argv(name: str, repository: str, home: Path, place: Place) -> list[str | Path]:
    if name in (_BARE, _SAME):
        output = f"type=image,name={repository}:1.0,push=true,registry.insecure=true"
        output += ",oci-mediatypes=true,rewrite-timestamp=true" if name == _SAME else ""
        return [place.env["SHIPMARK_BUILDX"], "build", "--provenance=false", "--output", output, "."]
    push = "by-client" if name == _CLIENT else "auto"
    config = home / "shipmark.yml"
    config.write_text(
        f"image: {repository}\nlog: {{path: {home / 'log.jsonl'}}}\nbuild: {{builder: buildkit, push: {push}}}\n"
    )
    own = Path(sys.executable).parent / "shipmark"
    return [sys.executable, "-I", own, "--config", config, "run", "-q"]


def _table(title: str, phase: str, samples: Mapping[tuple[str, str], list[Sample]]) -> str:
    lines = [
        f"### build and push of a context of 400 MB by BuildKit, {title}",
        "",
        "| command | wall s (min, median, max) | CPU s | peak MiB |",
        "| --- | --- | --- | --- |",
    ]
    lines += [row(name, samples[phase, name]) for name in _NAMES]
    ratio = ratio_of(samples[phase, _OWN], samples[phase, _BARE])
    met = "met" if ratio <= _BAR else "MISSED"
    same = ratio_of(samples[phase, _OWN], samples[phase, _SAME])
    return "\n".join(
        [
            *lines,
            "",
            f"{_OWN} / {_BARE}: **{ratio:.2f}**, bar {_BAR}: {met}",
            f"{_OWN} / {_SAME}: **{same:.2f}**",
        ]
    )
