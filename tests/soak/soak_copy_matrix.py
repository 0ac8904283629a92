"""The matrix of copies: odd images of many tools, to and from every kind of place, compared with skopeo and crane.

Needs Go to build crane, regctl, oras, cosign and distribution 3, and root for buildah, podman and the Docker daemon.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from release.layout.layout import Layout
from tests.support.programs.command import Shipmark
from tests.support.programs.environment import scrubbed
from tests.support.programs.go import install
from tests.support.registries.copy_matrix import Bench, Outcome, Source, made
from tests.support.registries.images import make_image, make_index, store
from tests.support.registries.odd_images import ODD
from tests.support.registries.registry import RegistryServer
from tests.support.services.buildkit import BuildKitDaemon
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import program, require

CRANE = "github.com/google/go-containerregistry/cmd/crane@v0.22.1"
COSIGN = "github.com/sigstore/cosign/v2/cmd/cosign@v2.5.0"
ORAS = "oras.land/oras/cmd/oras@v1.2.3"
REGCTL = "github.com/regclient/regclient/cmd/regctl@v0.11.7"
DISTRIBUTION = "github.com/distribution/distribution/v3/cmd/registry@latest"
#: At most this share of the cases may be refused where the peer copies.
REFUSED = 0.05

IMAGE = make_image({"a": b"tool"}, labels={"tool": "yes"})
INDEX = make_index(IMAGE, make_image({"a": b"arm"}, platform="linux/arm64"))


class Tools:
    """Runs programs that write images into `folder`, starting with the image in the layout `from`."""

    def __init__(
        self, folder: Path, registry: RegistryServer | None = None, buildkit: BuildKitDaemon | None = None
    ) -> None:
        self.folder = folder
        self.registry = registry
        self.buildkit = buildkit
        self._env = {**scrubbed(folder / "home"), "STORAGE_DRIVER": "vfs", "COSIGN_PASSWORD": ""}
        for name, image in (("from", IMAGE), ("many", INDEX)):
            store(image, Layout(str(folder / name)), "1.0")
        (folder / "layer.tar").write_bytes(b"")
        with tarfile.open(folder / "layer.tar", "w") as archive:
            archive.add(__file__, "file", filter=_plain)

    def __call__(self, tool: str | Path, *args: str) -> str:
        path = tool if isinstance(tool, Path) else program(tool)
        done = subprocess.run(
            [str(path), *args], cwd=self.folder, env=self._env, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{tool} {args}: {done.stderr}"
        return done.stdout.strip()


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _by_skopeo(tools: Tools, destination: str, source: str = "oci:from:1.0", *more: str) -> str:
    tools("skopeo", "copy", "--quiet", *more, source, destination)
    return destination.removesuffix(":ghcr.io/acme/app:1.0")


def _by_buildah(tools: Tools, destination: str) -> str:
    stores = ("--root", str(tools.folder / "root"), "--runroot", str(tools.folder / "run"))
    pulled = tools("buildah", *stores, "pull", "-q", "oci:from:1.0")
    tools("buildah", *stores, "push", "-q", pulled, destination)
    return destination


def _by_podman(tools: Tools, how: str, destination: str) -> str:
    stores = ("--root", str(tools.folder / "proot"), "--runroot", str(tools.folder / "prun"))
    pulled = tools("podman", *stores, "pull", "-q", "oci:from:1.0")
    tools("podman", *stores, "tag", pulled, "localhost/acme/app:1.0")
    path = destination.partition(":")[2]
    tools("podman", *stores, "save", "-q", "--format", how, "-o", path, "localhost/acme/app:1.0")
    return destination


def _by_crane(tools: Tools, name: str) -> str:
    crane = install(CRANE)
    tools(crane, "append", "-f", "layer.tar", "-t", "acme/app:1.0", "-o", f"{name}.tar")
    return f"docker-archive:{name}.tar"


def _by_regctl(tools: Tools, name: str) -> str:
    tools(install(REGCTL), "image", "copy", "ocidir://many:1.0", f"ocidir://{name}:1.0")
    return f"oci:{name}"


def _exported_by_regctl(tools: Tools, name: str) -> str:
    tools(install(REGCTL), "image", "export", "ocidir://many:1.0", f"{name}.tar")
    return f"oci-archive:{name}.tar"


def _imported_by_regctl(tools: Tools, name: str) -> str:
    """Import an archive of `docker save`, as skopeo writes it, into a layout."""
    tools("skopeo", "copy", "--quiet", "oci:from:1.0", f"docker-archive:{name}.tar:acme/app:1.0")
    tools(install(REGCTL), "image", "import", f"ocidir://{name}:1.0", f"{name}.tar")
    return f"oci:{name}"


def _by_umoci(tools: Tools, name: str) -> str:
    tools("umoci", "init", "--layout", name)
    tools("umoci", "new", "--image", f"{name}:1.0")
    return f"oci:{name}"


def _by_oras(tools: Tools, name: str) -> str:
    tools(install(ORAS), "copy", "--from-oci-layout", "many:1.0", "--to-oci-layout", f"{name}:1.0")
    return f"oci:{name}"


def _artifact_by_oras(tools: Tools, name: str) -> str:
    (tools.folder / "note.txt").write_text("an artifact")
    tools(install(ORAS), "push", "--oci-layout", f"{name}:1.0", "--artifact-type", "text/x", "note.txt")
    return f"oci:{name}"


def _by_cosign(tools: Tools, name: str) -> str:
    assert tools.registry is not None
    cosign, image = install(COSIGN), f"{tools.registry.host}/signed:1.0"
    tools(install(CRANE), "push", "--insecure", "from", image)
    tools(cosign, "generate-key-pair")
    tools(cosign, "sign", "--yes", "--tlog-upload=false", "--key", "cosign.key", image)
    tools(cosign, "save", "--dir", name, image)
    return f"oci:{name}"


def _by_buildx(tools: Tools, kind: str, name: str) -> str:
    assert tools.buildkit is not None
    context = tools.folder / "context"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    tools.buildkit.run(
        *(
            "buildx",
            "build",
            "--output",
            f"type={kind},dest={tools.folder / name}.tar,name=ghcr.io/acme/app:1.0",
        ),
        str(context),
        env=tools.buildkit.buildx_env(tools.folder / "buildx"),
    )
    return f"{'oci' if kind == 'oci' else 'docker'}-archive:{name}.tar"


#: Images that real tools write, each as the place where it lies.
WRITTEN: dict[str, Callable[[Tools], str]] = {
    "skopeo, no name": lambda tools: _by_skopeo(tools, "oci:s1"),
    "skopeo, whole reference": lambda tools: _by_skopeo(tools, "oci-archive:s2.tar:ghcr.io/acme/app:1.0"),
    "skopeo, docker-archive": lambda tools: _by_skopeo(tools, "docker-archive:s3.tar:acme/app:1.0").replace(
        ":acme/app:1.0", ""
    ),
    "skopeo, index in a folder": lambda tools: _by_skopeo(tools, "dir:s4", "oci:many:1.0", "--all"),
    "skopeo, zstd": lambda tools: _by_skopeo(
        tools, "oci:s5", "oci:from:1.0", "--dest-compress-format", "zstd"
    ),
    "buildah, layout": lambda tools: _by_buildah(tools, "oci:b1"),
    "buildah, oci-archive": lambda tools: _by_buildah(tools, "oci-archive:b2.tar"),
    "podman, oci-archive": lambda tools: _by_podman(tools, "oci-archive", "oci-archive:p1.tar"),
    "podman, docker-archive": lambda tools: _by_podman(tools, "docker-archive", "docker-archive:p2.tar"),
    "crane, tarball": lambda tools: _by_crane(tools, "c1"),
    "regctl, layout": lambda tools: _by_regctl(tools, "r1"),
    "regctl, exported archive": lambda tools: _exported_by_regctl(tools, "r2"),
    "regctl, imported archive": lambda tools: _imported_by_regctl(tools, "r3"),
    "oras, layout": lambda tools: _by_oras(tools, "o1"),
    "oras, artifact": lambda tools: _artifact_by_oras(tools, "o2"),
    "cosign, layout with a signature": lambda tools: _by_cosign(tools, "g1"),
    "buildx, oci-archive": lambda tools: _by_buildx(tools, "oci", "x1"),
    "buildx, docker-archive": lambda tools: _by_buildx(tools, "docker", "x2"),
    "umoci, layout": lambda tools: _by_umoci(tools, "u1"),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, docker_daemon: DockerDaemon) -> Iterator[Bench]:
    require("docker-registry", "skopeo", "buildah", "podman", "umoci")
    folder = tmp_path_factory.mktemp("matrix")
    servers = {"registry 2.8": RegistryServer(folder / "two", foreign=True)}
    os.environ["SHIPMARK_TEST_REGISTRY"] = str(install(DISTRIBUTION))
    try:
        servers["registry 3"] = RegistryServer(folder / "three", foreign=True)
    finally:
        del os.environ["SHIPMARK_TEST_REGISTRY"]
    yield Bench(folder, servers, docker_daemon, install(CRANE), install(REGCTL))
    for server in servers.values():
        server.close()
    shutil.rmtree(folder, ignore_errors=True)


def _written(bench: Bench, tools: Tools, name: str) -> Source:
    text = WRITTEN[name](tools)
    kind, _, path = text.partition(":")
    where = bench.folder / path
    if kind == "docker-archive":
        with tarfile.open(where) as archive:
            (entry,) = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]  # a file
            config = archive.extractfile(entry["Config"]).read()  # type: ignore[union-attr]  # a file
        return Source(name, text, None, None, f"sha256:{hashlib.sha256(config).hexdigest()}")
    told = bench.told(text, by_config=False)
    config_told = bench.told(text, by_config=True)
    assert told is not None
    return Source(
        name, text, where if kind == "oci" else None, told[1], config_told[1] if config_told else None
    )


@pytest.fixture(scope="module")
def tools(bench: Bench, buildkit: BuildKitDaemon) -> Tools:
    return Tools(bench.folder, bench.registries["registry 2.8"], buildkit)


@pytest.fixture(scope="module")
def images() -> list[str]:
    """Give a list for the images that were copied."""
    return []


@pytest.fixture(scope="module")
def found() -> list[Outcome]:
    """Give a list for the results of all copies."""
    return []


# One test an image, so that `-k` copies some of them: all of them take more than an hour.
@pytest.mark.parametrize("name", [*ODD, *WRITTEN])
def test_odd_image_is_copied_to_and_from_every_place_as_the_peers_copy_it(
    bench: Bench, tools: Tools, images: list[str], found: list[Outcome], name: str
) -> None:
    source = made(bench.folder, name) if name in ODD else _written(bench, tools, name)
    copied = list(bench.run(source))
    images.append(name)
    found += copied
    assert [one for one in copied if not one.is_right] == []


def test_at_most_a_twentieth_of_the_copies_is_refused_for_a_listed_reason(
    images: list[str], found: list[Outcome]
) -> None:
    if not found:
        pytest.skip("no image was copied: `-k` chose this test alone")
    _report(len(images), found)
    refused = [one for one in found if one.verdict == "refused"]
    assert len(refused) <= REFUSED * len(found)


def test_regctl_and_shipmark_find_each_others_referrers_in_layouts_and_archives(
    tmp_path: Path, shipmark: Shipmark
) -> None:
    tools, regctl = Tools(tmp_path), install(REGCTL)
    (tmp_path / "sbom.json").write_text("{}")
    kind = "application/spdx+json"
    tools(
        regctl,
        "artifact",
        "put",
        "--subject",
        "ocidir://from:1.0",
        "--artifact-type",
        kind,
        "-f",
        "sbom.json",
    )
    theirs = {one.digest for one in Layout(str(tmp_path / "from")).referrers(IMAGE.digest)}
    assert len(theirs) == 1
    for place in ("oci:ours:1.0", "oci-archive:ours.tar:1.0"):
        assert shipmark("image", "copy", "--referrers", "oci:from:1.0", place, cwd=tmp_path).code == 0
    with tarfile.open(tmp_path / "ours.tar") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    for name in ("ours", "unpacked"):
        listed = tools(regctl, "artifact", "list", f"ocidir://{name}:1.0", "--format", "{{ json . }}")
        assert {one["digest"] for one in json.loads(listed)["descriptors"]} == theirs


def _report(images: int, found: list[Outcome]) -> None:
    counts = Counter(one.verdict for one in found)
    shown = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    print(f"\n{len(found)} copies of {images} images: {shown}")
    for one in found:
        if one.verdict not in ("equal", "both refuse"):
            print(f"  {one.verdict}: {one.image} {one.way} {one.place}: {one.detail}")
