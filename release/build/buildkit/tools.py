"""Finds the program that speaks to BuildKit, and asks whether the daemon behind it answers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from release.build.buildkit.environment import child_environment, docker_folder
from release.build.find_program import is_program, program_named, program_on_path
from release.errors import BuildError, BuilderUnavailable
from release.lazy_pattern import pattern
from release.ports import Completed, FollowedProcess

#: Seconds for an answer of the program or of the daemon behind it. A version or a list of workers comes within a
#: second; a remote or overloaded daemon may take longer, and one that never answers must not block the run.
ANSWER_WITHIN = 10.0
#: Folders in which packages install plugins of the docker command, in the order in which docker searches them, so that
#: shipmark finds the buildx that `docker buildx` would run.
_PLUGINS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
#: The first versions with `--progress=rawjson` (programs) and `rewrite-timestamp` (daemon).
_OLDEST = (0, 13)
#: The first buildctl that is known to take `build-arg:NAME` without a value.
_ARGUMENTS_FROM_ENV = (0, 34)
_LOCAL = pattern(r"unix://|tcp://(localhost|127\.[0-9.]+|\[::1\])(:|$)|default$")
_VERSION = pattern(r"\bv?([0-9]{1,9})\.([0-9]{1,9})(?:\.[0-9]+)?(\S*)")
#: A label of workers that keep images in containerd: with it the driver `docker` writes layouts.
_CONTAINERD = pattern(r"org\.mobyproject\.buildkit\.worker\.(containerd\.|snapshotter)")
# Bytes of an answer that are parsed. Versions and lists of workers have a few hundred; a wrapper script may print
# anything.
_LARGEST_ANSWER = 64 * 1024


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A program with a daemon that answers. `builder`: the name for buildx; None for its current one.

    `versions`: of the program and the daemon, as a record of the build shows them. `driver`: of buildx. `address`: of
    the daemon, if known. `takes_variables`: the program can read values of build arguments from its environment.
    `is_loading`: the builder is a part of the docker daemon of `docker_context`, and leaves images there: it writes no
    layouts.
    `systems`: the operating systems of the platforms that buildx lists, such as `linux`.
    """

    kind: Literal["buildx", "buildctl"]
    program: str
    builder: str | None = None
    driver: str = ""
    address: str = ""
    versions: Mapping[str, str] = {}
    takes_variables: bool = True
    is_loading: bool = False
    docker_context: str = "default"
    systems: frozenset[str] = frozenset()

    @property
    def is_on_this_host(self) -> bool:
        """Whether the daemon probably has the network of this machine, so that both mean the same by `localhost`."""
        # A daemon in a container of its own (`docker-container`) has a loopback interface of its own.
        return self.driver in ("", "remote", "docker") and bool(_LOCAL.match(self.address))


def find_tool(process: FollowedProcess, env: Mapping[str, str], builder: str | None) -> Tool:
    """buildctl, if it is installed, BUILDKIT_HOST names a daemon and no builder of buildx is named; else buildx.

    Raises `BuilderUnavailable` where no program is found or no daemon answers, `BuildError` for versions that are too
    old.
    """
    asker = _Asker(process, child_environment(env))
    named = builder or env.get("BUILDX_BUILDER") or None
    if named is None and env.get("BUILDKIT_HOST"):
        buildctl = program_on_path(env, "buildctl")
        if buildctl is not None:
            return asker.buildctl(buildctl, env["BUILDKIT_HOST"])
    buildx = _buildx(env)
    if buildx is not None:
        return asker.buildx(buildx, named)
    raise _not_installed()


def find_program(env: Mapping[str, str]) -> Tool:
    """The program that `find_tool` would start. Nothing is started: programs and daemons read credentials.

    Raises `BuilderUnavailable`.
    """
    if not env.get("BUILDX_BUILDER") and env.get("BUILDKIT_HOST"):
        buildctl = program_on_path(env, "buildctl")
        if buildctl is not None:
            return Tool(kind="buildctl", program=buildctl)
    buildx = _buildx(env)
    if buildx is not None:
        return Tool(kind="buildx", program=buildx)
    raise _not_installed()


class _Asker:
    def __init__(self, process: FollowedProcess, env: Mapping[str, str]) -> None:
        self._process = process
        self._env = env

    def buildctl(self, program: str, host: str) -> Tool:
        version = self._version(program, "--version")
        _require_new(version, "buildctl")
        answer = self._ask(program, "--timeout", "5", "debug", "info")
        if answer.code != 0:
            raise BuilderUnavailable(
                f"the BuildKit daemon at BUILDKIT_HOST `{host}` does not answer: {_said(answer)}",
                hint="start `buildkitd`, or correct BUILDKIT_HOST",
            )
        daemon = _first_version(_text(answer.stdout))
        _require_new(daemon, "buildkitd")
        return Tool(
            kind="buildctl",
            program=program,
            address=host,
            versions=_versions(buildctl=version, buildkit=daemon),
            takes_variables=_numbers(version) is None
            or (_numbers(version) or _OLDEST) >= _ARGUMENTS_FROM_ENV,
        )

    def buildx(self, program: str, builder: str | None) -> Tool:
        version = self._version(program, "version")
        _require_new(version, "buildx")
        answer = self._ask(program, "inspect", *([builder] if builder is not None else []))
        said = _text(answer.stdout)
        fields = dict(_fields(said))
        problem = fields.get("error")
        if answer.code != 0 or problem is not None or "driver" not in fields:
            shown = f"`{builder}`" if builder is not None else "in use"
            raise BuilderUnavailable(
                f"the builder {shown} of buildx does not answer: {problem or _said(answer)}",
                hint="`docker buildx ls` shows the builders, `docker buildx create --use` makes one",
            )
        if fields["driver"] == "remote" and fields.get("status") != "running":
            raise BuilderUnavailable(
                f"the BuildKit daemon of the builder `{fields.get('name')}` does not answer at "
                f"`{fields.get('endpoint')}`",
                hint="start the daemon, or choose another builder: `docker buildx ls`",
            )
        # A builder that was not started yet has no version; `buildx build` starts it.
        daemon = _first_version(fields.get("buildkit version", ""))
        is_loading = fields["driver"] == "docker" and not _CONTAINERD.search(said)
        if not is_loading:
            _require_new(daemon, "buildkitd")
        return Tool(
            kind="buildx",
            program=program,
            builder=builder,
            driver=fields["driver"],
            address=fields.get("endpoint", ""),
            is_loading=is_loading,
            docker_context=fields.get("endpoint", "default"),
            systems=_systems(fields.get("platforms", "")),
            versions=_versions(buildx=version, buildkit=daemon),
        )

    def _version(self, program: str, *arguments: str) -> str | None:
        answer = self._ask(program, *arguments)
        if answer.code != 0:
            raise BuilderUnavailable(
                f"`{program}` does not run: {_said(answer)}", hint=f"install `{program}` anew, or remove it"
            )
        return _first_version(_text(answer.stdout))

    def _ask(self, program: str, *arguments: str) -> Completed:
        try:
            return self._process.run([program, *arguments], cwd="/", env=self._env, timeout=ANSWER_WITHIN)
        except OSError as error:  # `TimeoutError` is a subclass
            reason = str(error) if isinstance(error, TimeoutError) else error.strerror
            raise BuilderUnavailable(
                f"`{program}` does not answer: {reason}", hint="see whether its daemon is overloaded"
            ) from error


def _not_installed() -> BuilderUnavailable:
    return BuilderUnavailable(
        "neither `buildx` nor, with BUILDKIT_HOST, `buildctl` is installed",
        hint="install the docker buildx plugin; in GitHub Actions, `uses: docker/setup-buildx-action`",
    )


def _buildx(env: Mapping[str, str]) -> str | None:
    """The program of buildx: the one that SHIPMARK_BUILDX names, a plugin of the docker command, or one on PATH.

    An empty SHIPMARK_BUILDX means that there is none.
    """
    if "SHIPMARK_BUILDX" in env:
        return program_named(env, "SHIPMARK_BUILDX")
    config = docker_folder(env)
    folders = [os.path.join(config, "cli-plugins")] if os.path.isabs(config) else []
    for folder in (*folders, *_PLUGINS):
        path = os.path.join(folder, "docker-buildx")
        if is_program(path):
            return path
    return program_on_path(env, "buildx") or program_on_path(env, "docker-buildx")


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """The fields `Name: value` of `buildx inspect`, in reverse order, so that in a mapping the first of a name wins."""
    for line in reversed(text.splitlines()):
        name, colon, value = line.partition(":")
        if colon and value.strip():
            yield name.strip().lower(), value.strip()


def _systems(platforms: str) -> frozenset[str]:
    """The operating systems in a list such as `linux/amd64*, linux/386`."""
    return frozenset(name.strip().partition("/")[0] for name in platforms.split(",") if name.strip())


def _first_version(text: str) -> str | None:
    match = _VERSION.search(text)
    return match[0].removeprefix("v") if match is not None else None


def _numbers(version: str | None) -> tuple[int, int] | None:
    """The first two numbers of a version; None for a program built without a version (`0.0.0+unknown`)."""
    match = _VERSION.match(version or "")
    if match is None or (int(match[1]), int(match[2])) == (0, 0):
        return None
    return int(match[1]), int(match[2])


def _require_new(version: str | None, program: str) -> None:
    numbers = _numbers(version)
    if numbers is not None and numbers < _OLDEST:
        raise BuildError(
            f"`{program}` {version} is too old: {_OLDEST[0]}.{_OLDEST[1]} is the first that can do this",
            hint=f"install a newer `{program}`",
        )


def _versions(**found: str | None) -> dict[str, str]:
    return {name: version for name, version in found.items() if version is not None}


def _text(raw: bytes) -> str:
    return raw[:_LARGEST_ANSWER].decode("utf-8", "replace")


def _said(answer: Completed) -> str:
    lines = _text(answer.stderr).strip().splitlines()
    return " ".join(lines[-1].split())[:300] if lines else f"exit {answer.code}"
