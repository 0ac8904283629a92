"""Compares the output of commands with transcripts, since text and `--json` documents must stay compatible."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.layout.layout import Layout
from tests.support.programs.command import Shipmark
from tests.support.programs.transcript import Transcript
from tests.support.registries.images import make_image, make_index, store
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo
from tests.support.releases.project import Project

TRANSCRIPTS = Path(__file__).with_name("transcripts")
PERSON = {
    "GIT_AUTHOR_NAME": "Ada Tester",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Tester",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def expected(name: str) -> str:
    return (TRANSCRIPTS / f"{name}.txt").read_text()


def test_output_of_tags_and_version_equals_the_transcript(
    git_repo: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    config = {"image": "ghcr.io/acme/app", "labels": {"a": "b"}}
    git_repo.commit("first", files={"shipmark.yml": json.dumps(config), ".gitignore": "*.out\n"})
    git_repo.tag("v1.4.2")
    said = Transcript(shipmark, folder=tmp_path)
    where: dict[str, Any] = {"cwd": git_repo.path}
    for options in ([], ["--format", "names"], ["--json"], ["--format", "env"], ["--image", "r.example/a"]):
        said("tags", *options, **where)
    for form in ("plain", "json", "env", "labels", "build-args", "pep440"):
        said("version", "--format", form, **where)
    said("version", "--template", "{{major}}.{{minor}} {{commit}}", **where)
    said("version", "--next", "auto", **where)
    git_repo.commit("feat: more")
    said("tags", "--json", **where)
    said("version", "--json", **where)
    said("version", "--next", "auto", "--json", **where)
    said("version", "--push", **where)
    said("version", "--next", "minor", "--create", "--push", **where, env=PERSON)
    said("version", "--next", "minor", "--create", "--image", "oci:dist/a", **where, env=PERSON)
    output = tmp_path / "output"
    actions = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(output), "GITHUB_REF": "refs/tags/v1.4.2"}
    for command in ("tags", "version"):
        said(command, "--result-file", "result.out", **where)
        said.note(*(git_repo.path / "result.out").read_text().splitlines())
        output.write_text("")
        said(command, **where, env={**actions, "GITHUB_SHA": git_repo.git("rev-parse", "v1.4.2^{commit}")})
        said.note(*output.read_text().splitlines())
    git_repo.write({"shipmark.yml": json.dumps({"components": {"api": {}, "web": {}}})})
    for args in (["tags"], ["version"], ["version", "--next", "auto"], ["tags", "--component", "db"]):
        said(*args, **where)
    said("tags", "--component", "web", "--json", **where)
    assert said.text == expected("names")


def test_output_of_metadata_equals_the_transcript(
    git_repo: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    config = {
        "image": "ghcr.io/acme/app",
        "tags": [{"type": "semver", "pattern": "{{version}}"}, "type=ref,event=branch"],
        "flavor": "suffix=-x",
        "labels": {"a": "b", "created": "{{date 'YYYY' }}"},
        "annotations": ["c=d"],
    }
    git_repo.commit("first", files={"shipmark.yml": json.dumps(config)})
    git_repo.tag("v1.4.2")
    said = Transcript(shipmark, folder=tmp_path)
    where: dict[str, Any] = {"cwd": git_repo.path, "env": {"SOURCE_DATE_EPOCH": "1704164645"}}
    for output in ("json", "version", "tags", "tag-names", "labels", "annotations", "bake-file"):
        said("metadata", "--output", output, **where)
    said("metadata", "--context", "git", "--images", "r.example/a", "--tags", "type=sha", **where)
    said("metadata", "--tags", "type=raw,value=1.0.0\ntype=semver,pattern={{version}},value=v1.0.0", **where)
    said("metadata", "--context", "moon", **where)
    said("metadata", "--tags", "type=nothing", **where)
    said("metadata", "--bake-dir", "bake", "--sep-tags", ";", "--output", "tags", **where)
    for path in sorted((git_repo.path / "bake").iterdir()):
        said.note(f"{path.name}:", *path.read_text().splitlines())
    assert said.text == expected("metadata")


@pytest.fixture
def history(make_project: Callable[..., Project]) -> Project:
    """Give a project that has released 1.4.2 and 1.4.3, and has taken 1.4.3 back."""
    project = make_project()
    for git_tag in ("v1.4.2", "v1.4.3"):
        project.release_commit(git_tag)
        project.must("run")
    project.must("rollback", "--to", "1.4.2", "--reason", "it eats data")
    return project


def test_output_of_log_commands_that_read_equals_the_transcript(history: Project, tmp_path: Path) -> None:
    said = Transcript(history, folder=tmp_path, registry=history.registry.host)
    for form in ("table", "json", "csv", "markdown"):
        said("log", "list", "--format", form)
    said("log", "list", "--state", "yanked", "-n", "1")
    said("log", "list", "--image", "acme/app", "--tag", "1.4", "--branch", "none", "--json")
    digest = history.tags["1.4.2"]
    moved = next(entry["at"] for entry in history.log if entry["kind"] == "moved")
    questions = [
        ["show", "1.4.3"],
        ["find", digest],
        ["at", "latest", moved],
        ["history", "latest"],
        ["diff", "1.4.2", "1.4.3"],
        ["verify"],
        ["verify", "--registry"],
        ["recover"],
    ]
    for question in questions:
        said("log", *question)
        said("log", *question, "--json")
    said("log", "show", "latest")
    for wrong in (["show", "9.9.9"], ["find", "sha256:0000000"], ["at", "latest", "2001-01-01"]):
        said("log", *wrong)
    said("log", "history", "none")
    said("log", "recover", "--attempt", "x")
    _, raw = history.registry.manifest("acme/app", "1.4.2")
    headers = {"Content-Type": json.loads(raw)["mediaType"]}
    history.registry.request("PUT", "/v2/acme/app/manifests/1.4.3", body=raw, headers=headers)
    said("log", "verify", "--registry")
    said("log", "verify", "--registry", "--json")
    assert said.text == expected("log")


def test_output_of_log_maintenance_and_deployed_equals_the_transcript(
    history: Project, tmp_path: Path
) -> None:
    said = Transcript(history, folder=tmp_path, registry=history.registry.host)
    for form in ("json", "csv", "in-toto"):
        said("log", "export", "--format", form)
    said("log", "export", "--format", "csv", "-o", "out.csv")
    said("log", "copy", "--from", "file:.shipmark/log.jsonl", "--to", "file:copy.jsonl")
    said("log", "copy", "--from", "file:.shipmark/log.jsonl", "--to", "file:copy.jsonl")
    said("log", "migrate")
    said("log", "import", "nothing.jsonl")
    released = next(entry for entry in history.log if entry["kind"] == "released")
    fact = {
        "kind": "abandoned",
        "project": released["project"],
        "release": released["release"],
        "attempt": "a",
        "reason": "its run is over",
        "evidence": "seen",
    }
    line = json.dumps({"schema": "shipmark.unrecorded/1", "fact": fact})
    history.repo.write({"left.jsonl": f"{line}\n"})
    said("log", "import", "left.jsonl")
    said("log", "import", "left.jsonl", "--json")
    for environment in ("prod", "prod", "new\nline"):
        said("deployed", environment, "1.4.2")
        said("deployed", environment, "1.4.3", "--evidence", "change 7", "--json")
    said("deployed", "prod", "1.4.3", "--json")
    said("deployed", "prod", "9.9.9")
    assert said.text == expected("maintenance")


def test_output_of_image_commands_equals_the_transcript(
    registry_server: RegistryServer, shipmark: Shipmark, tmp_path: Path
) -> None:
    one = make_image({"a": b"one"}, labels={"version": "1"})
    index = make_index(one, make_image({"a": b"arm"}, platform="linux/arm64"))
    store(index, Layout(str(tmp_path / "app")), "1.0.0")
    said = Transcript(shipmark, folder=tmp_path, registry=registry_server.host)
    name = f"{registry_server.host}/acme/app"
    said("image", "copy", "oci:app:1.0.0", name)
    said("image", "copy", "oci:app:1.0.0", name, "--json")
    said("image", "copy", f"oci:app@{one.digest}", f"{registry_server.host}/acme/one", "--json")
    said("image", "copy", "oci:app:1.0.0", f"{name}@{one.digest}")
    said("image", "copy", "--platform", "linux/arm64", "--referrers", f"{name}:1.0.0", f"{name}:arm")
    said("image", "copy", f"{name}:1.0.0", f"{name}:arm")
    said("image", "tag", f"{name}:1.0.0", "1.0", "latest")
    said("image", "tag", f"{name}:1.0.0", "1.0", "b", "--json")
    said("image", "tag", f"{name}:arm", "1.0.0", "--move")
    for question in (["list", name], ["list", name, "--digests"], ["inspect", f"{name}:1.0.0"]):
        said("image", *question)
        said("image", *question, "--json")
    said("image", "inspect", f"{name}:arm", "--platform", "linux/s390x")
    said("image", "list", f"{registry_server.host}/acme/none")
    for question in (["digest", f"{name}:1.0.0"], ["login-check", name], ["login-check", "oci:app"]):
        said("image", *question)
        said("image", *question, "--json")
    # In a layout: of registries some delete single tags, and some do not.
    said("image", "delete", "oci:app:1.0.0", "--preview")
    said("image", "delete", "oci:app:1.0.0", "--preview", "--json")
    said("image", "delete", name)
    said("image", "delete", "oci:app:1.0.0", "--json")
    said("image", "delete", "--digest", f"{name}:1.0")
    said("image", "delete", "--digest", f"{name}@{index.digest}", "--json")
    said("image", "delete", f"{name}:b")
    assert said.text == expected("images")
