"""A private BuildKit daemon, one per worker, and the programs that speak to it: `buildctl` and `buildx`.

Debian has no package of these programs, so the Go module `tests/support/buildkit` builds them. Base images come from a
registry on this machine: it stands in for Docker Hub, so that `FROM busybox` resolves without a network.

    python -m tests.support.services.buildkit    builds the programs
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.programs.environment import scrubbed
from tests.support.programs.go_tools import NotBuilt, are_built, tools
from tests.support.programs.processes import Service, remove_if_killed, removed
from tests.support.programs.reaper import end_inside, remove
from tests.support.registries.registry import RegistryServer
from tests.support.registries.tls import Authority
from tests.support.services.docker import busybox_root
from tests.support.services.required import lack, program, require

MODULE = Path(__file__).parents[1] / "buildkit"
BUILDKIT, BUILDX = "v0.34.2", "v0.38.2"
_PACKAGES = {
    "buildkitd": "github.com/moby/buildkit/cmd/buildkitd",
    "buildctl": "github.com/moby/buildkit/cmd/buildctl",
    "buildx": "github.com/docker/buildx/cmd/buildx",
    "dockerfile-frontend": "github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend",
}
_LINK = f"-X github.com/moby/buildkit/version.Version={BUILDKIT} -X github.com/docker/buildx/version.Version={BUILDX}"
#: Registries that a Dockerfile may name; all lead to the local one.
_PUBLIC = ("docker.io", "gcr.io", "ghcr.io", "quay.io", "mcr.microsoft.com")
BUSYBOX = "busybox:1.36"


def programs() -> Path:
    """Return the folder with `buildkitd`, `buildctl` and `buildx`. Raises `NotBuilt`."""
    return tools(MODULE, _PACKAGES, link=_LINK)


class BuildKitDaemon:
    """A running buildkitd. `host`: the value for BUILDKIT_HOST; `registry`: used in place of the public registries.

    `built`: the folder of the programs. With `authority`, the daemon listens on a TCP port instead of a Unix socket,
    accepts only clients with a certificate of this authority, and writes a debug log. `trusted`: by registry, the PEM
    file of the authority that signed its certificate. `root`: the folder for the daemon's state.
    """

    def __init__(
        self,
        built: Path,
        registry: RegistryServer,
        *,
        authority: Authority | None = None,
        trusted: Mapping[str, Path] | None = None,
        root: Path | None = None,
    ) -> None:
        # A short path: a socket's path has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="shipmark-bk-", dir="/tmp"))
        remove_if_killed(self.folder)
        self.programs = built
        self.registry = registry
        self.host = "tcp://127.0.0.1:0" if authority is not None else f"unix://{self.folder / 'bk.sock'}"
        self._authority = authority
        self._trusted = trusted or {}
        self._root = root or self.folder / "root"
        self._cgroup = f"shipmark-{secrets.token_hex(8)}"
        (self.folder / "tmp").mkdir()
        self._write_config()
        try:
            self.service = self._start()
        except RuntimeError:
            self._remove()
            raise

    @property
    def env(self) -> dict[str, str]:
        """Return the variables with which shipmark finds this daemon through `buildctl`."""
        return {
            "BUILDKIT_HOST": self.host,
            "PATH": f"{self.programs}{os.pathsep}{scrubbed(self.folder)['PATH']}",
        }

    def buildx_env(self, config: Path) -> dict[str, str]:
        """Return the variables with which shipmark finds this daemon through `buildx`. `config`: its state folder."""
        env = {
            "PATH": self.env["PATH"],
            "SHIPMARK_BUILDX": str(self.programs / "buildx"),
            "DOCKER_CONFIG": str(config),
            "BUILDX_BUILDER": "tests",
        }
        if not config.exists():
            config.mkdir(parents=True)
            self.run("buildx", "create", "--name", "tests", "--driver", "remote", self.host, env=env)
        return env

    def run(self, name: str, *args: str, env: Mapping[str, str] | None = None) -> str:
        """Run `buildctl` or `buildx` with this daemon; return its stdout."""
        done = subprocess.run(
            [self.programs / name, *args],
            env={**scrubbed(self.folder), **self.env, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode != 0:
            raise AssertionError(f"{name} {' '.join(args)} exited {done.returncode}: {done.stderr}")
        return done.stdout

    def add_image(
        self, name: str, dockerfile: str, files: Mapping[str, bytes], *, platform: str = ""
    ) -> None:
        """Build an image and put it into the registry, where `FROM name` finds it."""
        with tempfile.TemporaryDirectory(dir=self.folder) as context:
            for path, content in {**files, "Dockerfile": dockerfile.encode()}.items():
                Path(context, path).write_bytes(content)
            path = name if "/" in name else f"library/{name}"
            self.run(
                *("buildctl", "build", "--frontend=dockerfile.v0"),
                *("--local", f"context={context}", "--local", f"dockerfile={context}"),
                *(("--opt", f"platform={platform}") if platform else ()),
                *("--output", f"type=image,name={self.registry.host}/{path},push=true"),
            )

    def running(self) -> list[int]:
        """Return the processes in the daemon's containers."""
        return end_inside(str(self.folder), number=0)

    def kill(self) -> None:
        """End the BuildKit daemon by SIGKILL; the containers that it started run on."""
        self.service.kill()

    def restart(self) -> None:
        """End the processes in the daemon's containers, and start the BuildKit daemon again on its former state."""
        end_inside(str(self.folder))
        self.service = self._start()

    def stop(self) -> None:
        """End the daemon and what runs in its containers, and remove what it wrote."""
        self.service.stop()
        self._remove()

    def _write_config(self) -> None:
        host = json.dumps(self.registry.host)
        lines = [f"[registry.{host}]", "http = true", "insecure = true"]
        for name in _PUBLIC:
            lines += [f"[registry.{json.dumps(name)}]", f"mirrors = [{host}]"]
        for name, path in self._trusted.items():
            lines += [f"[registry.{json.dumps(name)}]", "http = false", f"ca = [{json.dumps(str(path))}]"]
        lines += ["[worker.oci]", f"defaultCgroupParent = {json.dumps(self._cgroup)}"]
        (self.folder / "buildkitd.toml").write_text("\n".join(lines) + "\n")

    def _start(self) -> Service:
        return Service(
            [
                str(self.programs / "buildkitd"),
                f"--addr={self.host}",
                f"--root={self._root}",
                f"--config={self.folder / 'buildkitd.toml'}",
                "--oci-worker=true",
                "--containerd-worker=false",
                f"--oci-worker-binary={program('runc')}",
                "--oci-worker-net=host",
                "--allow-insecure-entitlement=network.host",
                *self._tls(),
            ],
            folder=self.folder,
            name="buildkitd",
            env={**scrubbed(self.folder), "TMPDIR": str(self.folder / "tmp"), "OTEL_TRACES_EXPORTER": "none"},
            ready=self._take_address,
            timeout=60,
        )

    def _take_address(self, line: bytes) -> bool:
        found = re.search(rb"running server on ([^\s\"]+)", line)
        if found is not None and self._authority is not None:
            self.host = f"tcp://{found[1].decode()}"
        return found is not None

    def _tls(self) -> list[str]:
        if self._authority is None:
            return []
        certificate, key = self._authority.issue("127.0.0.1")
        return [
            "--debug",
            f"--tlscacert={self._authority.path}",
            f"--tlscert={certificate}",
            f"--tlskey={key}",
        ]

    def _remove(self) -> None:
        remove(str(self._root))
        remove(str(self.folder))
        removed(self.folder)
        # At the top of the second version's tree, and of each controller's of the first.
        for place in ("/sys/fs/cgroup", *glob.glob("/sys/fs/cgroup/*/")):
            for group, _, _ in os.walk(os.path.join(place, self._cgroup), topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(group)


@pytest.fixture(scope="session")
def buildkit_programs() -> Path:
    """Give the folder with `buildkitd`, `buildctl` and `buildx`."""
    require("buildkit")
    try:
        return programs()
    except NotBuilt as error:
        lack({"buildkit": f"not built: {str(error).splitlines()[-1]}"}, str(error))


@pytest.fixture(scope="session")
def buildkit(buildkit_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildKitDaemon]:
    """Give the worker's BuildKit daemon, whose registry has busybox for this machine's platform."""
    require("busybox", "docker-registry")
    registry = RegistryServer(tmp_path_factory.mktemp("hub"))
    try:
        daemon = BuildKitDaemon(buildkit_programs, registry)
        try:
            daemon.add_image(
                BUSYBOX, 'FROM scratch\nADD root.tar /\nCMD ["/bin/sh"]\n', {"root.tar": busybox_root()}
            )
            yield daemon
        finally:
            daemon.stop()
    finally:
        registry.close()


@pytest.fixture(scope="session")
def dockerfile_syntax(buildkit: BuildKitDaemon) -> str:
    """Push an image with the Dockerfile frontend to the daemon's registry; give its name, for `# syntax=`."""
    content = (buildkit.programs / "dockerfile-frontend").read_bytes()
    entry = 'FROM scratch\nCOPY --chmod=755 frontend /bin/\nENTRYPOINT ["/bin/frontend"]\n'
    buildkit.add_image("docker/dockerfile:1", entry, {"frontend": content})
    return "docker/dockerfile:1"


def main() -> int:
    """Build BuildKit's programs, so that no test has to wait for them; return an exit code."""
    if not are_built(MODULE, _PACKAGES, link=_LINK):
        sys.stderr.write("building BuildKit for the tests, a few minutes ...\n")
    try:
        programs()
    except NotBuilt as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
