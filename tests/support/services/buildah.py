"""What `buildah` and `podman` need in tests: a registry that stands in for Docker Hub, and their configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.programs.environment import scrubbed
from tests.support.registries.images import Image, make_image
from tests.support.registries.registry import RegistryServer
from tests.support.services.docker import busybox_root
from tests.support.services.required import program, require

BUSYBOX = "busybox:1.36"
#: Registries that a Dockerfile may name; all lead to the local one.
_PUBLIC = ("docker.io", "gcr.io", "ghcr.io", "quay.io", "mcr.microsoft.com")


def mirrored(host: str, folder: Path) -> dict[str, str]:
    """Return variables by which buildah and podman use `host` as mirror of public registries."""
    path = folder / "registries.conf"
    lines = []
    for name in _PUBLIC:
        lines += ["[[registry]]", f'prefix = "{name}"', f'location = "{name}"']
        lines += ["[[registry.mirror]]", f'location = "{host}"', "insecure = true"]
    path.write_text("\n".join(lines) + "\n")
    return {"CONTAINERS_REGISTRIES_CONF": str(path)}


def env_of(name: str, host: str, folder: Path) -> Mapping[str, str]:
    """Return the environment in which shipmark finds the program `name` (buildah or podman), and no docker daemon."""
    require(name)
    folder.mkdir(parents=True, exist_ok=True)
    return {
        **scrubbed(folder),
        **mirrored(host, folder),
        f"SHIPMARK_{name.upper()}": program(name),
        "BUILDAH_ISOLATION": "chroot",
        "DOCKER_HOST": f"unix://{folder}/none.sock",
    }


def push(registry: RegistryServer, repository: str, tag: str, image: Image) -> None:
    """Put an image into a registry without shipmark."""
    for digest, blob in image.blobs.items():
        status, headers, _ = registry.request("POST", f"/v2/{repository}/blobs/uploads/")
        assert status == 202
        place = headers["location"].partition(registry.host)[2]
        status, _, answer = registry.request("PUT", f"{place}&digest={digest}", body=blob)
        assert status == 201, answer
    kind = {"Content-Type": image.manifest.media_type}
    path = f"/v2/{repository}/manifests/{tag}"
    assert registry.request("PUT", path, body=image.manifest.raw, headers=kind)[0] == 201


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """Give a registry with busybox for this machine's platform. Tests share it: each uses repositories of its own."""
    require("busybox", "docker-registry")
    registry = RegistryServer(tmp_path_factory.mktemp("hub"))
    try:
        push(registry, "library/busybox", "1.36", make_image(layers=(busybox_root(),)))
        yield registry
    finally:
        registry.close()
