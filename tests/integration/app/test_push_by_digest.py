"""`shipmark run` with `buildkit`, which pushes the image by digest to the first target; shipmark puts the tags."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.registries.gate import Gate
from tests.support.registries.registry import RegistryFactory, RegistryServer
from tests.support.releases.project import Project
from tests.support.releases.pushing import front_ends, pushing
from tests.support.services.buildkit import BUSYBOX, BuildKitDaemon

DOCKERFILE = f"FROM {BUSYBOX} AS made\nARG VERSION\nRUN echo $VERSION > /made\nFROM scratch\nCOPY --from=made /made /\n"
#: The last stage declares the argument, so that its value would stand in the image's history.
TOLD = {"Dockerfile": "FROM scratch\nARG VERSION\nCOPY hello.txt /\n"}
WARNING = "shipmark pushes the image instead"


def start(
    project: Project,
    *,
    build: dict[str, Any] | None = None,
    files: dict[str, str] | None = None,
    **settings: Any,
) -> Project:
    """Configure a build by BuildKit, commit it with a Dockerfile, and tag the commit v1.4.2."""
    whole = {"builder": "buildkit", "args": {"VERSION": "{{version}}"}, **(build or {})}
    project.configure(build=whole, **settings)
    project.release_commit("v1.4.2", files={"Dockerfile": DOCKERFILE, **(files or {})})
    return project


def came_here(project: Project) -> bool:
    """Return whether a blob of the image is in the content store of this machine."""
    return any(path.is_file() for path in project.cache.glob("**/blobs/sha256/*"))


def login_variables(registry: RegistryServer) -> dict[str, str]:
    """Return the variables with shipmark's own credential for the registry, which BuildKit does not read."""
    name = registry.host.replace(".", "_").replace(":", "___")
    assert registry.username is not None
    assert registry.password is not None
    return {
        f"SHIPMARK_REGISTRY_{name}_USERNAME": registry.username,
        f"SHIPMARK_REGISTRY_{name}_PASSWORD": registry.password,
    }


def folders_left(project: Project) -> list[Path]:
    """Return the private folders of builds that are left in the cache."""
    return [path for path in project.cache.glob("**/*.buildkit/*") if path.is_dir()]


@pytest.mark.parametrize("program", ["buildctl", "buildx"])
def test_buildkit_pushes_to_a_registry_with_shipmarks_credential(
    program: str,
    make_project: Callable[..., Project],
    registry_factory: RegistryFactory,
    buildkit: BuildKitDaemon,
    tmp_path: Path,
) -> None:
    closed = registry_factory(auth="basic")
    project = start(make_project(), image=f"{closed.host}/acme/app")
    env = buildkit.buildx_env(tmp_path / "docker") if program == "buildx" else buildkit.env
    env = {**env, **login_variables(closed)}
    preview = project.must("preview", env=env)
    assert f"which pushes it to {closed.host}/acme/app by digest" in preview.stdout
    assert closed.requests("PUT") == []
    result = project.must("run", env=env)
    assert WARNING not in result.stderr
    tags = closed.tags("acme/app")
    (built,) = [entry for entry in project.log if entry["kind"] == "built"]
    assert tags["1.4.2"] == tags["latest"] == built["image"]["digest"]
    assert not came_here(project)
    assert folders_left(project) == []
    assert str(closed.password) not in result.stderr + result.stdout + json.dumps(project.log)
    again = project.must("run", env=env)
    assert "building with" not in again.stderr
    config = json.loads(closed.manifest("acme/app", "1.4.2")[1])["config"]["digest"]
    assert "VERSION=" not in closed.request("GET", f"/v2/acme/app/blobs/{config}")[2].decode()


def test_buildkit_pushes_by_digest_to_a_registry_with_tls_only_if_the_daemon_trusts_it(
    make_project: Callable[..., Project],
    registry_factory: RegistryFactory,
    buildkit: BuildKitDaemon,
    buildkit_programs: Path,
) -> None:
    closed = registry_factory(auth="basic", tls=True)
    assert closed.ca is not None
    project = start(make_project(), image=f"{closed.host}/acme/app")
    env = {**login_variables(closed), "SHIPMARK_CA_FILE": str(closed.ca)}
    daemon = BuildKitDaemon(buildkit_programs, buildkit.registry, trusted={closed.host: closed.ca})
    try:
        result = project.must("run", env={**env, **daemon.env})
    finally:
        daemon.stop()
    assert WARNING not in result.stderr
    assert not came_here(project)
    # The other daemon does not trust the registry: it cannot push, and shipmark does.
    project.release_commit("v1.4.3")
    result = project.must("run", env={**env, **buildkit.env})
    assert f"BuildKit cannot push to `{closed.host}/acme/app`: " in result.stderr
    assert WARNING in result.stderr
    assert came_here(project)
    assert closed.tags("acme/app")["latest"] == closed.tags("acme/app")["1.4.3"]
    start_by_digest = {"builder": "buildkit", "push": "by-digest"}
    project.configure(image=f"{closed.host}/acme/app", build=start_by_digest)
    project.release_commit("v1.4.4")
    result = project("run", env={**env, **buildkit.env})
    assert result.code == 4
    assert "1.4.4" not in closed.tags("acme/app")


def test_an_index_with_attestations_is_pushed_by_digest_and_its_layers_are_mounted_in_the_second_target(
    make_project: Callable[..., Project], buildkit: BuildKitDaemon
) -> None:
    project = make_project()
    both = [project.image, f"{project.registry.host}/acme/copy"]
    build = {"platforms": ["linux/amd64", "linux/arm64"], "provenance": "min", "args": {}}
    project.configure(image=None, images=both, build={"builder": "buildkit", **build})
    project.release_commit("v1.4.2", files={"Dockerfile": "FROM scratch\nCOPY hello.txt /\n"})
    project.must("run", env=buildkit.env)
    assert project.tags["1.4.2"] == project.registry.tags("acme/copy")["1.4.2"]
    assert not came_here(project)
    mounts = [
        one for one in project.registry.requests("POST") if "/acme/copy/" in one.path and "mount=" in one.path
    ]
    assert mounts
    index = json.loads(project.registry.manifest(project.name, "1.4.2")[1])
    assert [one["platform"]["architecture"] for one in index["manifests"]][:2] == ["amd64", "arm64"]
    assert len(index["manifests"]) == 4
    alone = [entry for entry in project.log if entry["kind"] == "built-platform"]
    assert sorted(len(entry["attestations"]) for entry in alone) == [1, 1]


def test_push_by_digest_is_not_chosen_if_settings_or_the_dockerfile_require_a_local_image(
    make_project: Callable[..., Project], buildkit: BuildKitDaemon
) -> None:
    project = start(make_project())
    checks = {"checks": [{"name": "c", "run": ["true"]}]}
    layout = {"image": None, "images": [project.image, "oci:dist/image"]}
    optional = {"image": None, "images": [{"image": project.image, "required": False}]}
    rows: tuple[tuple[dict[str, Any], dict[str, Any], bool], ...] = (
        ({}, {}, True),
        (checks, {}, False),
        (checks, {"push": "by-digest"}, True),
        ({}, {"push": "by-client"}, False),
        (layout, {}, False),
        (optional, {}, False),
    )
    for settings, build, is_pushed in rows:
        code, text = tried(project, buildkit, "preview", settings, **build)
        assert (code, "pushes it to" in text) == (0, is_pushed), text
    project.repo.git("tag", "-d", "v1.4.2")
    start(project, files=TOLD)
    result = project.must("run", env=buildkit.env)
    assert WARNING not in result.stderr
    assert came_here(project)
    assert "1.4.2" in project.tags


def tried(
    project: Project, buildkit: BuildKitDaemon, command: str, settings: dict[str, Any], **build: Any
) -> tuple[int, str]:
    """Run a command with a configuration outside of the repository; return its exit code and output."""
    given = {"builder": "buildkit", "args": {"VERSION": "{{version}}"}, **build}
    config = project.repo.path.with_name("other.yml")
    whole = {"image": project.image, "build": given, **settings}
    config.write_text(json.dumps({key: value for key, value in whole.items() if value is not None}))
    result = project("--config", str(config), command, env=buildkit.env)
    return result.code, result.stdout + result.stderr


def test_a_check_reads_the_pushed_image_back_and_its_failure_leaves_no_tag(
    make_project: Callable[..., Project], buildkit: BuildKitDaemon
) -> None:
    script = "grep -q sha256 {{layout}}/index.json && exit 9"
    checks = [{"name": "scan", "run": ["sh", "-c", script]}]
    project = start(make_project(), build={"push": "by-digest"}, checks=checks)
    result = project("run", env=buildkit.env)
    assert result.code == 4
    assert "check `scan` failed: `sh` exited 9; no tag names the image" in result.stderr
    assert project.tags == {}
    assert "built" not in project.kinds()


def test_a_push_by_digest_that_is_not_possible_is_refused_before_the_build(
    make_project: Callable[..., Project], buildkit: BuildKitDaemon
) -> None:
    project = start(make_project(), files=TOLD)
    layout = {"image": None, "images": ["oci:dist/image"]}
    rows: tuple[tuple[dict[str, Any], dict[str, Any], int, str], ...] = (
        (layout, {}, 2, "needs a required target in a registry"),
        ({}, {"builder": "layers"}, 4, "does not support the option `build: {push: …}`"),
        ({}, {}, 4, "the image's history would hold the value of the build argument `VERSION`"),
    )
    for settings, build, expected, reason in rows:
        code, text = tried(project, buildkit, "preview", settings, push="by-digest", **build)
        assert (code, reason in text) == (expected, True), text
    # Without a release nothing is pushed, so nothing stands against the build.
    assert tried(project, buildkit, "build", layout, push="by-digest")[0] == 0


def test_an_interrupted_push_by_digest_leaves_no_tag_and_the_next_run_finishes(
    make_project: Callable[..., Project], gate: Gate, buildkit: BuildKitDaemon
) -> None:
    project = start(make_project(), image=f"{gate.host}/acme/app", build={"push": "by-digest"})
    with pushing(project, gate, buildkit.env) as one:
        one.process.send_signal(signal.SIGTERM)
        assert one.wait() == 143
    assert front_ends() == []
    assert folders_left(project) == []
    with pushing(project, gate, buildkit.env) as one:
        for pid in front_ends():
            os.kill(pid, signal.SIGKILL)
        assert one.wait() == 4
    assert folders_left(project) == []
    with pushing(project, gate, buildkit.env) as one:
        one.process.kill()
        assert one.wait() == -9
        for pid in front_ends():
            os.kill(pid, signal.SIGKILL)
    assert project.tags == {}
    project.must("run", env=buildkit.env)
    assert project.tags["latest"] == project.tags["1.4.2"]
    assert project.kinds().count("released") == 1
    assert folders_left(project) == []
