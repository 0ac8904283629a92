"""Copies odd images to and from registries, layouts, archives and a daemon by shipmark and its peers; compares them.

The peers are skopeo, crane and regctl. An image is identified by its digest or, where the format has no manifest
(`docker-archive:`, `docker-daemon:`), by the digest of its config, which Docker shows as its id, and its diff ids.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from release.app.images.copy import CopyRequest, copy
from release.app.workspace import open_workspace
from release.errors import ReleaseError
from release.layout.layout import Layout
from tests.support.programs.environment import scrubbed
from tests.support.registries.copy_refusals import reason
from tests.support.registries.images import Image, store
from tests.support.registries.odd_images import ODD
from tests.support.registries.registry import RegistryServer
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import program

#: What an image is told by: `digest` or `config`, and the values.
Told = tuple[str, ...]


class Source(NamedTuple):
    """An image to copy. `text`: its location as an argument of shipmark and skopeo; `folder`: its layout, or None.

    `digest`: of its manifest, None for an archive of `docker save`. `config`: the digest of the config of the image for
    amd64 (or of the first image of an index), None if the manifest names no config.
    """

    name: str
    text: str
    folder: Path | None
    digest: str | None
    config: str | None


class Outcome(NamedTuple):
    """Result of one copy. `verdict`: `equal`, `refused`, `both refuse`, or what is wrong. `detail`: why."""

    image: str
    place: str
    way: str
    verdict: str
    detail: str

    @property
    def is_right(self) -> bool:
        """Return whether the copy is equal, or was refused for a reason that `copy_refusals` lists."""
        return self.verdict in ("equal", "refused", "both refuse")


class Bench:
    """Runs copies in `folder`. `registries`: servers by the name of their kind.

    `crane`, `regctl`: the programs, if installed. regctl copies layouts to registries and layouts, beside other peers.
    """

    def __init__(
        self,
        folder: Path,
        registries: Mapping[str, RegistryServer],
        daemon: DockerDaemon | None = None,
        crane: Path | None = None,
        regctl: Path | None = None,
    ) -> None:
        self.folder = folder
        self.registries = registries
        self.daemon = daemon
        self.crane = crane
        self.regctl = regctl
        self._env = scrubbed(folder / "home")
        if daemon is not None:
            self._env["DOCKER_HOST"] = daemon.host

    @property
    def places(self) -> tuple[str, ...]:
        """Return the names of the registries and of the other kinds of destinations."""
        kinds = ("oci", "oci-archive", "docker-archive", "dir")
        return (*self.registries, *kinds, *(("docker-daemon",) if self.daemon is not None else ()))

    def run(self, source: Source) -> Iterator[Outcome]:
        """Copy the image to every kind of destination, and from there to a layout; yield the result of each copy."""
        for place in self.places:
            ours, theirs = (self._name(place, source, who) for who in ("ours", "theirs"))
            mine, peers = self._copy(source.text, ours), self._peer(source, place, theirs)
            yield self._judge(source, place, "to", (mine, ours), (peers, theirs), source.text)
            if self.regctl is not None and source.folder is not None and place in (*self.registries, "oci"):
                third = self._name(place, source, "regctl")
                said = self._by_regctl(source.folder, third)
                yield self._judge(source, place, "beside regctl to", (mine, ours), (said, third), source.text)
            origin = theirs if peers is None else ours if mine is None else None
            if origin is None:
                yield Outcome(source.name, place, "from", "both refuse", "nothing is there to copy from")
                continue
            back, there = (
                f"oci:back-{_slug(source.name)}-{place}:1.0",
                self._at("dir", source, f"peer-{place}"),
            )
            returned, peers = self._copy(origin, back), self._peer_back(origin, place, there)
            yield self._judge(source, place, "from", (returned, back), (peers, there), origin)

    def told(self, text: str, *, by_config: bool) -> Told | None:
        """Return what identifies the image at `text`: its digest, or config and diff ids; None if it cannot be read."""
        with contextlib.suppress(OSError, LookupError, KeyError, ValueError, subprocess.SubprocessError):
            return self._told(text, by_config)
        return None

    def _told(self, text: str, by_config: bool) -> Told:
        kind, _, rest = text.partition(":")
        if kind in ("docker-archive", "docker-daemon"):
            return self._saved(kind, rest)
        if kind == "docker":
            host, _, name = rest.removeprefix("//").partition("/")
            server = next(one for one in self.registries.values() if one.host == host)
            repository, _, tag = name.rpartition(":")
            raw = server.manifest(repository, tag)[1]

            def fetch(digest: str) -> bytes:
                return server.request("GET", f"/v2/{repository}/blobs/{digest}")[2]

            read: Callable[[str], bytes] = fetch
        else:
            raw, read = self._stored(kind, rest)
        document = json.loads(raw)
        if not by_config:
            return ("digest", _digest(raw))
        while "manifests" in document:  # of an index, daemons get the image for this machine
            document = json.loads(read(_for_daemons(document["manifests"])["digest"]))
        return _config_told(read(document["config"]["digest"]))

    def _stored(self, kind: str, rest: str) -> tuple[bytes, Callable[[str], bytes]]:
        path = self.folder / rest.split(":", maxsplit=1)[0]
        if kind == "dir":
            return (path / "manifest.json").read_bytes(), lambda digest: (path / digest[7:]).read_bytes()
        if kind == "oci":

            def read(digest: str) -> bytes:
                return (path / "blobs" / digest.replace(":", "/")).read_bytes()

            index = (path / "index.json").read_bytes()
        else:
            with tarfile.open(path) as archive:
                members = {
                    one.name: stream.read()
                    for one in archive
                    if (stream := archive.extractfile(one)) is not None
                }
            read, index = lambda digest: members["blobs/" + digest.replace(":", "/")], members["index.json"]
        # A layout may list other manifests, too, such as the list of an image's referrers.
        listed = json.loads(index)["manifests"]
        entry = next((one for one in listed if "1.0" in str(one.get("annotations"))), listed[0])
        return read(entry["digest"]), read

    def _saved(self, kind: str, rest: str) -> Told:
        if kind == "docker-daemon":
            assert self.daemon is not None
            shown = json.loads(self.daemon.docker("image", "inspect", rest).stdout)[0]
            return ("config", shown["Id"], *(shown["RootFS"].get("Layers") or ()))
        with tarfile.open(self.folder / rest.split(":", maxsplit=1)[0]) as archive:
            (entry,) = json.loads(_member(archive, "manifest.json"))
            return _config_told(_member(archive, entry["Config"]))

    def _judge(
        self,
        source: Source,
        place: str,
        way: str,
        ours: tuple[str | None, str],
        theirs: tuple[str | None, str],
        origin: str,
    ) -> Outcome:
        # A conversion to or from an archive of `docker save` makes a new manifest, and keeps the config.
        by_config = "docker-" in place or source.digest is None
        refused, peer_refused = ours[0], theirs[0]
        if refused is not None:
            why = reason(refused)
            verdict = "WRONG: refused" if why is None else "both refuse" if peer_refused else "refused"
            return Outcome(source.name, place, way, verdict, refused)
        mine = self.told(ours[1], by_config=by_config)
        wanted = source.config if by_config else source.digest
        if source.digest is None:
            # skopeo writes the config of an archive of `docker save` anew when it makes an OCI image of the archive.
            # crane and shipmark keep it: it must be what was there to copy.
            there = self.told(origin, by_config=True) if way == "from" else None
            wanted = there[1] if there is not None else source.config
        elif peer_refused is None and (peers := self.told(theirs[1], by_config=by_config)) is not None:
            if mine == peers:
                return Outcome(source.name, place, way, "equal", "to the peer's")
            return Outcome(source.name, place, way, "WRONG: differs", f"{mine} and the peer's {peers}")
        if mine is not None and mine[1] == wanted:
            return Outcome(source.name, place, way, "equal", f"to the source; the peer: {peer_refused}")
        return Outcome(source.name, place, way, "WRONG: differs", f"{mine} and the source's {wanted}")

    def _copy(self, source: str, destination: str) -> str | None:
        """Copy an image by shipmark; return the message of the error, or None if the copy succeeded."""
        workspace = open_workspace(str(self.folder), env=self._env, ci="none")
        try:
            copy(workspace, CopyRequest(source=source, destination=destination, move=True))
        except ReleaseError as error:
            return error.message
        except Exception as error:  # noqa: BLE001 - whatever breaks is a cell of the report
            return f"a defect: {error!r}"
        finally:
            getattr(workspace.registries, "close", lambda: None)()
        return None

    def _peer(self, source: Source, place: str, destination: str) -> str | None:
        if place in self.registries and self.crane is not None and source.folder is not None:
            name = destination.removeprefix("docker://")
            said = self._run(str(self.crane), "push", "--insecure", str(source.folder), name)
            if said is None:
                return None
        return self._skopeo(
            source.text, destination, whole="docker-" not in place and source.digest is not None
        )

    def _peer_back(self, origin: str, place: str, destination: str) -> str | None:
        return self._skopeo(origin, destination, whole="docker-" not in place)

    def _by_regctl(self, folder: Path, destination: str) -> str | None:
        kind, _, name = destination.partition(":")
        hosts = [f"--host=reg={one.host},tls=disabled" for one in self.registries.values()]
        target = name.removeprefix("//") if kind == "docker" else f"ocidir://{name}"
        return self._run(str(self.regctl), *hosts, "image", "copy", f"ocidir://{folder}:1.0", target)

    def _skopeo(self, source: str, destination: str, *, whole: bool) -> str | None:
        how = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        how += ["--all", "--preserve-digests"] if whole else []
        if self.daemon is not None:
            how += ["--src-daemon-host", self.daemon.host, "--dest-daemon-host", self.daemon.host]
        return self._run(program("skopeo"), "copy", "--quiet", *how, source, destination)

    def _run(self, *argv: str) -> str | None:
        done = subprocess.run(
            argv, cwd=self.folder, env=self._env, capture_output=True, text=True, timeout=120
        )
        return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1]

    def _name(self, place: str, source: Source, who: str) -> str:
        return self._at(place, source, who)

    def _at(self, place: str, source: Source, who: str) -> str:
        name = f"{who}-{_slug(source.name)}"
        if place in self.registries:
            return f"docker://{self.registries[place].host}/{name}:1.0"
        if place == "dir":
            return f"dir:{name}.d"
        if place == "docker-daemon":
            return f"docker-daemon:{name}:1.0"
        return {
            "oci": f"oci:{name}:1.0",
            "oci-archive": f"oci-archive:{name}.oci.tar:1.0",
            "docker-archive": f"docker-archive:{name}.tar:acme/app:1.0",
        }[place]


def made(folder: Path, name: str) -> Source:
    """Store the image `name` of `tests.support.registries.odd_images` in a layout of its own in `folder`."""
    image = ODD[name]()
    where = folder / f"made-{_slug(name)}"
    store(image, Layout(str(where)), "1.0")
    return Source(name, f"oci:{where.name}:1.0", where, image.digest, _config_of(image))


def _config_of(image: Image) -> str | None:
    """Return the digest of the config of the image for amd64, or of the first image; None if there is no config."""
    chosen = image
    while chosen.children:
        chosen = next(
            (one for one in chosen.children if b"arm64" not in one.manifest.raw), chosen.children[0]
        )
    found: str | None = json.loads(chosen.manifest.raw).get("config", {}).get("digest")
    return found


def _for_daemons(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entry of an index for amd64, or the first one."""
    fits = (one for one in entries if one.get("platform", {}).get("architecture") == "amd64")
    return next(fits, entries[0])


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    assert stream is not None
    return stream.read()


def _config_told(config: bytes) -> Told:
    document: dict[str, Any] = json.loads(config)
    return ("config", _digest(config), *(document.get("rootfs", {}).get("diff_ids") or ()))


def _digest(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def _slug(name: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in name)
