"""Outputs, job summaries, groups and annotations for GitHub; untrusted text starts no command in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.registries.gate import Gate
from tests.support.releases.project import Project


@pytest.fixture
def github(tmp_path: Path) -> dict[str, str]:
    """Give the variables of a GitHub job, whose output files are in the test's folder."""
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_EVENT_NAME": "push",
    }


def outputs(path: str) -> dict[str, str]:
    """Parse a file of outputs as GitHub's runner does."""
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


def test_release_writes_outputs_and_summary_with_tags_and_digest(
    project: Project, github: dict[str, str]
) -> None:
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


def test_outputs_of_a_preview_say_that_nothing_was_pushed(project: Project, github: dict[str, str]) -> None:
    project.must("preview", env=of_tag(github, project, "v1.4.2"))
    assert outputs(github["GITHUB_OUTPUT"])["pushed"] == "false"
    assert outputs(github["GITHUB_OUTPUT"])["digest"] == ""


def test_output_file_has_random_delimiters(project: Project, github: dict[str, str]) -> None:
    for _ in range(2):
        project.must("tags", env=of_tag(github, project, "v1.4.2"))
    delimiters = re.findall(r"<<(\S+)$", Path(github["GITHUB_OUTPUT"]).read_text(), flags=re.MULTILINE)
    assert len(set(delimiters)) == 2


def test_error_is_written_as_an_annotation(project: Project, github: dict[str, str]) -> None:
    project.repo.write({"hello.txt": "changed\n"})
    result = project("run", env=of_tag(github, project, "v1.4.2"))
    assert result.code == 3
    assert re.search(r"^::error::tracked files differ .*%0Ahint: ", result.stderr, flags=re.MULTILINE)
    # GitLab shows nothing beside the log, so the log has the error once.
    result = project("run", "--ci", "gitlab")
    assert result.stderr.count("error: tracked files differ") == 1


def test_untrusted_text_in_outputs_starts_no_ci_command(
    make_project: Callable[..., Project], github: dict[str, str]
) -> None:
    project = make_project()
    project.release_commit("v1.4.2", "v##x", files={"Dockerfile": "FROM scratch\n::set-output name=x::y\n"})
    result = project("run", env=of_tag(github, project, "v1.4.2"))
    assert result.code == 4
    ours = re.compile(r"::(error|warning)( |::)|::(group::|endgroup::)")
    for line in (result.stderr + result.stdout).splitlines():
        assert "##[" not in line
        assert not line.lstrip().startswith("::") or ours.match(line)


def test_result_file_of_a_jenkins_run_has_a_name_and_a_value_on_each_line(project: Project) -> None:
    env = {"JENKINS_URL": "https://ci.example.com/", "TAG_NAME": "v1.4.2", "BRANCH_NAME": "v1.4.2"}
    project.must("run", "--result-file", "out/result.env", env={**env, "GIT_COMMIT": project.repo.head})
    lines = (project.repo.path / "out/result.env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines)
    assert values["SHIPMARK_VERSION"] == "1.4.2"
    assert values["SHIPMARK_DIGEST"] == project.tags["1.4.2"]
    assert values["SHIPMARK_PUSHED"] == "true"


def test_output_json_is_the_document_that_the_command_prints(
    project: Project, github: dict[str, str]
) -> None:
    for command in ("tags", "version", "preview"):
        Path(github["GITHUB_OUTPUT"]).unlink(missing_ok=True)
        done = project.must(command, "--json", env=of_tag(github, project, "v1.4.2"))
        assert json.loads(outputs(github["GITHUB_OUTPUT"])["json"]) == done.json, command


@pytest.mark.parametrize(
    ("message", "version", "channel"),
    [("feat: more", "1.5.0", "release"), ("docs: more", "", "")],
    ids=["due", "not due"],
)
def test_next_version_is_an_output_which_is_empty_if_no_version_is_due(
    project: Project, github: dict[str, str], message: str, version: str, channel: str
) -> None:
    project.repo.commit(message)
    env = {**github, "GITHUB_REF": "refs/heads/main"}
    project.must("version", "--next", "auto", "--result-file", "next.env", env=env)
    given = outputs(github["GITHUB_OUTPUT"])
    assert (given["version"], given["channel"], given["tags"], given["digest"]) == (version, channel, "", "")
    assert (json.loads(given["json"])["version"] if version else given["json"]) == version
    lines = (project.repo.path / "next.env").read_text().splitlines()
    assert f"SHIPMARK_VERSION={version}" in lines


def test_next_version_that_may_not_be_tagged_is_no_output(project: Project, github: dict[str, str]) -> None:
    project.repo.commit("feat: more", files={"a": "1"})
    project.repo.write({"a": "2"})
    env = {**github, "GITHUB_REF": "refs/heads/main"}
    assert project("version", "--next", "auto", "--create", env=env).code == 3
    assert not Path(github["GITHUB_OUTPUT"]).exists()


def test_version_that_a_shallow_clone_does_not_know_is_no_output(
    project: Project, github: dict[str, str], tmp_path: Path
) -> None:
    project.repo.commit("later", files={"later": ""})
    clone = project.repo.clone(tmp_path / "shallow", "--depth=1")
    done = project("version", cwd=clone.path, env={**github, "GITHUB_REF": "refs/heads/main"})
    assert done.code == 3
    given = outputs(github["GITHUB_OUTPUT"])
    assert (given["version"], given["json"]) == ("", "")
    assert given["tag-names"].startswith("sha-")


def test_promotion_writes_outputs_result_file_and_summary(
    project: Project, github: dict[str, str], tmp_path: Path
) -> None:
    project.must("run")
    digest = project.tags["1.4.2"]
    to = f"{project.registry.host}/acme/prod"
    promote = ("promote", f"{project.image}:1.4.2", "--to", to, "--result-file", str(tmp_path / "result"))
    project.must(*promote, "--preview", env=github)
    shown = outputs(github["GITHUB_OUTPUT"])
    assert (shown["pushed"], shown["tags"], shown["digest"]) == ("false", "", digest)
    Path(github["GITHUB_OUTPUT"]).unlink()
    project.must(*promote, "--reason", "for | customers", env=github)
    given = outputs(github["GITHUB_OUTPUT"])
    tags = ["1.4.2", "1.4", "1", "latest"]
    assert given["version"] == given["primary-tag"] == "1.4.2"
    assert given["channel"] == "release"
    assert given["digest"] == digest
    assert given["pushed"] == "true"
    assert given["tags"].splitlines() == [f"{to}:{tag}" for tag in tags]
    assert given["tag-names"].splitlines() == tags
    assert given["log-entry"] == f"{project.log[-1]['seq']}:{project.log[-1]['hash']}"
    assert json.loads(given["json"])["schema"] == "shipmark.promote/1"
    result = dict(line.split("=", 1) for line in (tmp_path / "result").read_text().splitlines())
    assert result["SHIPMARK_DIGEST"] == digest
    assert result["SHIPMARK_TAGS"] == " ".join(f"{to}:{tag}" for tag in tags)
    summary = Path(github["GITHUB_STEP_SUMMARY"]).read_text()
    assert "### Done: shipmark promote 1.4.2" in summary
    assert "reason: for &#124; customers" in summary


def test_rollback_writes_outputs_result_file_and_summary(
    project: Project, github: dict[str, str], tmp_path: Path
) -> None:
    project.must("run")
    project.release_commit("v1.4.3")
    project.must("run")
    back = (
        "rollback",
        "--to",
        "1.4.2",
        "--reason",
        "it eats data",
        "--result-file",
        str(tmp_path / "result"),
    )
    project.must(*back, env=github)
    given = outputs(github["GITHUB_OUTPUT"])
    assert (given["version"], given["primary-tag"], given["pushed"]) == ("1.4.2", "1.4.2", "true")
    assert given["digest"] == project.tags["1.4.2"] == project.tags["latest"]
    assert given["tag-names"].splitlines() == ["1.4", "1", "latest"]
    assert given["channel"] == "release"
    assert given["log-entry"].endswith(project.log[-1]["hash"])
    assert "SHIPMARK_VERSION=1.4.2\n" in (tmp_path / "result").read_text()
    summary = Path(github["GITHUB_STEP_SUMMARY"]).read_text()
    assert "taken back: 1.4.3" in summary
    assert "it eats data" in summary


def test_failed_promotion_writes_outputs_with_its_error(
    project: Project, gate: Gate, github: dict[str, str], tmp_path: Path
) -> None:
    project.must("run")
    denied = b'{"errors":[{"code":"DENIED","message":"no"}]}'
    gate.instead = lambda passage: (
        (403, [("Content-Type", "application/json")], denied)
        if passage.method == "PUT" and passage.path.endswith("/manifests/stable")
        else None
    )
    to = f"{gate.host}/acme/prod:stable"
    result = project(
        *("promote", f"{project.image}:1.4.2", "--to", to, "--result-file", str(tmp_path / "result")),
        env=github,
    )
    assert result.code in {5, 7}, result.stderr
    given = outputs(github["GITHUB_OUTPUT"])
    assert (given["pushed"], given["tags"]) == ("false", "")
    assert json.loads(given["json"])["exit_code"] == result.code
    assert "SHIPMARK_PUSHED=false" in (tmp_path / "result").read_text()
    assert "DENIED" in Path(github["GITHUB_STEP_SUMMARY"]).read_text()


def test_summary_of_a_release_has_state_pull_line_durations_and_links(
    project: Project, github: dict[str, str], tmp_path: Path
) -> None:
    comment = tmp_path / "comment.md"
    run = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/app", "GITHUB_RUN_ID": "77"}
    env = {**of_tag(github, project, "v1.4.2"), **run, "SHIPMARK_COMMENT_FILE": str(comment)}
    project.must("preview", env=env)
    assert comment.read_text().startswith("<!-- shipmark -->\n### Previewed: app 1.4.2\n")
    assert "| obtain:app | to do |" in comment.read_text()
    Path(github["GITHUB_STEP_SUMMARY"]).unlink()
    project.must("run", env=env)
    summary = Path(github["GITHUB_STEP_SUMMARY"]).read_text()
    assert summary.startswith("### Released: app 1.4.2\n")
    assert f"\n```sh\ndocker pull {project.image}@{project.tags['1.4.2']}\n```\n" in summary
    assert f"Image {project.tags['1.4.2']} for linux/" in summary
    head = project.repo.head
    assert f"[commit {head[:12]}](https://github.com/acme/app/commit/{head})" in summary
    assert "[run](https://github.com/acme/app/actions/runs/77" in summary
    assert comment.read_text() == f"<!-- shipmark -->\n{summary}"
    project.must("run", env=env)
    assert "### Nothing to do: app 1.4.2\n" in Path(github["GITHUB_STEP_SUMMARY"]).read_text()


def test_summary_of_a_failed_build_begins_with_the_error_and_its_hint(
    make_project: Callable[..., Project], github: dict[str, str]
) -> None:
    project = make_project()
    project.release_commit("v1.4.2", files={"Dockerfile": "FROM scratch\nCOPY none.txt /\n"})
    assert project("run", env=of_tag(github, project, "v1.4.2")).code == 4
    summary = Path(github["GITHUB_STEP_SUMMARY"]).read_text()
    title, error, hint = summary.split("\n\n")[:3]
    assert title == "### Failed: app 1.4.2"
    assert error.startswith("**error:** ")
    assert "none.txt" in error
    assert hint.startswith("**hint:** ")
    assert "docker pull" not in summary


def test_command_that_fails_before_its_report_writes_a_summary_with_the_error(
    project: Project, github: dict[str, str], tmp_path: Path
) -> None:
    project.repo.write({"hello.txt": "changed\n"})
    env = {**of_tag(github, project, "v1.4.2"), "SHIPMARK_COMMENT_FILE": str(tmp_path / "comment.md")}
    for command in (("run",), ("rollback", "--to", "9.9.9", "--reason", "x")):
        Path(github["GITHUB_STEP_SUMMARY"]).unlink(missing_ok=True)
        assert project(*command, env=env).code != 0
        summary = Path(github["GITHUB_STEP_SUMMARY"]).read_text()
        assert re.match(rf"### Failed: (app 1.4.2|shipmark {command[0]})\n\n\*\*error:\*\* ", summary)
        assert "**hint:** " in summary
        assert (tmp_path / "comment.md").read_text() == f"<!-- shipmark -->\n{summary}"


def test_summary_of_a_forks_request_says_that_nothing_is_released(
    project: Project, github: dict[str, str], tmp_path: Path
) -> None:
    event = {"number": 12, "pull_request": {"number": 12, "head": {"repo": {"full_name": "mallory/app"}}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    request = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/12/merge",
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
    }
    project.must("preview", env={**github, **request})
    summary = Path(github["GITHUB_STEP_SUMMARY"]).read_text()
    assert summary.startswith("### Withheld: app")
    assert "Nothing is released: this run is not trusted, because " in summary
