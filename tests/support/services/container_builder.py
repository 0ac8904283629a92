"""A builder of buildx's driver `docker-container`: BuildKit in a privileged container of a private Docker daemon.

Its image, `moby/buildkit` elsewhere, is made of the programs that the tests build, since no registry of images is
reached.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs.environment import scrubbed
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import program

_IMAGE = "moby/buildkit:tests"
_NAME = "boxed"
# A privileged container gets every capability. On a machine that is a container itself, root lacks some, and runc fails
# to give them away: this runtime asks for those that root has.
_RUNTIME = """#!/usr/bin/env python3
import json, os, sys
args, path = sys.argv[1:], None
if "create" in args:
    path = os.path.join(args[args.index("--bundle") + 1], "config.json")
elif "exec" in args and "--process" in args:
    path = args[args.index("--process") + 1]
if path is not None:
    with open(path) as file:
        spec = json.load(file)
    with open("/proc/self/status") as file:
        own = int(next(line for line in file if line.startswith("CapBnd")).split()[1], 16)
    held = {{f"CAP_{{name}}" for number, name in enumerate({NAMES!r}.split()) if own >> number & 1}}
    sets = spec.get("process", spec)["capabilities"]
    for kind in sets:
        sets[kind] = [name for name in sets[kind] if name in held]
    with open(path, "w") as file:
        json.dump(spec, file)
os.execv({RUNC!r}, ["runc", *args])
"""
# Capabilities in the order of their numbers, from linux/capability.h.
_CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE"
    " NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN"
    " SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE"
    " MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
_LIBRARY = re.compile(r"(/\S+) \(0x")


class ContainerBuilder:
    """A running builder. `env`: the variables with which shipmark finds it; `name`: for the key `builder_name`."""

    name = _NAME

    def __init__(self, daemon: DockerDaemon, programs: Path, folder: Path) -> None:
        self.daemon = daemon
        self._buildx = programs / "buildx"
        self.env = {
            **scrubbed(folder),
            "SHIPMARK_BUILDX": str(self._buildx),
            "DOCKER_HOST": daemon.host,
            "DOCKER_CONFIG": str(folder / "docker"),
        }
        daemon.docker(
            *(
                "import",
                "--change",
                'ENTRYPOINT ["buildkitd"]',
                "--change",
                "ENV PATH=/usr/bin:/bin",
                "-",
                _IMAGE,
            ),
            stdin=_root(programs),
        )
        options = f"image={_IMAGE},network=host"  # the daemon has no bridge
        self.run("create", "--name", _NAME, "--driver", "docker-container", "--driver-opt", options)
        self.run("inspect", "--bootstrap", _NAME)

    def run(self, *args: str) -> str:
        """Run buildx; return its stdout."""
        done = subprocess.run(
            [self._buildx, *args], env=self.env, capture_output=True, text=True, errors="replace", timeout=300
        )
        assert done.returncode == 0, f"buildx {args}: {done.stderr}"
        return done.stdout

    def kill(self) -> None:
        """End the container with the daemon by SIGKILL."""
        self.daemon.docker("kill", f"buildx_buildkit_{_NAME}0")

    def running(self) -> list[str]:
        """Return the command lines of the processes in the container."""
        shown = self.daemon.docker("exec", f"buildx_buildkit_{_NAME}0", "busybox", "ps", "-o", "args").stdout
        return shown.decode(errors="replace").splitlines()[1:]


@contextmanager
def container_builder(programs: Path, folder: Path) -> Iterator[ContainerBuilder]:
    """Start a Docker daemon, and a builder in a container of it. `programs`: the folder with BuildKit's programs."""
    runtime = folder / "runtime"
    runtime.write_text(_RUNTIME.format(NAMES=_CAPABILITIES, RUNC=program("runc")))
    runtime.chmod(0o755)
    daemon = DockerDaemon(runtime=runtime)
    try:
        yield ContainerBuilder(daemon, programs, folder)
    finally:
        daemon.stop()


def _root(programs: Path) -> bytes:
    """Return a tar archive with BuildKit's programs, runc and its libraries, and busybox."""
    buffer = io.BytesIO()
    runc = program("runc")
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("buildkitd", "buildctl"):
            archive.add(programs / name, f"usr/bin/{name}")
        archive.add(os.path.realpath(runc), "usr/bin/buildkit-runc")
        needed = subprocess.run(["ldd", runc], capture_output=True, text=True, check=False).stdout
        for path in _LIBRARY.findall(needed):
            archive.add(os.path.realpath(path), path[1:])
        archive.add(os.path.realpath(program("busybox")), "bin/busybox")
        for name in ("sh", "cat", "mkdir", "mount", "tar", "umount"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for name in ("etc", "root", "run", "tmp"):
            made = tarfile.TarInfo(name)
            made.type, made.mode = tarfile.DIRTYPE, 0o777
            archive.addfile(made)
    return buffer.getvalue()
