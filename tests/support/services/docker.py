"""A private Docker daemon, one per worker: own socket, data, exec root, pid file and containerd namespace."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import secrets
import signal
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.environment import scrubbed
from tests.support.programs.processes import Service, remove_if_killed, removed
from tests.support.programs.reaper import remove
from tests.support.services.required import program, require


class DockerDaemon:
    """A running dockerd without a bridge network. `host` is `unix://…/docker.sock`, `socket` its path.

    The daemon chooses its storage driver, so that it also runs where overlay2 does not work (a data root on an
    overlay file system falls back to vfs). `mirror`: the address of a registry that stands in for Docker Hub.
    `runtime`: a program that starts containers instead of runc. `data`: the folder for images and containers.
    """

    def __init__(
        self, *, mirror: str | None = None, runtime: Path | None = None, data: Path | None = None
    ) -> None:
        # A short path: the daemon's sockets lie below it, and a socket's path has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="shipmark-docker-", dir="/tmp"))
        remove_if_killed(self.folder)
        self._mirror = mirror
        self._runtime = runtime
        self._data = data or self.folder / "data"
        self.socket = self.folder / "docker.sock"
        self.host = f"unix://{self.socket}"
        self._exec_root = self.folder / "exec"
        self._pid_file = self.folder / "docker.pid"
        self._env = {
            **scrubbed(self.folder),
            "DOCKER_HOST": self.host,
            "DOCKER_CONFIG": str(self.folder / "client"),
        }
        try:
            self._service = self._start()
        except RuntimeError:
            self._remove()
            raise

    def docker(
        self, *args: str, stdin: bytes = b"", check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Run Docker's own command line against this daemon."""
        done = subprocess.run(
            [program("docker"), *args],
            input=stdin,
            capture_output=True,
            env=self._env,
            check=False,
            timeout=300,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"docker {' '.join(args)} exited {done.returncode}: {done.stderr.decode()}")
        return done

    def api(self, method: str, path: str) -> tuple[int, Any]:
        """Send a request to the Engine API, and return the status and the JSON document or text of the answer."""
        with contextlib.closing(_UnixConnection(self.socket)) as connection:
            connection.request(method, path)
            with connection.getresponse() as answer:
                body = answer.read()
                kind = answer.getheader("Content-Type", "")
                return answer.status, json.loads(body) if "json" in kind and body else body.decode()

    def import_busybox(self, tag: str = "busybox:test") -> str:
        """Make an image from the machine's static busybox, for `FROM` without a network; return `tag`."""
        require("busybox")
        self.docker("import", "--change", 'CMD ["/bin/sh"]', "-", tag, stdin=busybox_root())
        return tag

    def stop(self) -> None:
        """End the daemon, its containers and its containerd, and remove what they wrote."""
        running = self.docker("ps", "--quiet", check=False).stdout.split()
        if running:
            # Stopped politely, a container would hold up the daemon's end for its ten seconds of grace.
            self.docker("kill", *(name.decode() for name in running), check=False)
        self._service.stop()
        self._remove()

    def _start(self) -> Service:
        namespace = (
            f"shipmark-{secrets.token_hex(8)}"  # containerd takes no underscore, which the folder may have
        )
        return Service(
            [
                program("dockerd"),
                f"--host={self.host}",
                f"--data-root={self._data}",
                f"--exec-root={self._exec_root}",
                f"--pidfile={self._pid_file}",
                f"--containerd-namespace={namespace}",
                f"--containerd-plugins-namespace={namespace}-plugins",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                # The machine's own configuration file would set options twice, which the daemon refuses.
                f"--config-file={self._config()}",
            ],
            folder=self.folder,
            name="dockerd",
            env=self._env,
            ready=lambda line: b"API listen on" in line,
            timeout=60,
        )

    def _config(self) -> Path:
        path = self.folder / "daemon.json"
        config: dict[str, Any] = {"registry-mirrors": [self._mirror]} if self._mirror is not None else {}
        if self._runtime is not None:
            config |= {"runtimes": {"tests": {"path": str(self._runtime)}}, "default-runtime": "tests"}
        path.write_text(json.dumps(config))
        return path

    def _remove(self) -> None:
        _end_by_pid_file(self._exec_root / "containerd" / "containerd.pid")
        remove(str(self._data))
        remove(str(self.folder))
        removed(self.folder)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def busybox_root() -> bytes:
    """Return a tar archive with the machine's static busybox and links for a few of its commands."""
    content = Path(program("busybox")).read_bytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        binary = tarfile.TarInfo("bin/busybox")
        binary.size, binary.mode = len(content), 0o755
        archive.addfile(binary, io.BytesIO(content))
        for name in ("sh", "ls", "cat", "echo", "true", "false", "sleep", "id", "env", "mkdir", "touch"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return buffer.getvalue()


def _end_by_pid_file(path: Path) -> None:
    # Only a daemon that was killed leaves its containerd behind.
    with contextlib.suppress(OSError, ValueError):
        pid = int(path.read_text())
        if b"containerd" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def docker_daemon() -> Iterator[DockerDaemon]:
    """Give the worker's Docker daemon. Tests share it, so each gives images and containers names of its own."""
    require("docker")
    daemon = DockerDaemon()
    yield daemon
    daemon.stop()


@pytest.fixture(scope="session")
def busybox_image(docker_daemon: DockerDaemon) -> str:
    """Give the tag of a busybox image in the worker's daemon."""
    return docker_daemon.import_busybox()
