"""The features that the builder `docker` declares are those of a daemon's classic builder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from release.build import Problem
from release.build.docker.builder import DockerBuilder
from release.build.docker.features import CLASSIC_FEATURES
from release.control import Cancel
from release.events import NullSink
from tests.support.releases.builds import build_of
from tests.support.releases.project import Project
from tests.support.services.docker import DockerDaemon

#: Feature -> lines behind `FROM scratch` and `COPY a /`.
LACKING = {
    "add-checksum": f"ADD --checksum=sha256:{'0' * 64} http://127.0.0.1:9/a /b",
    "add-keep-git-dir": "ADD --keep-git-dir a /b",
    "add-unpack": "ADD --unpack=false a /b",
    "copy-chmod": "COPY --chmod=0755 a /b",
    "copy-chmod-empty": "COPY --chmod=$X a /b",
    "copy-chmod-symbolic": "COPY --chmod=u+x a /b",
    "copy-exclude": "COPY --exclude=x a /b",
    "copy-link": "COPY --link a /b",
    "copy-parents": "COPY --parents a /b/",
    "copy-several-to-name": "COPY a a /b",
    "copy-several-without-slash": "COPY a a .",
    "copy-source-outside": "COPY ../a /b",
    "env-name-empty": "ENV $X=1",
    "healthcheck-zero": "HEALTHCHECK --interval=0s CMD a",
    "heredoc": "COPY <<robots.txt /b\nx\nrobots.txt",
    "mount-bind": "RUN --mount=target=/x a",
    "mount-cache": "RUN --mount=type=cache,target=/x a",
    "mount-secret": "RUN --mount=type=secret,id=x a",
    "mount-ssh": "RUN --mount=type=ssh a",
    "mount-tmpfs": "RUN --mount=type=tmpfs,target=/x a",
    "run-device": "RUN --device=a/b=c a",
    "run-network": "RUN --network=none a",
    "run-security": "RUN --security=insecure a",
    "workdir-empty": "WORKDIR $X",
}


@pytest.fixture
def builder(docker_daemon: DockerDaemon) -> DockerBuilder:
    return DockerBuilder({"DOCKER_HOST": docker_daemon.host}, sink=NullSink(), cancel=Cancel())


def write(root: Path, text: str) -> Path:
    root.mkdir()
    (root / "a").write_text("a")
    (root / "Dockerfile").write_text(text)
    return root


@pytest.mark.parametrize("feature", LACKING)
def test_a_dockerfile_feature_that_the_daemon_refuses_is_refused_before_the_build(
    feature: str, tmp_path: Path, builder: DockerBuilder, docker_daemon: DockerDaemon
) -> None:
    assert feature not in CLASSIC_FEATURES
    root = write(tmp_path / "project", f"FROM scratch\nCOPY a /\n{LACKING[feature]}\n")
    found = builder.prepare(*build_of(root))
    assert isinstance(found, Problem)
    assert found.kind == "lacks"
    assert found.reason.startswith("Dockerfile:3: the Engine API's builder does not support ")
    assert docker_daemon.docker("build", "--quiet", str(root), check=False).returncode != 0


def test_a_copied_folder_with_an_owner_below_folders_that_do_not_exist_is_refused_by_the_builder_docker(
    tmp_path: Path, builder: DockerBuilder
) -> None:
    root = write(tmp_path / "project", "FROM scratch\nCOPY --chown=7 ./ /b/c/\n")
    found = builder.prepare(*build_of(root))
    assert isinstance(found, Problem)
    said = "`COPY --chown` of a folder below `/b`, which does not exist"
    assert found.reason == f"Dockerfile:2: the Engine API's builder does not support {said}"
    assert "`WORKDIR`" in str(found.hint)


def test_a_stage_that_the_target_does_not_need_is_checked_for_features_of_the_daemon_too(
    tmp_path: Path, builder: DockerBuilder
) -> None:
    text = "FROM scratch AS unused\nCOPY --link a /\nFROM scratch AS app\nCOPY a /\nFROM scratch\nCOPY --link a /\n"
    root = write(tmp_path / "project", text)
    found = builder.prepare(*build_of(root, target="app"))
    assert isinstance(found, Problem)
    assert found.reason == "Dockerfile:2: the Engine API's builder does not support `COPY --link`"


def test_a_missing_source_in_a_stage_that_the_target_does_not_need_is_a_problem_of_the_builder(
    tmp_path: Path, builder: DockerBuilder
) -> None:
    root = write(tmp_path / "project", "FROM scratch AS unused\nCOPY none /\nFROM scratch\nCOPY a /\n")
    found = builder.prepare(*build_of(root))
    assert isinstance(found, Problem)
    assert (found.kind, found.reason) == ("lacks", "Dockerfile:2: the context has no `none`")
    assert "skips stages" in str(found.hint)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("COPY --from=0 / /", "there is no earlier stage `0` to copy from"),
        ("RUN --mount=type=chache,target=/x a", "`--mount=type=chache,target=/x` cannot be read"),
        ("COPY --chmod=9 a /b", "`--chmod=9` is not a mode"),
        ("ENV A=${B:?needed}", "`B` has no value: needed"),
    ],
)
def test_a_dockerfile_line_that_no_builder_accepts_is_an_input_error(
    line: str, reason: str, tmp_path: Path, builder: DockerBuilder
) -> None:
    root = write(tmp_path / "project", f"FROM scratch\nCOPY a /\n{line}\n")
    found = builder.prepare(*build_of(root))
    assert isinstance(found, Problem)
    assert (found.kind, reason in found.reason) == ("input", True)
    assert found.reason.startswith("Dockerfile:3: ")


@pytest.mark.parametrize(
    "text",
    [
        "FROM scratch\nCOPY --link hello.txt /\n",
        "FROM busybox:test\nRUN --mount=type=cache,target=/x true\n",
        "FROM --platform=$BUILDPLATFORM busybox:test\nCOPY hello.txt /\n",
        "FROM busybox:test\nCOPY hello.txt /\n",
    ],
)
def test_preview_of_a_docker_build_exits_with_the_code_of_run(
    text: str, make_project: Callable[..., Project], docker_daemon: DockerDaemon, busybox_image: str
) -> None:
    project = make_project(build={"builder": "docker"})
    project.release_commit("v1.4.2", files={"Dockerfile": text})
    env = {"DOCKER_HOST": docker_daemon.host}
    preview = project("preview", env=env)
    run = project("run", env=env)
    assert preview.code == run.code
    assert (preview.code == 4) == ("the Engine API's builder does not support" in run.stderr)
    assert bool(project.log) == (run.code == 0)
