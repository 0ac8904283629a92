"""Measures how fast shipmark, crane, skopeo, regctl and oras-py move images; each run has a fresh, empty registry.

Times are wall-clock times, since a push is bound by the registry and the network. The output names compared programs
that this machine lacks.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from release.compression.codecs import gzip
from release.layout.layout import Layout
from release.oci import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor
from release.oci.manifest import digest_bytes, encode_manifest
from tests.bench.harness import Command, Sample, measure
from tests.support.programs.environment import scrubbed
from tests.support.registries.registry import RegistryServer
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import SEARCH_PATH, missing

_EDITION = 1
_LAYERS = (63, 86, 46, 42, 50, 47)  # MiB
_TAGS = 1000
_LIMIT = 300.0
_CRANE = "github.com/google/go-containerregistry/cmd/crane@latest"
_REGCTL = "github.com/regclient/regclient/cmd/regctl@latest"
_ORAS = "oras==0.2.43"
_ORAS_PUSH = """
import sys
from oras.client import OrasClient
from oras.layout import Layout
client = OrasClient(insecure=True)
Layout(sys.argv[1]).push_to_registry(client, sys.argv[2], tag="1.0")
"""


class Bar(NamedTuple):
    """The largest acceptable ratio of shipmark's time to that of another program."""

    peer: str
    most: float


class Case(NamedTuple):
    """A comparison. `commands` gives the argument lists for a registry's address and its authority's file."""

    title: str
    link: str  # "http", "tls", "wan"; "two": two registries, whose addresses come with a comma between them
    commands: Callable[[str, Path | None], Mapping[str, Sequence[str | Path]]]
    bars: tuple[Bar, ...] = ()
    prepare: Callable[[RegistryServer], None] = lambda server: None
    env: Mapping[str, str] = {}


def run(folder: Path, *, rounds: int) -> Iterator[str]:
    """Yield one table for each case. `folder`: where images and peers are kept."""
    tools = _Tools(folder)
    layout, archive = _images(folder)
    for case in _cases(tools, layout, archive):
        yield _compare(case, folder, rounds)
    if missing("docker") is None:
        yield _from_daemon(tools, archive, folder, rounds)
    else:
        tools.missing.append("docker")
    if tools.missing:
        yield "missing peers: " + ", ".join(tools.missing)


class _Tools:
    """The programs that the push benchmark compares: where each is installed."""

    def __init__(self, folder: Path) -> None:
        self.missing: list[str] = []
        self.own: list[str | Path] = [sys.executable, "-I", Path(sys.executable).parent / "shipmark"]
        self.crane = find_crane(folder) or self._none("crane (needs go)")
        self.skopeo = find_skopeo() or self._none("skopeo")
        self.regctl = find_regctl(folder) or self._none("regctl (needs go)")
        self.oras = _oras(folder) or self._none("oras-py")

    def _none(self, name: str) -> str | None:
        self.missing.append(name)
        return None


Commands = dict[str, Sequence[str | Path]]


class _Moves:
    """Makes the argument lists of each tool, for each kind of move of an image."""

    def __init__(self, tools: _Tools, layout: Path, archive: Path) -> None:
        self._tools = tools
        self._layout = layout
        self._archive = archive
        self._copy: list[str | Path] = [*tools.own, "image", "copy", "-q"]

    def push(self, host: str, ca: Path | None) -> Commands:
        """Return the commands that push a layout to a registry."""
        place, tools = f"{host}/bench/app:1.0", self._tools
        found: Commands = {}
        if tools.crane:
            found["crane"] = [tools.crane, "push", self._layout, place]
        found["shipmark"] = [*self._copy, f"oci:{self._layout}:1.0", place]
        if tools.skopeo:
            trust = ["--dest-cert-dir", _only(ca)] if ca else ["--dest-tls-verify=false"]
            places = [f"oci:{self._layout}:1.0", f"docker://{place}"]
            found["skopeo"] = [tools.skopeo, "copy", "--quiet", "--preserve-digests", *trust, *places]
        if tools.regctl and ca is None:
            found["regctl"] = [
                *regctl(tools.regctl, host),
                "image",
                "copy",
                f"ocidir://{self._layout}:1.0",
                place,
            ]
        if tools.oras and ca is None:
            found["oras-py"] = [tools.oras, "-c", _ORAS_PUSH, self._layout, place]
        return found

    def from_archive(self, host: str, ca: Path | None) -> Commands:
        """Return the commands that push an archive of `docker save` to a registry, and compress its layers."""
        del ca
        place, found = f"{host}/bench/app:1.0", Commands()
        if self._tools.skopeo:
            places = [f"docker-archive:{self._archive}", f"docker://{place}"]
            found["skopeo"] = [self._tools.skopeo, "copy", "--quiet", "--dest-tls-verify=false", *places]
        found["shipmark"] = [*self._copy, f"docker-archive:{self._archive}", place]
        return found

    def promote(self, host: str, ca: Path | None) -> Commands:
        """Return the commands that copy an image from one repository to another of the registry."""
        del ca
        return self._from_registry(f"{host}/bench/app:1.0", f"{host}/bench/promoted:1.0")

    def between(self, hosts: str, ca: Path | None) -> Commands:
        """Return the commands that copy an image from one registry to another."""
        del ca
        here, there = hosts.split(",")
        return self._from_registry(f"{here}/bench/app:1.0", f"{there}/bench/app:1.0")

    def pull(self, host: str, ca: Path | None) -> Commands:
        """Return the commands that pull an image from a registry into a layout."""
        del ca
        place = self._layout.parent / "pulled"
        shutil.rmtree(place, ignore_errors=True)
        found = self._from_registry(f"{host}/bench/app:1.0", f"oci:{place}:1.0")
        if self._tools.crane:
            found["crane"] = [self._tools.crane, "pull", "--format", "oci", f"{host}/bench/app:1.0", place]
        return found

    def digests(self, host: str, ca: Path | None) -> Commands:
        """Return the commands that print the digest of every tag of a repository."""
        del ca
        place, found = f"{host}/bench/app", Commands()
        if self._tools.skopeo:
            inspect = f"{self._tools.skopeo} inspect --tls-verify=false --format '{{{{.Digest}}}}' -n"
            script = f"seq 0 {_TAGS - 1} | xargs -P 8 -I X {inspect} docker://{place}:1.0.X"
            found["skopeo, 8 processes"] = ["sh", "-c", script]
        found["shipmark"] = [*self._tools.own, "image", "list", "-q", "--digests", place]
        return found

    def fill(self, server: RegistryServer) -> None:
        """Push the layout to a registry, before a measurement."""
        argv = [*self._copy, f"oci:{self._layout}:1.0", f"{server.host}/bench/app:1.0"]
        home = self._layout.parent / "home"
        subprocess.run(argv, check=True, env=scrubbed(home), cwd=home, stdout=subprocess.DEVNULL)

    def _from_registry(self, source: str, place: str) -> Commands:
        found: Commands = {}
        if self._tools.crane:
            found["crane"] = [self._tools.crane, "copy", source, place]
        found["shipmark"] = [*self._copy, source, place]
        if self._tools.skopeo:
            plain = ["--quiet", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"]
            target = place if place.startswith("oci:") else f"docker://{place}"
            found["skopeo"] = [self._tools.skopeo, "copy", *plain, f"docker://{source}", target]
        return found


def _cases(tools: _Tools, layout: Path, archive: Path) -> list[Case]:
    moves = _Moves(tools, layout, archive)
    size = f"{sum(_LAYERS)} MiB"
    crane, skopeo = Bar("crane", 1.05), Bar("skopeo", 0.65)
    listing = (Bar("skopeo, 8 processes", 0.2),)
    return [
        Case(f"push of a layout of {size}, plain http", "http", moves.push, (Bar("crane", 1.15), skopeo)),
        Case(f"push of a layout of {size}, TLS", "tls", moves.push, (crane, skopeo)),
        Case(f"push of a layout of {size}, 30 ms and 25 MB/s", "wan", moves.push, (crane, skopeo)),
        Case(f"push of a plain archive, {gzip().name}", "http", moves.from_archive, (Bar("skopeo", 0.5),)),
        Case("copy between two registries", "two", moves.between, prepare=moves.fill),
        Case("promote within one registry", "http", moves.promote, prepare=moves.fill),
        Case("pull into a layout", "http", moves.pull, prepare=moves.fill),
        Case(f"digests of {_TAGS} tags", "http", moves.digests, listing, _many_tags),
    ]


def _from_daemon(tools: _Tools, archive: Path, folder: Path, rounds: int) -> str:
    """Compare moves of an image from a new docker daemon into a registry with `docker push`."""
    daemon = DockerDaemon()
    try:
        daemon.docker("load", "--input", str(archive))

        def push(host: str, ca: Path | None) -> Commands:
            del ca
            place = f"{host}/bench/app:1.0"
            script = f"docker tag bench/app:1.0 {place} && docker push -q {place} && docker rmi {place}"
            found: Commands = {"docker push": ["sh", "-c", script]}
            source = "docker-daemon:bench/app:1.0"
            if tools.skopeo:
                plain = ["--quiet", "--dest-tls-verify=false", "--src-daemon-host", daemon.host]
                found["skopeo"] = [tools.skopeo, "copy", *plain, source, f"docker://{place}"]
            found["shipmark"] = [*tools.own, "image", "copy", "-q", source, place]
            return found

        title = f"push out of a daemon, {gzip().name}"
        bars = (Bar("docker push", 0.65),)
        return _compare(Case(title, "http", push, bars, env={"DOCKER_HOST": daemon.host}), folder, rounds)
    finally:
        daemon.stop()


def _only(ca: Path) -> Path:
    """Return a folder that contains only the authority's certificate, for skopeo's `--cert-dir`."""
    folder = ca.parent / "authorities"
    folder.mkdir(exist_ok=True)
    shutil.copy(ca, folder / "ca.crt")
    return folder


def _compare(case: Case, folder: Path, rounds: int) -> str:
    samples: dict[str, list[Sample]] = {}
    failed: dict[str, str] = {}
    names: list[str] = []
    for number in range(rounds):
        turn = number % len(names) if names else 0
        for position in range(len(names) or 99):
            with _registry(case, folder) as (host, ca):
                commands = case.commands(host, ca)
                names = names or list(commands)
                if position >= len(names):
                    break
                name = names[(position + turn) % len(names)]
                if name in failed:
                    continue
                try:
                    env = {**_environment(folder, ca), **case.env}
                    command = Command(name, commands[name], folder, env)
                    samples.setdefault(name, []).append(measure(command, limit=_LIMIT))
                except (RuntimeError, TimeoutError) as error:
                    failed[name] = str(error)
    return _table(case, names, samples, failed)


@contextlib.contextmanager
def _registry(case: Case, folder: Path) -> Iterator[tuple[str, Path | None]]:
    """Start a new, empty registry for one run of a command."""
    own = folder / "registry"
    for place in (own, folder / "registry-2"):
        shutil.rmtree(place, ignore_errors=True)
    server = RegistryServer(own, tls=case.link == "tls")
    other = RegistryServer(folder / "registry-2") if case.link == "two" else None
    link = None
    try:
        case.prepare(server)
        host = server.host
        if case.link == "wan":
            link = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.wan", str(server.port)], stdout=subprocess.PIPE
            )
            assert link.stdout is not None
            host = f"127.0.0.1:{int(link.stdout.readline())}"
        yield f"{host},{other.host}" if other is not None else host, server.ca
    finally:
        if other is not None:
            other.close()
        if link is not None:
            link.kill()
            link.communicate()
        server.close()
        # The times of the next run should not hold the disk's work of this one.
        os.sync()


def _environment(folder: Path, ca: Path | None) -> dict[str, str]:
    home = folder / "bench-home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    shutil.rmtree(folder / ".shipmark", ignore_errors=True)
    return {**scrubbed(home), **({"SSL_CERT_FILE": str(ca)} if ca else {})}


def _table(
    case: Case, names: Sequence[str], samples: Mapping[str, Sequence[Sample]], failed: Mapping[str, str]
) -> str:
    lines = [
        f"### {case.title}",
        "",
        "| command | wall s (min, median, max) | CPU s | peak MiB |",
        "| --- | --- | --- | --- |",
    ]
    for name in names:
        if name in failed:
            lines.append(f"| {name} | {failed[name]} | | |")
            continue
        walls = [sample.wall for sample in samples[name]]
        cpu = statistics.median(sample.cpu for sample in samples[name])
        rss = max(sample.rss for sample in samples[name])
        wall = f"{min(walls):.2f}, **{statistics.median(walls):.2f}**, {max(walls):.2f}"
        lines.append(f"| {name} | {wall} | {cpu:.2f} | {rss:.0f} |")
    lines.append("")
    for peer, most in case.bars:
        if peer in samples and peer not in failed and "shipmark" not in failed:
            pairs = zip(samples["shipmark"], samples[peer], strict=True)
            ratios = sorted(own.wall / other.wall for own, other in pairs)
            ratio = statistics.median(ratios)
            verdict = "met" if ratio <= most else "MISSED"
            spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
            lines.append(
                f"shipmark / {peer}: **{ratio:.2f}** ({spread} in {len(ratios)} rounds), bar {most}: {verdict}"
            )
    return "\n".join(lines)


def _images(folder: Path) -> tuple[Path, Path]:
    """Return a layout of about 334 MiB and an archive as `docker save` writes it; both are made once."""
    place, archive = folder / f"layout-{_EDITION}", folder / f"archive-{_EDITION}.tar"
    if not archive.exists():
        shutil.rmtree(place, ignore_errors=True)
        # In a process of its own: what it takes of memory would count for every command that is measured after.
        subprocess.run([sys.executable, "-m", "tests.bench.push", place, archive], check=True)
    return place, archive


def _make_layout(place: Path) -> None:
    layout, seed = Layout(str(place)), random.Random(7)
    layers = []
    for size in _LAYERS:
        content = seed.randbytes(size << 20)
        layer = Descriptor(media_type=f"{OCI_LAYER}+gzip", digest=digest_bytes(content), size=len(content))
        layout.put_blob(layer, lambda content=content: io.BytesIO(content))  # type: ignore[misc]  # bound at once
        layers.append(layer)
    rootfs = {"type": "layers", "diff_ids": [layer.digest for layer in layers]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    described = Descriptor(media_type=OCI_CONFIG, digest=digest_bytes(config), size=len(config))
    layout.put_blob(described, lambda: io.BytesIO(config))
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": layers}
    layout.put_manifest(encode_manifest(document, OCI_MANIFEST), tag="1.0")


def _make_archive(archive: Path) -> None:
    """Make an archive whose layers are like a root file system: half text, half programs."""
    seed = random.Random(8)
    words = [bytes(seed.choices(b"abcdefghijklmnopqrstuvwxyz", k=seed.randint(2, 9))) for _ in range(3000)]
    layers: dict[str, bytes] = {}
    for number, size in enumerate(_LAYERS):
        pieces = []
        for _ in range(size):
            pieces.append(b" ".join(seed.choices(words, k=95_000))[: 1 << 19])
            pieces.append(seed.randbytes(1 << 18))
            pieces.append(bytes(seed.choices(b"\0\x01\x02\x7fELF\x90", k=1 << 18)))
        layers[f"{number:064x}/layer.tar"] = _tar({f"data-{number}": b"".join(pieces)})
    diff_ids = [digest_bytes(layer) for layer in layers.values()]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    name = f"{digest_bytes(config).removeprefix('sha256:')}.json"
    entry = {"Config": name, "RepoTags": ["bench/app:1.0"], "Layers": list(layers)}
    partial = archive.with_suffix(".partial")
    partial.write_bytes(_tar({**layers, name: config, "manifest.json": json.dumps([entry]).encode()}))
    partial.rename(archive)


def _tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _many_tags(server: RegistryServer) -> None:
    """Put one small image under `_TAGS` tags."""
    config = b'{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'
    status, headers, _ = server.request("POST", "/v2/bench/app/blobs/uploads/")
    assert status == 202
    path = headers["location"].partition(server.host)[2]
    server.request("PUT", f"{path}&digest={digest_bytes(config)}", body=config)
    described = Descriptor(media_type=OCI_CONFIG, digest=digest_bytes(config), size=len(config))
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": []}
    raw = encode_manifest(document, OCI_MANIFEST).raw
    for number in range(_TAGS):
        path = f"/v2/bench/app/manifests/1.0.{number}"
        server.request("PUT", path, body=raw, headers={"Content-Type": OCI_MANIFEST})


def find_crane(folder: Path) -> str | None:
    """Return the path of crane: installed on this machine, or built by Go below `folder`; None without both."""
    return find_go_program(folder, _CRANE)


def find_regctl(folder: Path) -> str | None:
    """Return the path of regctl: installed on this machine, or built by Go below `folder`; None without both."""
    return find_go_program(folder, _REGCTL)


def find_skopeo() -> str | None:
    """Return the path of skopeo; None if it is not installed."""
    return shutil.which("skopeo", path=SEARCH_PATH)


def regctl(program: str, host: str) -> list[str]:
    """Return the beginning of a command line of regctl for a registry that speaks plain http."""
    return [program, "--host", f"reg={host},tls=disabled"]


def find_go_program(folder: Path, package: str) -> str | None:
    """Return the path of the program of a Go package (`example.org/cmd/x@v1`), found or built as `find_crane` does."""
    path, _, version = package.partition("@")
    name = path.rpartition("/")[2]
    found = shutil.which(name, path=SEARCH_PATH)
    if found:
        return found
    place = folder / "go" / version / name
    go = shutil.which("go", path=f"{SEARCH_PATH}{os.pathsep}/usr/local/go/bin")
    if not place.exists() and go is not None:
        env = {**os.environ, "GOBIN": str(place.parent), "GOFLAGS": "-mod=mod"}
        subprocess.run([go, "install", package], env=env, check=False)
    return str(place) if place.exists() else None


def _oras(folder: Path) -> str | None:
    """Return the Python interpreter of an environment with oras-py; None if it cannot be installed."""
    place = folder / "oras"
    if not (place / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        install: list[str | Path] = [
            place / "bin" / "python",
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "install",
            _ORAS,
        ]
        if subprocess.run(install, check=False).returncode != 0:
            return None
        (place / "installed").touch()
    return str(place / "bin" / "python")


if __name__ == "__main__":
    _make_layout(Path(sys.argv[1]))
    _make_archive(Path(sys.argv[2]))
