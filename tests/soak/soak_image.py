"""`make image` on a clean clone: shipmark's own image for two platforms, without a daemon, and then run by one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from release import __version__
from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT
from tests.support.registries.images import store
from tests.support.registries.python_base import make_python_base, version
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.git import GitRepo
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import program


class Clone:
    """A clone of this repository, in which `make` runs as on a new machine."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, self.path], check=True)
        index = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT"))}
        self.env = {**scrubbed(folder), **index, "SERVICES": "0"}

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [program("make"), "image", *arguments],
            cwd=self.path,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def layout(self) -> list[dict[str, Any]]:
        """Return the images of the layout: each with platform, config, and its layers' members by name."""
        blobs = self.path / "dist" / "shipmark" / "blobs" / "sha256"

        def loaded(digest: str) -> Any:
            return json.loads((blobs / digest.removeprefix("sha256:")).read_text())

        (top,) = json.loads((self.path / "dist/shipmark/index.json").read_text())["manifests"]
        images = []
        for one in loaded(top["digest"])["manifests"]:
            manifest = loaded(one["digest"])
            names: dict[str, tarfile.TarInfo] = {}
            for layer in manifest["layers"]:
                with tarfile.open(blobs / layer["digest"].removeprefix("sha256:")) as archive:
                    names |= {member.name.removeprefix("./"): member for member in archive}
            config = loaded(manifest["config"]["digest"])["config"]
            images.append({"platform": one["platform"]["architecture"], "config": config, "names": names})
        return images


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone(tmp_path_factory.mktemp("image"))


@pytest.fixture
def base(registry_server: RegistryServer, make_targets: TargetsFactory) -> str:
    """Give the reference by digest of a base image in a registry."""
    image = make_python_base()
    with make_targets() as targets:
        store(image, targets.open(f"{registry_server.host}/library/python"), version())
    return f"{registry_server.host}/library/python:{version()}@{image.digest}"


def test_image_runs_as_a_user_without_rights_and_knows_its_version(
    clone: Clone, base: str, registry_server: RegistryServer, docker_daemon: DockerDaemon, git_repo: GitRepo
) -> None:
    assert "oci:dist/shipmark:" in clone.make(f"BASE={base}", f"BASE_PYTHON={version()}").stdout
    own = f"{registry_server.host}/acme/shipmark:test"
    shipmark = clone.path / ".venv" / "bin" / "shipmark"
    subprocess.run(
        [shipmark, "image", "copy", "oci:dist/shipmark", own], cwd=clone.path, env=clone.env, check=True
    )
    docker_daemon.docker("pull", "--quiet", own)

    def run(*arguments: str) -> str:
        return docker_daemon.docker("run", "--rm", "--network=none", *arguments).stdout.decode().strip()

    try:
        assert run(own, "--version") == f"shipmark {__version__}"
        assert (
            run("--entrypoint=/usr/bin/python" + version(), own, "-c", "import os; print(os.getuid())")
            == "65532"
        )
        # As adapters start it, on a workspace that belongs to another user.
        git_repo.commit("one", {"release/__init__.py": "raise SystemExit('taken')\n"})
        git_repo.tag("v1.4.2")
        argv = ["/opt/shipmark/bin/python", "-I", "/opt/shipmark/bin/shipmark", "version"]
        git_repo.path.chmod(0o755)
        mount = f"--volume={git_repo.path}:/workspace:ro"
        assert run(mount, "--entrypoint=", own, *argv) == "1.4.2"
    finally:
        docker_daemon.docker("rmi", "--force", own)


def test_image_has_the_whole_program_for_two_platforms_and_no_root(clone: Clone, base: str) -> None:
    shutil.rmtree(clone.path / "dist", ignore_errors=True)
    clone.make(f"BASE={base}", f"BASE_PYTHON={version()}")
    first = (clone.path / "dist/shipmark/index.json").read_text()
    images = clone.layout()
    assert {one["platform"] for one in images} == {"amd64", "arm64"}
    for one in images:
        config, names = one["config"], one["names"]
        assert config["User"] == "65532:65532"
        assert config["Entrypoint"] == ["/opt/shipmark/bin/python", "-I", "/opt/shipmark/bin/shipmark"]
        site = f"opt/shipmark/lib/python{version()}/site-packages"
        assert {f"{site}/release/cli/main.py", f"{site}/ci/context.py", f"{site}/click/__init__.py"} <= set(
            names
        )
        assert not any("hatchling" in name for name in names), "the build backend is no part of the program"
        machine = {"amd64": "x86_64", "arm64": "aarch64"}[one["platform"]]
        assert any(f"{site}/msgspec/_core" in name and machine in name for name in names)
        assert {names[f"opt/shipmark/bin/{name}"].mode for name in ("python", "shipmark")} == {0o755}
        assert names["workspace"].uid == names["home/shipmark"].uid == 65532
    shutil.rmtree(clone.path / "dist")
    clone.make(f"BASE={base}", f"BASE_PYTHON={version()}")
    assert (clone.path / "dist/shipmark/index.json").read_text() == first, "the same commit, another image"
