"""The programs that the build bench compares: how each builds and pushes, and how its caches are emptied."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.bench.push import find_crane
from tests.support.programs.environment import EPOCH, scrubbed
from tests.support.programs.go_tools import NotBuilt
from tests.support.registries.registry import RegistryServer
from tests.support.services.buildkit import BuildKitDaemon, programs
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import SEARCH_PATH, missing, program

BY_DIGEST = "shipmark, buildkit, by digest"
BUILDCTL, REPRODUCIBLE = "buildctl", "buildctl, rewrite-timestamp"

Argv = Sequence[str | Path]


class Tool(NamedTuple):
    """A program to compare: `command(base image, target repository, home)` returns its arguments."""

    name: str
    command: Callable[[str, str, Path], Argv]
    forget: Callable[[], None]
    env: Mapping[str, str] = {}


def find_tools(folder: Path, stack: ExitStack) -> tuple[list[Tool], list[str]]:
    """Return the build tools of this machine and the names of missing ones. `stack`: ends the tools' daemons."""
    tools = [_shipmark("layers", {})]
    lacking: list[str] = []
    if missing("docker") is None:
        daemon = DockerDaemon()
        stack.callback(daemon.stop)
        tools.append(_docker(daemon))
    else:
        lacking.append("docker")
    try:
        tools += _with_buildkit(folder, stack)
    except NotBuilt:
        lacking.append("BuildKit (needs go)")
    buildah = shutil.which("buildah", path=SEARCH_PATH)
    if buildah:
        tools.append(_buildah(buildah, Path(stack.enter_context(tempfile.TemporaryDirectory()))))
    else:
        lacking.append("buildah")
    crane = find_crane(folder)
    if crane:
        tools.append(_crane(crane))
    else:
        lacking.append("crane (needs go)")
    return tools, lacking


def _shipmark(builder: str, env: Mapping[str, str], push: str = "by-client") -> Tool:
    def command(base: str, repository: str, home: Path) -> Argv:
        config = home / "shipmark.yml"
        log = home / "log.jsonl"
        build = f"{{builder: {builder}, push: {push}, args: {{BASE: {base!r}}}}}"
        config.write_text(f"image: {repository}\nlog: {{path: {log}}}\nbuild: {build}\n")
        own = [sys.executable, "-I", str(Path(sys.executable).parent / "shipmark")]
        return [*own, "--config", config, "run", "-q"]

    return Tool(f"shipmark, {builder}", command, lambda: None, env)


def _docker(daemon: DockerDaemon) -> Tool:
    def command(base: str, repository: str, home: Path) -> Argv:
        del home
        place = f"{repository}:1.0"
        build = f"docker build -q --build-arg BASE={base} -t {place} ."
        return ["sh", "-c", f"{build} && docker push -q {place}"]

    def forget() -> None:
        daemon.docker("system", "prune", "--all", "--force")

    return Tool("docker", command, forget, {"DOCKER_HOST": daemon.host, "DOCKER_BUILDKIT": "0"})


def _with_buildkit(folder: Path, stack: ExitStack) -> list[Tool]:
    built = programs()
    hub = RegistryServer(folder / "build-hub")
    stack.callback(hub.close)
    daemon = BuildKitDaemon(built, hub)
    stack.callback(daemon.stop)

    def command(base: str, repository: str, home: Path, more: str = "") -> Argv:
        del home
        output = f"type=image,name={repository}:1.0,push=true,registry.insecure=true{more}"
        local = ("--local", "context=.", "--local", "dockerfile=.")
        build = ("buildctl", "build", "--progress=plain", "--frontend=dockerfile.v0", *local)
        return [*build, "--opt", f"build-arg:BASE={base}", "--output", output]

    def forget() -> None:
        daemon.run("buildctl", "prune", "--all")

    through = [
        _shipmark("buildkit", daemon.env, push)._replace(name=name, forget=forget)
        for name, push in ((BY_DIGEST, "auto"), ("shipmark, buildkit, by client", "by-client"))
    ]
    # The layers that shipmark asks for: BuildKit rewrites and compresses each of them again at each export.
    same = partial(command, more=",oci-mediatypes=true,rewrite-timestamp=true")
    epoch = {**daemon.env, "SOURCE_DATE_EPOCH": str(EPOCH)}
    alone = [Tool(BUILDCTL, command, forget, daemon.env), Tool(REPRODUCIBLE, same, forget, epoch)]
    return [*through, *alone]


def _buildah(buildah: str, storage: Path) -> Tool:
    env = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": os.environ.get("STORAGE_DRIVER", "overlay")}
    store = ["--root", str(storage / "root"), "--runroot", str(storage / "run")]

    def command(base: str, repository: str, home: Path) -> Argv:
        del home
        place, own = f"{repository}:1.0", " ".join([buildah, *store])
        build = f"{own} bud -q --layers --tls-verify=false --build-arg BASE={base} -t {place} ."
        return ["sh", "-c", f"{build} && {own} push -q --tls-verify=false {place}"]

    def forget() -> None:
        subprocess.run(
            [buildah, *store, "rmi", "--all", "--force"],
            env={**scrubbed(storage), **env},
            check=False,
            capture_output=True,
        )

    return Tool("buildah", command, forget, env)


def _crane(crane: str) -> Tool:
    def command(base: str, repository: str, home: Path) -> Argv:
        del home
        append = f"{crane} append --insecure -b {base} -f - -t {repository}:1.0"
        return ["sh", "-c", f"{program('tar')} -cf - files | {append}"]

    return Tool("crane append", command, lambda: None)
