"""What GitHub gets from a run: outputs, a summary, groups and annotations, and no command that foreign text started."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project import Project


@pytest.fixture
def github(tmp_path: Path) -> dict[str, str]:
    """Give the variables of a GitHub job, with its files in the test's folder."""
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_EVENT_NAME": "push",
    }


def outputs(path: str) -> dict[str, str]:
    """Read the file by the runner's grammar."""
    found: dict[str, str] = {}
    lines = Path(path).read_text().split("\n")
    while lines and (head := lines.pop(0)):
        name, delimiter = head.split("<<", 1)
        value = []
        while (line := lines.pop(0)) != delimiter:
            value.append(line)
        found[name] = "\n".join(value)
    return found


def of_tag(env: dict[str, str], project: Project, tag: str) -> dict[str, str]:
    ref = {"GITHUB_REF": f"refs/tags/{tag}", "GITHUB_REF_NAME": tag, "GITHUB_REF_TYPE": "tag"}
    return {**env, **ref, "GITHUB_SHA": project.repo.head}


def test_outputs_and_summary_of_a_release(project: Project, github: dict[str, str]) -> None:
    project.must("run", env=of_tag(github, project, "v1.4.2"))
    given = outputs(github["GITHUB_OUTPUT"])
    digest = project.tags["1.4.2"]
    assert given["version"] == "1.4.2"
    assert given["channel"] == "release"
    assert given["digest"] == digest
    assert given["pushed"] == "true"
    assert given["primary-tag"] == "1.4.2"
    assert set(given["tag-names"].splitlines()) == set(project.tags)
    assert given["tags"].splitlines()[0] == f"{project.image}:1.4.2"
    assert given["log-entry"].endswith(project.log[-1]["hash"])
    summary = Path(github["GITHUB_STEP_SUMMARY"]).read_text()
    assert "| tag | kind | reason |" in summary
    assert digest.replace(":", ":") in summary


def test_a_preview_says_that_nothing_was_pushed(project: Project, github: dict[str, str]) -> None:
    project.must("preview", env=of_tag(github, project, "v1.4.2"))
    assert outputs(github["GITHUB_OUTPUT"])["pushed"] == "false"
    assert outputs(github["GITHUB_OUTPUT"])["digest"] == ""


def test_delimiters_are_random(project: Project, github: dict[str, str]) -> None:
    for _ in range(2):
        project.must("tags", env=of_tag(github, project, "v1.4.2"))
    delimiters = re.findall(r"<<(\S+)$", Path(github["GITHUB_OUTPUT"]).read_text(), flags=re.MULTILINE)
    assert len(set(delimiters)) == 2


def test_an_error_is_an_annotation(project: Project, github: dict[str, str]) -> None:
    project.repo.write({"hello.txt": "changed\n"})
    result = project("run", env=of_tag(github, project, "v1.4.2"))
    assert result.code == 3
    assert re.search(r"^::error::tracked files differ .*%0Ahint: ", result.stderr, flags=re.MULTILINE)


def test_foreign_text_starts_no_command(make_project: Callable[..., Project], github: dict[str, str]) -> None:
    project = make_project()
    project.release_commit("v1.4.2", "v##x", files={"Dockerfile": "FROM scratch\n::set-output name=x::y\n"})
    result = project("run", env=of_tag(github, project, "v1.4.2"))
    assert result.code == 4
    ours = re.compile(r"::(error|warning)( |::)|::(group::|endgroup::)")
    for line in (result.stderr + result.stdout).splitlines():
        assert "##[" not in line
        assert not line.lstrip().startswith("::") or ours.match(line)


def test_the_result_file_of_jenkins_is_key_and_value(project: Project) -> None:
    env = {"JENKINS_URL": "https://ci.example.com/", "TAG_NAME": "v1.4.2", "BRANCH_NAME": "v1.4.2"}
    project.must("run", "--result-file", "out/result.env", env={**env, "GIT_COMMIT": project.repo.head})
    lines = (project.repo.path / "out/result.env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines)
    assert values["SHIPMARK_VERSION"] == "1.4.2"
    assert values["SHIPMARK_DIGEST"] == project.tags["1.4.2"]
    assert values["SHIPMARK_PUSHED"] == "true"
