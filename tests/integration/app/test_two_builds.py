"""Two jobs build two images of one tagged commit for one repository, with no version log between them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.releases.git import GitRepo
from tests.support.releases.project import Project

FAT = {"builder": "layers", "dockerfile": "Dockerfile.fat"}
SLIM = {"builder": "layers", "dockerfile": "Dockerfile"}
DOCKERFILES = {
    "Dockerfile": "FROM scratch\nCOPY hello.txt /slim\n",
    "Dockerfile.fat": "FROM scratch\nCOPY hello.txt /fat\n",
}
Job = Callable[..., Any]


@pytest.fixture
def tagged(make_project: Callable[..., Project]) -> Project:
    """Give a project with two Dockerfiles whose HEAD is tagged v2.0.0."""
    project = make_project(project="acme/app")
    project.release_commit("v2.0.0", files=DOCKERFILES)
    return project


@pytest.fixture
def job(tagged: Project, tmp_path: Path) -> Job:
    """Give a function that runs shipmark as a CI job: in a fresh clone of the git tag, with the given build config."""
    made: list[GitRepo] = []

    def start(build: dict[str, Any], *args: str, **settings: Any) -> Any:
        repo = tagged.repo.clone(tmp_path / f"clone{len(made)}")
        repo.checkout(settings.pop("ref", "v2.0.0"))
        made.append(repo)
        config = tmp_path / f"job{len(made)}.yml"
        whole = {"image": tagged.image, "project": "acme/app", "build": build, **settings}
        config.write_text(json.dumps(whole))
        return tagged(*(args or ("run",)), "--config", str(config), cwd=repo.path)

    return start


def test_second_job_with_another_dockerfile_is_refused_and_does_not_adopt_the_first_image(
    tagged: Project, job: Job
) -> None:
    assert job(FAT).code == 0
    before = tagged.tags
    second = job(SLIM)
    assert second.code == 6
    assert f"`{tagged.image}:2.0.0` is this version of this commit, built from other inputs" in second.stderr
    assert "hint: two builds need two names" in second.stderr
    assert tagged.tags == before
    assert job(SLIM, "preview").code == 6


def test_a_job_never_takes_the_image_that_another_dockerfile_gave_under_other_tags(
    tagged: Project, job: Job
) -> None:
    """The first job puts only `latest-fat`; the tags `latest` and `2.0.0` never get its image."""
    first = job(FAT, tags=["type=raw,value=latest-fat"])
    assert first.code == 0, first.stderr
    fat = tagged.tags["latest-fat"]
    second = job(SLIM)
    tags = tagged.tags
    assert tags.get("latest") != fat
    if second.code == 0:
        assert tags["2.0.0"] != fat
    else:
        assert second.code == 6
        assert "built from other inputs" in second.stderr


def test_the_image_of_the_same_build_in_another_clone_is_adopted(tagged: Project, job: Job) -> None:
    assert job(SLIM).code == 0
    before = tagged.tags
    again = job({**SLIM, "dockerfile": "./Dockerfile", "context": "./"})
    assert again.code == 0, again.stderr
    assert "names no inputs" not in again.stderr
    assert tagged.tags == before


def test_second_branch_build_of_one_commit_with_another_dockerfile_is_refused(
    tagged: Project, job: Job
) -> None:
    tagged.release_commit()
    assert job(FAT, ref="main").code == 0
    fat = tagged.tags["main"]
    second = job(SLIM, ref="main")
    assert second.code == 6
    assert "built from other inputs" in second.stderr
    assert tagged.tags["main"] == fat


def test_refusal_of_an_image_from_other_inputs_names_the_changed_input_if_the_log_has_it(
    tagged: Project, tmp_path: Path
) -> None:
    configs = {"fat.yml": FAT, "slim.yml": SLIM}
    for name, build in configs.items():
        whole = {"image": tagged.image, "project": "acme/app", "build": build}
        (tmp_path / name).write_text(json.dumps(whole))
    tagged.must("run", "--config", str(tmp_path / "fat.yml"))
    result = tagged("run", "--config", str(tmp_path / "slim.yml"))
    assert result.code == 6
    assert '`dockerfile`: `"Dockerfile.fat"` then, `"Dockerfile"` now' in result.stderr


@pytest.mark.parametrize("form", [("version", "--format", "labels"), ("tags", "--json")])
def test_the_build_inputs_label_is_printed_by_version_and_tags_for_other_builders(
    tagged: Project, job: Job, form: tuple[str, ...]
) -> None:
    fat, slim = job(FAT, *form).stdout, job(SLIM, *form).stdout
    assert fat != slim
    assert all("dev.shipmark.inputs" in one and "shipmark.inputs/1:" in one for one in (fat, slim))
