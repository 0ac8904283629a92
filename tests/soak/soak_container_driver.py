"""Releases that buildx's driver `docker-container` builds, in a real privileged container of a real Docker daemon."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.releases.project import Project
from tests.support.services.buildkit import BuildKitDaemon
from tests.support.services.container_builder import ContainerBuilder, container_builder
from tests.support.services.docker import busybox_root
from tests.support.services.required import require

DOCKERFILE = """FROM scratch AS base
ADD root.tar /
FROM base
ARG TARGETARCH
RUN --mount=type=cache,target=/cache --mount=type=secret,id=token test -s /run/secrets/token && echo hi > /hi
COPY hello.txt /
ENV ARCH=$TARGETARCH
"""
SECRET = {"secrets": ["id=token,env=TOKEN"]}


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory, buildkit_programs: Path) -> Iterator[ContainerBuilder]:
    require("docker", "busybox")
    with container_builder(buildkit_programs, tmp_path_factory.mktemp("boxed")) as made:
        yield made


def _project(make: Callable[..., Project], dockerfile: str, **build: Any) -> Project:
    project = make(build={"builder": "buildkit", "builder_name": ContainerBuilder.name, "args": {}, **build})
    project.release_commit("v1.4.2", files={"Dockerfile": dockerfile, "root.tar": busybox_root()})
    return project


@pytest.mark.parametrize("push", ["by-client", "by-digest"])
def test_release_built_in_a_container_is_pushed_and_found_done_afterwards(
    make_project: Callable[..., Project], builder: ContainerBuilder, push: str
) -> None:
    project = _project(make_project, DOCKERFILE, push=push, **SECRET)
    env = {**builder.env, "TOKEN": "sesame-open-8472"}
    told = project.must("run", env=env)
    assert "sesame" not in told.stdout + told.stderr
    assert project.kinds()[-1] == "moved"
    assert project.tags["latest"] == project.tags["1.4.2"]
    before = project.tags
    assert "nothing to do" in project.must("run", env=env).stderr
    assert project.tags == before


def test_container_builds_an_index_of_two_platforms_without_run(
    make_project: Callable[..., Project], builder: ContainerBuilder
) -> None:
    platforms = ["linux/amd64", "linux/arm64"]
    project = _project(
        make_project,
        "FROM scratch\nARG TARGETARCH\nCOPY hello.txt /\nENV A=$TARGETARCH\n",
        platforms=platforms,
    )
    project.must("run", env=builder.env)
    index = json.loads(project.registry.manifest(project.name, "1.4.2")[1])
    assert [one["platform"]["architecture"] for one in index["manifests"]] == ["amd64", "arm64"]


def test_build_in_a_container_ended_by_sigterm_leaves_no_process_there_and_no_tag(
    make_project: Callable[..., Project], builder: ContainerBuilder
) -> None:
    project = _project(make_project, "FROM scratch\nADD root.tar /\nRUN sleep 98765\n")
    running = project.start("run", env=builder.env)
    _until(lambda: any("sleep 98765" in line for line in builder.running()))
    running.terminate()
    assert running.wait(30) == 143
    _until(lambda: not any("sleep 98765" in line for line in builder.running()))
    assert project.tags == {}


def test_release_whose_container_is_killed_fails_and_the_next_run_finishes(
    make_project: Callable[..., Project], builder: ContainerBuilder
) -> None:
    slow = "FROM scratch\nADD root.tar /\nRUN sleep 4\nCOPY hello.txt /\n"
    project = _project(make_project, slow)
    running = project.start("run", env=builder.env)
    _until(lambda: any("sleep 4" in line for line in builder.running()))
    builder.kill()
    assert running.wait(60) == 4
    assert project.tags == {}
    project.must("run", env=builder.env)
    assert project.tags["latest"] == project.tags["1.4.2"]


def test_container_and_daemon_without_one_make_the_same_image(
    make_project: Callable[..., Project], builder: ContainerBuilder, buildkit: BuildKitDaemon, tmp_path: Path
) -> None:
    project = make_project(build={"builder": "buildkit", "args": {}})
    project.release_commit("v1.4.2", files={"Dockerfile": "FROM scratch\nCOPY hello.txt /\n"})
    boxed = {**builder.env, "BUILDX_BUILDER": builder.name}
    told = [
        project.must("build", "--json", "-o", f"oci:{tmp_path}/{number}", env=env).stdout
        for number, env in enumerate((boxed, buildkit.buildx_env(tmp_path / "buildx")))
    ]
    found = [set(re.findall("sha256:[0-9a-f]{64}", one)) for one in told]
    assert found[0] == found[1] != set()


def _until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
