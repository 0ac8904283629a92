"""Whole releases with a real git repository, registry, Docker daemon and version log."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.releases.project import Project
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import program, require

RELEASE = {"1.4.2", "1.4", "1", "latest"}


def skopeo_digest(project: Project, tag: str) -> str:
    require("skopeo")
    done = subprocess.run(
        [
            program("skopeo"),
            "inspect",
            "--tls-verify=false",
            "--format={{.Digest}}",
            f"docker://{project.image}:{tag}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def steps(result: Any) -> list[tuple[str, str]]:
    return [(step["id"], step["state"]) for step in result.json["releases"][0]["steps"]]


def overwrite(project: Project, source: str, tag: str) -> str:
    """Put the manifest of the tag `source`, with an annotation more, under `tag`, and return its digest."""
    _, raw = project.registry.manifest(project.name, source)
    other = json.loads(raw) | {"annotations": {"made": "by somebody else"}}
    status, _, _ = project.registry.request(
        "PUT",
        f"/v2/{project.name}/manifests/{tag}",
        body=json.dumps(other).encode(),
        headers={"Content-Type": other["mediaType"]},
    )
    assert status == 201
    return project.tags[tag]


def test_a_release_leaves_all_its_tags_on_one_digest(project: Project) -> None:
    result = project.must("run", "--json")
    sha = f"sha-{project.repo.head[:12]}"
    assert set(project.tags) == RELEASE | {sha}
    assert len(set(project.tags.values())) == 1
    assert {skopeo_digest(project, tag) for tag in project.tags} == set(project.tags.values())
    assert project.kinds() == ["planned", "built", "pushed", "released", "moved"]
    assert "the chain is whole" in project.must("log", "verify").stdout
    assert result.json["exit_code"] == 0


def test_a_repeated_release_uploads_and_builds_nothing(project: Project) -> None:
    project.must("run")
    before = len(project.registry.access_log())
    again = project.must("run", "--json")
    assert {request.method for request in project.registry.access_log()[before:]} <= {"GET", "HEAD"}
    assert {state for _, state in steps(again)} == {"done"}
    assert project.kinds().count("released") == 1
    assert len(project.log) == 5


def test_a_fresh_clone_with_an_empty_log_adopts_the_release(project: Project, tmp_path: Path) -> None:
    first = project.must("run", "--json")
    before = len(project.registry.access_log())
    clone = project.repo.clone(tmp_path / "elsewhere" / "clone")
    clone.checkout("v1.4.2")
    again = project.must("run", "--json", cwd=clone.path)
    assert {request.method for request in project.registry.access_log()[before:]} <= {"GET", "HEAD"}
    assert again.json["releases"][0]["key"] == first.json["releases"][0]["key"]
    kinds = [
        json.loads(line)["kind"] for line in (clone.path / ".shipmark/log.jsonl").read_text().splitlines()
    ]
    assert kinds == ["planned", "built", "pushed", "released", "moved"]
    assert project.must("run", "--json", cwd=clone.path).json["exit_code"] == 0
    assert len((clone.path / ".shipmark/log.jsonl").read_text().splitlines()) == 5


def test_release_key_is_equal_in_every_clone(project: Project, tmp_path: Path) -> None:
    keys = {project.must("preview", "--json").json["releases"][0]["key"]}
    for number, remote in enumerate(["git@github.com:acme/app.git", "https://github.com/acme/app"]):
        clone = project.repo.clone(tmp_path / f"clone{number}" / "deep")
        clone.git("remote", "set-url", "origin", remote)
        clone.checkout("v1.4.2")
        keys.add(project.must("preview", "--json", cwd=clone.path).json["releases"][0]["key"])
    project.must("run")
    project.lose_disk()
    keys.add(project.must("run", "--json").json["releases"][0]["key"])
    assert len(keys) == 1


def test_backport_moves_its_own_line_and_gives_the_reason_for_withheld_tags(project: Project) -> None:
    project.must("run")
    newest = project.tags["latest"]
    project.repo.branch("release/1.3", "v1.3.8")
    project.release_commit("v1.3.9")
    result = project.must("run", "--json")
    assert project.tags["1.3"] == project.tags["1.3.9"] != newest
    assert project.tags["latest"] == project.tags["1"] == newest
    withheld = {one["name"]: one["reason"] for one in result.json["releases"][0]["decision"]["withheld"]}
    assert withheld == {"1": "1.4.2 is higher", "latest": "1.4.2 is higher"}
    assert result.code == 0


def test_a_release_whose_version_tag_was_overwritten_is_refused_before_any_request_that_writes(
    project: Project,
) -> None:
    project.must("run")
    ours = project.tags["1.4.2"]
    theirs = overwrite(project, "latest", "1.4.2")
    before = len(project.registry.access_log())
    for command in ("preview", "run"):
        result = project(command)
        assert result.code == 6
        assert ours in result.stderr
        assert theirs in result.stderr
        assert "hint: " in result.stderr
    assert {request.method for request in project.registry.access_log()[before:]} <= {"GET", "HEAD"}
    assert project.tags["1.4.2"] == theirs


def test_a_release_whose_version_tag_is_of_another_commit_is_refused_with_both_commits(
    project: Project,
) -> None:
    project.must("run")
    first = project.repo.head
    project.lose_disk()
    project.repo.git("tag", "-d", "v1.4.2")
    second = project.release_commit("v1.4.2")
    result = project("run")
    assert result.code == 6
    assert first in result.stderr
    assert second in result.stderr
    assert not (project.repo.path / ".shipmark/log.jsonl").exists()


def test_preview_sends_nothing_but_reads_and_lists_the_steps_of_the_run(project: Project) -> None:
    preview = project.must("preview", "--json")
    assert {request.method for request in project.registry.access_log()} <= {"GET", "HEAD"}
    assert project.tags == {}
    assert not (project.repo.path / ".shipmark").exists()
    run = project.must("run", "--json")
    assert [step for step, _ in steps(preview)] == [step for step, _ in steps(run)]
    assert preview.json["plan"] == run.json["plan"]
    assert preview.json["releases"][0]["key"] == run.json["releases"][0]["key"]


def test_a_commit_that_was_built_on_its_branch_is_released_without_a_conflict(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    project.release_commit()
    project.must("run")
    sha = f"sha-{project.repo.head[:12]}"
    branch_build = project.tags[sha]
    assert set(project.tags) == {sha, "main"}
    project.repo.tag("v1.4.2")
    project.must("run")
    assert project.tags[sha] == branch_build
    assert project.tags["1.4.2"] == project.tags["latest"] != branch_build


def test_reuse_releases_the_branch_build_without_a_build(make_project: Callable[..., Project]) -> None:
    project = make_project(reuse="commit")
    project.release_commit()
    project.must("run")
    branch_build = project.tags["main"]
    project.repo.tag("v1.4.2")
    result = project.must("run", "--json")
    assert {project.tags[tag] for tag in RELEASE} == {branch_build}
    assert "build-image" not in {step["kind"] for step in result.json["releases"][0]["steps"]}
    project.lose_disk()
    project.must("run")
    assert {project.tags[tag] for tag in RELEASE} == {branch_build}


def test_a_rebuild_is_built_although_the_release_reused_the_branch_build(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(reuse="commit")
    project.release_commit()
    project.must("run")
    project.repo.tag("v1.4.2")
    project.must("run")
    result = project.must("run", "--rebuild", "--json")
    assert "build-image" in {step["kind"] for step in result.json["releases"][0]["steps"]}
    assert project.tags["1.4.2_r1"] != project.tags["1.4.2"]  # built with another version label
    assert project.tags["latest"] == project.tags["1.4.2_r1"]
    assert project.tags["1.4.2"] == project.tags["main"]


def test_a_plan_file_is_executed_as_it_was_written_and_again_after_its_release(project: Project) -> None:
    planned = project.must("preview", "-o", "plan.json", "--json")
    # `-C` is where the plan was written, and where it is read.
    elsewhere = project.repo.path.parent
    run = project.must("-C", str(project.repo.path), "run", "--plan", "plan.json", "--json", cwd=elsewhere)
    assert run.json["plan"] == planned.json["plan"]
    assert set(project.tags) >= RELEASE
    project.must("run", "--plan", "plan.json")


def test_a_plan_file_is_refused_if_a_tag_was_moved_since_it_was_written(project: Project) -> None:
    project.repo.checkout("v1.4.1")
    project.must("run", "--image", project.image)
    project.repo.checkout("main")
    before = project.tags["1.4.1"]
    project.must("preview", "-o", "plan.json")
    overwrite(project, "1.4.1", "latest")
    result = project("run", "--plan", "plan.json")
    assert result.code == 6
    assert "the plan is stale" in result.stderr
    assert f"`{project.image}:latest` was free and is {project.tags['latest']}" in result.stderr
    assert "1.4.2" not in project.tags
    assert project.tags["1.4.1"] == before


def test_a_plan_file_that_was_edited_is_refused(project: Project) -> None:
    project.must("preview", "-o", "plan.json")
    path = project.repo.path / "plan.json"
    path.write_text(path.read_text().replace('"purpose": "release"', '"purpose": "elease"'))
    result = project("run", "--plan", "plan.json")
    assert result.code == 6
    assert "was changed after it was written" in result.stderr
    assert "hint: write a new one with `preview -o`" in result.stderr


def test_all_targets_of_a_release_get_the_same_image(project: Project, tmp_path: Path) -> None:
    project.configure(
        image=None, images=[project.image, "oci:dist/image", f"{project.registry.host}/acme/copy"]
    )
    project.release_commit("v1.5.0")
    project.must("run")
    digest = project.tags["1.5.0"]
    assert project.registry.tags("acme/copy")["1.5.0"] == digest
    index = json.loads((project.repo.path / "dist/image/index.json").read_text())
    names = {
        one.get("annotations", {}).get("org.opencontainers.image.ref.name") for one in index["manifests"]
    }
    assert {"1.5.0", "1.5", "1", "latest"} <= names
    assert {one["digest"] for one in index["manifests"]} == {digest}


def test_an_image_built_by_the_docker_daemon_and_released_runs_after_a_pull(
    project: Project, docker_daemon: DockerDaemon, busybox_image: str
) -> None:
    project.configure(build={"builder": "docker", "args": {"VERSION": "{{version}}"}})
    dockerfile = (
        f"FROM {busybox_image}\nARG VERSION\nRUN echo built $VERSION > /version\n"
        'COPY hello.txt /\nCMD ["/bin/cat", "/version"]\n'
    )
    project.release_commit("v1.5.0", files={"Dockerfile": dockerfile})
    env = {"DOCKER_HOST": docker_daemon.host}
    project.must("run", env=env)
    assert skopeo_digest(project, "latest") == project.tags["1.5.0"]
    reference = f"{project.image}@{project.tags['1.5.0']}"
    docker_daemon.docker("pull", "--quiet", reference)
    ran = docker_daemon.docker("run", "--rm", "--network=none", reference)
    assert ran.stdout.decode().strip() == "built 1.5.0"
    docker_daemon.docker("rmi", "--force", reference)
    again = project.must("run", "--json", env=env)
    assert {state for _, state in steps(again)} == {"done"}


@pytest.mark.parametrize("scheme", ["basic", "token"])
def test_release_uses_the_credentials_of_the_docker_config_file(
    scheme: str, make_project: Callable[..., Project], registry_factory: Any, tmp_path: Path
) -> None:
    import base64

    server = registry_factory(auth=scheme)
    project = make_project(image=f"{server.host}/acme/app")
    project.release_commit("v1.4.2")
    refused = project("run")
    assert refused.code == 5
    assert "hint: " in refused.stderr
    folder = tmp_path / "docker-config"
    folder.mkdir()
    pair = base64.b64encode(f"{server.username}:{server.password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": pair}}}))
    env = {"DOCKER_CONFIG": str(folder)}
    result = project.must("run", env=env)
    assert set(server.tags("acme/app")) >= RELEASE if scheme == "basic" else True
    assert server.password not in result.stderr + result.stdout + json.dumps(project.log)
    assert project.must("run", "--json", env=env).json["exit_code"] == 0


def test_a_rebuild_gets_a_version_tag_of_its_own_and_moves_the_moving_tags(project: Project) -> None:
    project.must("run")
    first = project.tags["1.4.2"]
    project.configure(labels={"base": "patched"})
    project.repo.git("update-index", "--assume-unchanged", "shipmark.yml")
    result = project.must("run", "--rebuild", "v1.4.2", "--json")
    rebuilt = project.tags["1.4.2_r1"]
    assert project.tags["1.4.2"] == first != rebuilt
    assert {project.tags[tag] for tag in ("1.4", "1", "latest")} == {rebuilt}
    assert result.json["releases"][0]["decision"]["version"] == "1.4.2"
    project.must("run", "--rebuild")
    assert "1.4.2_r2" in project.tags
    refused = project("run", "--rebuild", "v1.4.1")
    assert refused.code == 3
    assert "git checkout v1.4.1" in refused.stderr


def test_a_version_without_a_git_tag_needs_a_reason_which_is_recorded(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    project.release_commit()
    refused = project("run", "--version", "1.5.0")
    assert refused.code == 2
    assert "--reason" in refused.stderr
    project.must("run", "--version", "1.5.0", "--reason", "the tag server is down")
    assert project.tags["1.5.0"] == project.tags["latest"]
    assert project.log[0]["reason"] == "the tag server is down"


def test_allow_backward_needs_a_reason_which_is_recorded(project: Project) -> None:
    project.must("run")
    project.repo.branch("release/1.3", "v1.3.8")
    project.release_commit("v1.3.9")
    assert project("run", "--allow-backward").code == 2
    project.must("run", "--allow-backward", "--reason", "1.4 is broken")
    assert project.tags["latest"] == project.tags["1.3.9"]
    assert [entry["reason"] for entry in project.log if "reason" in entry] == ["1.4 is broken"]
