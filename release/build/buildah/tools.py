"""Finds `buildah` or `podman`, and asks for its version and whether it can make containers here."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Literal

import msgspec

from release.build.buildah.versions import OLDEST, Abilities, abilities_of, buildah_version, shown_version
from release.build.buildkit.environment import child_environment
from release.build.find_program import program_named, program_on_path
from release.errors import BuilderUnavailable
from release.filesystem.files import read_file
from release.ports import Completed, Process

Name = Literal["buildah", "podman"]

# Seconds for a version or a check of namespaces, which take well below one; a program that hangs must not block the
# run.
_ANSWER_WITHIN = 10.0
# Bytes of an answer that are parsed. Versions have less than a hundred; a wrapper script may print anything.
_LARGEST_ANSWER = 4096
_SYS_ADMIN = 21  # the number of CAP_SYS_ADMIN, which mounts need
# Bytes of /proc/self/status, which has about 2 KiB; the limit of a read bounds the memory.
_STATUS_BYTES = 64 * 1024


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A program that can build here. `version`: the program's version; None if the program was not started."""

    name: Name
    program: str
    version: str | None = None
    abilities: Abilities = Abilities()

    @property
    def shown(self) -> str:
        """Name and version, for messages."""
        return self.name if self.version is None else f"{self.name} {self.version}"


def find_program(env: Mapping[str, str], name: Name) -> Tool:
    """The program, which is not started. Raises `BuilderUnavailable` if there is none.

    SHIPMARK_BUILDAH and SHIPMARK_PODMAN may name a program; an empty value means that there is none.
    """
    variable = f"SHIPMARK_{name.upper()}"
    found = program_named(env, variable) if variable in env else program_on_path(env, name)
    if found is None:
        raise BuilderUnavailable(
            f"`{name}` is not installed",
            hint=f"install the package `{name}`; or name it in SHIPMARK_{name.upper()}, with its whole path",
        )
    return Tool(name=name, program=found)


def find_tool(process: Process, env: Mapping[str, str], name: Name) -> Tool:
    """The program, started once to read its version.

    Raises `BuilderUnavailable` if no usable program is found, or if the program cannot make containers on this machine.
    """
    tool = find_program(env, name)
    if not sys.platform.startswith("linux"):
        raise BuilderUnavailable(
            f"`{name}` builds on Linux only", hint="take `builder: buildkit`, which builds on another machine"
        )
    said = _ask(process, env, tool.program, "--version")
    version = shown_version(said.stdout[:_LARGEST_ANSWER].decode("utf-8", "replace"))
    if said.code != 0 or version is None:
        raise BuilderUnavailable(
            f"`{tool.program}` does not tell its version: {_reason(said)}",
            hint="install the program anew, or remove it",
        )
    buildah = buildah_version(name, version)
    if buildah is None:
        oldest = "4.3" if name == "podman" else ".".join(map(str, OLDEST))
        raise BuilderUnavailable(
            f"`{name}` {version} is too old: {oldest} is the first that can do this",
            hint=f"install a newer `{name}`",
        )
    if not _may_mount():
        _require_user_namespace(process, env, tool)
    return Tool(name=name, program=tool.program, version=version, abilities=abilities_of(buildah))


def _require_user_namespace(process: Process, env: Mapping[str, str], tool: Tool) -> None:
    """Raise `BuilderUnavailable` unless the program can be root in a namespace of its own."""
    said = _ask(process, env, tool.program, "unshare", "true")
    if said.code != 0:
        raise BuilderUnavailable(
            f"`{tool.name}` cannot make a user namespace here: {_reason(said)}",
            hint="give this user a range in /etc/subuid and /etc/subgid and install `uidmap`, or run as root",
        )


def _may_mount() -> bool:
    """Whether this process may mount: then the programs need no user namespace."""
    if os.geteuid() != 0:
        return False
    for line in (read_file("/proc/self/status", limit=_STATUS_BYTES) or b"").splitlines():
        name, _, value = line.partition(b":")
        if name == b"CapEff":
            return bool(int(value, 16) >> _SYS_ADMIN & 1)
    return False


def _ask(process: Process, env: Mapping[str, str], *argv: str) -> Completed:
    try:
        return process.run(argv, cwd="/", env=child_environment(env), timeout=_ANSWER_WITHIN)
    except OSError as error:  # `TimeoutError` is a subclass
        reason = str(error) if isinstance(error, TimeoutError) else error.strerror
        raise BuilderUnavailable(
            f"`{argv[0]}` does not answer: {reason}", hint="install the program anew, or remove it"
        ) from error


def _reason(said: Completed) -> str:
    lines = said.stderr[-_LARGEST_ANSWER:].decode("utf-8", "replace").strip().splitlines()
    return " ".join(lines[-1].split())[:300] if lines else f"exit {said.code}"
