"""A registry, and shipmark's `image` commands run against it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from release.oci import Repository
from tests.support.programs.command import Result, Shipmark
from tests.support.registries.images import Image, make_image, make_index, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.services.required import program, require

ONE = make_image({"a": b"one"}, labels={"version": "1"})
TWO = make_image({"b": b"two"})
ARM = make_image({"a": b"arm"}, platform="linux/arm64")
INDEX = make_index(ONE, ARM)


class ImageCommands:
    """A registry, and shipmark's `image` commands run against it."""

    def __init__(self, registry: RegistryServer, shipmark: Shipmark, make_targets: TargetsFactory) -> None:
        self.registry = registry
        self.name = f"{registry.host}/acme/app"
        self._shipmark = shipmark
        self._targets = make_targets()

    def put(self, image: Image, *tags: str, name: str = "acme/app") -> None:
        store(image, self.open(name), *tags)

    def open(self, name: str) -> Repository:
        return self._targets.open(f"{self.registry.host}/{name}")

    def __call__(self, *args: str, **more: Any) -> Result:
        return self._shipmark("image", *args, **more)

    def must(self, *args: str, **more: Any) -> Result:
        result = self(*args, **more)
        assert result.code == 0, result.stderr
        return result

    def sent(self, *args: str, code: int = 0, **more: Any) -> list[tuple[str, str]]:
        """Return method and path of each request of one command, without requests to `/v2/` itself."""
        before = len(self.registry.access_log())
        result = self(*args, **more)
        assert result.code == code, result.stderr
        requests = self.registry.access_log()[before:]
        return [(one.method, one.path.removeprefix("/v2/")) for one in requests if one.path != "/v2/"]

    def tags(self, name: str = "acme/app") -> dict[str, str]:
        return self.registry.tags(name)


@pytest.fixture
def image_commands(
    registry_server: RegistryServer, shipmark: Shipmark, make_targets: TargetsFactory
) -> ImageCommands:
    return ImageCommands(registry_server, shipmark, make_targets)


def skopeo(*args: str) -> str:
    require("skopeo")
    done = subprocess.run([program("skopeo"), *args], capture_output=True, text=True, check=True)
    return done.stdout.strip()
