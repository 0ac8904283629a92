"""The context of a release's image: what the report and the log record of it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.releases.git import GitRepo
from tests.support.releases.incomplete import add_submodule, check_out_submodules
from tests.support.releases.project import Project

COPY_ALL = "FROM scratch\nCOPY . /app/\n"


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """Give a project whose image holds the whole context, at a release."""
    made = make_project(build={"builder": "layers"})
    made.release_commit("v1.4.2", files={"Dockerfile": COPY_ALL})
    return made


def recorded(project: Project) -> list[Any]:
    return [entry.get("context") for entry in project.log if entry["kind"] == "built"]


def names_in(project: Project, layout: str) -> list[str]:
    """Return the paths in the layers of the only image of an OCI layout."""
    folder = project.repo.path / layout
    index = json.loads((folder / "index.json").read_text())
    blobs = folder / "blobs/sha256"
    manifest = json.loads((blobs / index["manifests"][0]["digest"].partition(":")[2]).read_text())
    names: list[str] = []
    for layer in manifest["layers"]:
        with tarfile.open(blobs / layer["digest"].partition(":")[2]) as tar:
            names += tar.getnames()
    return names


def test_the_build_record_has_the_contexts_digest_and_the_number_of_untracked_files(
    project: Project,
) -> None:
    project.repo.write({"stray": "x", "dist/ignored": "y"})
    result = project.must("run", "--json")
    (context,) = recorded(project)
    assert context["untracked"] == 2
    assert context["digest"].startswith("sha256:")
    assert json.loads(result.stdout)["releases"][0]["context"] == context
    assert (
        "warning: 1 file in the build context is neither tracked nor ignored by git: `stray`" in result.stderr
    )
    shown = json.loads(project.must("log", "show", "v1.4.2", "--json").stdout)
    assert context in [entry.get("context") for entry in shown["entries"]]


def test_builds_of_one_git_tag_in_two_clones_have_one_context_digest_and_one_image(
    project: Project, tmp_path: Path
) -> None:
    clone = project.repo.clone(tmp_path / "elsewhere")
    clone.checkout("v1.4.2")
    found = []
    for folder in (project.repo.path, clone.path):
        config = tmp_path / f"{folder.name}.yml"
        config.write_text(
            json.dumps({"image": "oci:dist/image", "build": {"builder": "layers"}, "project": "a/b"})
        )
        result = project("--config", str(config), "run", "--json", cwd=folder)
        assert result.code == 0, result.stderr
        layout = json.loads((folder / "dist/image/index.json").read_text())
        found.append((result.json["releases"][0]["context"], layout["manifests"][0]["digest"]))
    assert found[0] == found[1]
    assert found[0][0]["untracked"] == 0


def test_the_image_of_a_second_release_contains_neither_the_target_layout_nor_the_log(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(image="oci:out/image", build={"builder": "layers"}, log={"path": "log/r.jsonl"})
    project.release_commit("v1.4.2", files={"Dockerfile": COPY_ALL})
    project.must("run")
    first = names_in(project, "out/image")
    project.release_commit("v1.4.3")
    project.must("run")
    assert [name for name in first if "out" in name or "log" in name or ".git/" in name] == []
    lines = (project.repo.path / "log/r.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["context"]["untracked"] for entry in entries if entry["kind"] == "built"] == [0, 0]


def test_a_second_build_into_a_layout_below_the_context_does_not_contain_the_first_image(
    project: Project,
) -> None:
    first, second = (project.must("build", "-o", "oci:parts/one", "--json").json for _ in range(2))
    assert first["digest"] == second["digest"]
    assert [name for name in names_in(project, "parts/one") if "parts" in name] == []


class TestIncompleteClone:
    @pytest.fixture
    def clone(self, project: Project, make_repo: Callable[[str], GitRepo], tmp_path: Path) -> GitRepo:
        inner = make_repo("inner")
        inner.commit(files={"i": ""})
        add_submodule(project.repo, inner, "vendor/inner")
        project.repo.tag("v1.4.3")
        return project.repo.clone(tmp_path / "clone")

    @pytest.mark.parametrize("command", ["preview", "run"])
    def test_preview_and_run_exit_3_if_the_dockerfile_reads_a_missing_submodule(
        self, project: Project, clone: GitRepo, command: str
    ) -> None:
        result = project(command, cwd=clone.path)
        assert result.code == 3, result.stderr
        assert "the submodule `vendor/inner` is not checked out, and Dockerfile:2 reads it" in result.stderr
        assert "hint: run `git submodule update --init --recursive`" in result.stderr
        assert project.tags == {}
        assert not (clone.path / ".shipmark/log.jsonl").exists()

    def test_hint_for_a_missing_submodule_has_the_setting_of_the_ci_system(
        self, project: Project, clone: GitRepo
    ) -> None:
        env = {"GITLAB_CI": "true", "CI_COMMIT_SHA": clone.head, "CI_COMMIT_TAG": "v1.4.3"}
        assert (
            "`variables: {GIT_SUBMODULE_STRATEGY: recursive}`"
            in project("preview", cwd=clone.path, env=env).stderr
        )

    def test_run_succeeds_after_the_missing_submodule_was_checked_out(
        self, project: Project, clone: GitRepo
    ) -> None:
        check_out_submodules(clone)
        assert project("run", cwd=clone.path).code == 0

    def test_run_succeeds_if_allow_missing_names_the_missing_submodule(
        self, project: Project, clone: GitRepo
    ) -> None:
        clone.write(
            {
                "allow.yml": json.dumps(
                    {
                        "image": project.image,
                        "build": {"builder": "layers", "allow_missing": ["vendor/inner"]},
                    }
                )
            }
        )
        result = project("--config", "allow.yml", "run", cwd=clone.path)
        assert result.code == 0, result.stderr


def test_preview_and_run_exit_4_if_the_dockerfile_copies_the_git_folder(project: Project) -> None:
    project.repo.commit(files={"Dockerfile": "FROM scratch\nCOPY .git /g\n"})
    project.repo.tag("v1.4.3")
    for command in ("preview", "run"):
        result = project(command)
        assert result.code == 4
        assert "Dockerfile:2: `COPY` of `.git`, and `.git` is not part of the context" in result.stderr
    project.configure(build={"builder": "layers", "keep_git": True})
    project.repo.commit()
    project.repo.tag("v1.4.4")
    project.must("run")


def test_options_files_and_keep_git_are_build_inputs_of_a_release_and_allow_missing_is_not(
    project: Project,
) -> None:
    project.must("run")
    for option, code in (({"files": "tracked"}, 6), ({"keep_git": True}, 6), ({"allow_missing": ["x"]}, 0)):
        project.repo.write(
            {"other.yml": json.dumps({"image": project.image, "build": {"builder": "layers", **option}})}
        )
        result = project("--config", "other.yml", "run")
        assert result.code == code, (option, result.stderr)
