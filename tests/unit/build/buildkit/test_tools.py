"""Which of buildx and buildctl is used, and which answers of a daemon are accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from release.build.buildkit.tools import Tool, find_tool
from release.errors import BuildError, BuilderUnavailable
from release.ports import Completed

RUNNING = """Name:   made
Driver: {driver}

Nodes:
Name:             made0
Endpoint:         unix:///run/bk.sock
Status:           {status}
BuildKit version: {version}
{more}"""
ERROR = "Name:   default\nDriver: \nError:  failed to connect to the docker API\n"


class Answers:
    """Process stand-in that answers by the last words of its command line; `asked` and `envs` keep all calls."""

    def __init__(self, **said: str | int | Exception) -> None:
        self._said = said
        self.asked: list[str] = []
        self.envs: list[Mapping[str, str]] = []

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> Completed:
        assert timeout is not None
        self.asked.append(" ".join([Path(argv[0]).name, *argv[1:]]))
        self.envs.append(env or {})
        word = {"--version": "version"}.get(argv[1], argv[1]).strip("-")
        answer = self._said.get("info" if argv[-1] == "info" else word, "v0.34.2")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return Completed(code=answer, stdout=b"", stderr=b"first\nERROR: it is broken\n")
        return Completed(code=0, stdout=answer.encode(), stderr=b"")

    def follow(
        self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str], take: Callable[[bytes], None]
    ) -> int:
        raise AssertionError("nothing is built while looking")


def running(driver: str = "remote", status: str = "running", version: str = "v0.34.2", more: str = "") -> str:
    return RUNNING.format(driver=driver, status=status, version=version, more=more)


@pytest.fixture
def programs(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Return a function that creates programs and returns an environment that has their folder on PATH."""

    def make(*names: str, **env: str) -> dict[str, str]:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o755)
        return {"PATH": f"relative:{tmp_path}", **env}

    return make


def test_buildctl_is_used_if_buildkit_host_is_set(programs: Callable[..., dict[str, str]]) -> None:
    answers = Answers()
    tool = find_tool(answers, programs("buildx", "buildctl", BUILDKIT_HOST="unix:///x"), None)
    assert (tool.kind, tool.versions) == ("buildctl", {"buildctl": "0.34.2", "buildkit": "0.34.2"})
    assert answers.asked[-1] == "buildctl --timeout 5 debug info"


@pytest.mark.parametrize(("option", "variable"), [("mine", None), (None, "mine"), ("mine", "other")])
def test_named_builder_selects_buildx(
    programs: Callable[..., dict[str, str]], option: str | None, variable: str | None
) -> None:
    answers = Answers(inspect=running())
    env = programs("buildx", "buildctl", BUILDKIT_HOST="unix:///x") | (
        {"BUILDX_BUILDER": variable} if variable else {}
    )
    tool = find_tool(answers, env, option)
    assert (tool.kind, tool.builder, tool.driver) == ("buildx", "mine", "remote")
    assert answers.asked[-1] == "buildx inspect mine"


def test_buildx_plugin_of_docker_is_used_before_a_buildx_on_path(
    programs: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    env = programs("buildx", "config/cli-plugins/docker-buildx", DOCKER_CONFIG=str(tmp_path / "config"))
    tool = find_tool(Answers(inspect=running()), env, None)
    assert tool.program == str(tmp_path / "config/cli-plugins/docker-buildx")


@pytest.mark.parametrize(("name", "taken"), [("mine", True), ("", False), ("missing", False)])
def test_variable_shipmark_buildx_names_the_only_buildx_that_may_be_used(
    programs: Callable[..., dict[str, str]], tmp_path: Path, name: str, taken: bool
) -> None:
    env = programs("buildx", "mine", SHIPMARK_BUILDX=str(tmp_path / name) if name else "")
    if taken:
        assert find_tool(Answers(inspect=running()), env, None).program == str(tmp_path / "mine")
    else:
        with pytest.raises(BuilderUnavailable, match="`SHIPMARK_BUILDX` names" if name else "is installed"):
            find_tool(Answers(inspect=running()), env, None)


def test_programs_in_relative_folders_of_path_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/buildctl").touch(0o755)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BuilderUnavailable):
        find_tool(Answers(), {"PATH": "bin:", "BUILDKIT_HOST": "unix:///x"}, None)


def test_inactive_builder_that_the_build_will_start_is_accepted(
    programs: Callable[..., dict[str, str]],
) -> None:
    said = "Name: a\nDriver: docker-container\n\nNodes:\nName: a0\nEndpoint: x\nStatus: inactive\n"
    tool = find_tool(Answers(inspect=said), programs("buildx"), None)
    assert (tool.driver, tool.versions) == ("docker-container", {"buildx": "0.34.2"})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (ERROR, "does not answer: failed to connect to the docker API"),
        (1, "does not answer: ERROR: it is broken"),
        (running(status="inactive"), "does not answer at `unix:///run/bk.sock`"),
        (TimeoutError("no end within 10 s"), "does not answer: no end within 10 s"),
        (PermissionError(13, "Permission denied"), "does not answer: Permission denied"),
        (running(version="v0.12.5"), "`buildkitd` 0.12.5 is too old"),
    ],
)
def test_unusable_builder_is_builder_unavailable_with_the_reason(
    programs: Callable[..., dict[str, str]], said: str | int | Exception, reason: str
) -> None:
    with pytest.raises(BuildError) as caught:
        find_tool(Answers(inspect=said), programs("buildx"), None)
    assert reason in str(caught.value)
    assert caught.value.hint


def test_docker_driver_of_buildx_loads_the_image_unless_the_store_is_that_of_containerd(
    programs: Callable[..., dict[str, str]],
) -> None:
    plain = running(driver="docker", version="v0.8+unknown")
    assert find_tool(Answers(inspect=plain), programs("buildx"), None).is_loading
    said = running(driver="docker", more=" org.mobyproject.buildkit.worker.containerd.namespace: moby\n")
    assert not find_tool(Answers(inspect=said), programs("buildx"), None).is_loading


@pytest.mark.parametrize(("name", "env"), [("buildx", {}), ("buildctl", {"BUILDKIT_HOST": "unix:///x"})])
def test_too_old_program_is_builder_unavailable(
    programs: Callable[..., dict[str, str]], name: str, env: dict[str, str]
) -> None:
    with pytest.raises(BuildError) as caught:
        find_tool(Answers(version="x v0.12.1"), programs(name, **env), None)
    assert str(caught.value) == f"`{name}` 0.12.1 is too old: 0.13 is the first that can do this"


@pytest.mark.parametrize(
    ("version", "takes"), [("v0.33.0", False), ("v0.34.0", True), ("0.0.0+unknown", True)]
)
def test_buildctl_before_0_34_takes_no_build_arguments_from_its_environment(
    programs: Callable[..., dict[str, str]], version: str, takes: bool
) -> None:
    tool: Tool = find_tool(Answers(version=version), programs("buildctl", BUILDKIT_HOST="unix:///x"), None)
    assert tool.takes_variables is takes


def test_registry_credential_variables_of_shipmark_do_not_reach_buildx(
    programs: Callable[..., dict[str, str]],
) -> None:
    answers = Answers(inspect=running())
    find_tool(answers, programs("buildx", SHIPMARK_REGISTRY_GHCR_IO_TOKEN="t", HOME="/h"), None)
    assert all("SHIPMARK_REGISTRY_GHCR_IO_TOKEN" not in env and env["HOME"] == "/h" for env in answers.envs)
