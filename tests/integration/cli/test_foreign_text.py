"""Commands in a repository whose texts are hostile print nothing that a CI system would read as a command."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.openings import ALL, commands_in
from tests.support.programs.command import Result, Shipmark
from tests.support.releases.git import GitRepo

#: Git keeps no NUL and ends a subject at a line break; these stand in commit subjects, one commit each.
SUBJECTS = [text for text in ALL if "\n" not in text]
HOSTILE = "##vso[task.complete]\x1b[8mha:x\r\n::error::x\u202e ##[error] =1 travis_fold:start:x"
DOCKERFILE = 'FROM scratch\nLABEL evil="##vso[task.complete] ::error::x ##[group]"\nCOPY a /a\n'
BRANCH = "main-##vso-\u202e-x"


@pytest.fixture
def scene(make_repo: Callable[[str], GitRepo], shipmark: Shipmark) -> Callable[..., Result]:
    """Give a function that runs a command in the hostile repository: 1.0.0 is released, 1.1.0 taken back."""
    repo = make_repo("repo")
    # JSON writes letters outside the Basic Multilingual Plane in a way that YAML does not read.
    labels = {f"evil.{number}": text for number, text in enumerate(ALL) if max(text) <= "\uffff"}
    section = {
        "image": "oci:dist/image",
        "build": {"builder": "layers", "args": {"NPM_TOKEN": HOSTILE}},
        "labels": [f'"{name}={text}"'.replace("\n", " ").replace("\r", " ") for name, text in labels.items()],
    }
    repo.write(
        {"shipmark.yml": json.dumps(section), ".gitignore": "dist/\n", "Dockerfile": DOCKERFILE, "a": "a"}
    )
    repo.commit("first")
    repo.tag("v1.0.0")
    repo.git("checkout", "--quiet", "-b", BRANCH)

    def run(*args: str, env: Mapping[str, str] | None = None) -> Result:
        return shipmark(*args, cwd=repo.path, env=env)

    assert run("run").code == 0
    for text in SUBJECTS:
        repo.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", f"--message={text}")
    repo.git("-c", f"user.name={HOSTILE.split(chr(10), maxsplit=1)[0]}", "tag", "-a", "-m", HOSTILE, "v1.1.0")
    actor = {"USER": HOSTILE.replace("\n", " ")}
    assert run("run", env=actor).code == 0
    assert run("rollback", "--to", "1.0.0", "--reason", HOSTILE).code == 0
    assert run("deployed", "prod", "1.0.0", "--evidence", HOSTILE).code in (0, 2)
    # The version at HEAD was taken back, so `preview` and `run` would refuse it.
    repo.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", f"--message={HOSTILE}")
    repo.git("tag", "-a", "-m", HOSTILE, "v1.2.0")
    return run


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("tags",),
    ("tags", "--json"),
    ("tags", "--format", "env"),
    ("tags", "--format", "names"),
    ("version",),
    ("version", "--json"),
    ("version", "--format", "labels"),
    ("version", "--template", "{{branch}}\n{{git_tag}}"),
    ("metadata",),
    ("metadata", "--output", "labels"),
    ("metadata", "--output", "annotations"),
    ("metadata", "--output", "bake-file"),
    ("preview",),
    ("preview", "--json"),
    ("preview", "-v"),
    ("run", "--progress", "json"),
    ("log", "list"),
    ("log", "list", "--json"),
    ("log", "list", "--format", "csv"),
    ("log", "list", "--format", "markdown"),
    ("log", "show", "1.1.0"),
    ("log", "show", "1.1.0", "--json"),
    ("log", "diff", "1.0.0", "1.1.0"),
    ("log", "diff", "1.0.0", "1.1.0", "--json"),
    ("log", "history", "latest"),
    ("log", "verify"),
    ("log", "export"),
    ("log", "export", "--format", "csv"),
    ("log", "export", "--format", "html"),
    ("log", "export", "--format", "in-toto"),
    ("image", "inspect", "oci:dist/image:1.1.0"),
    ("image", "inspect", "oci:dist/image:1.1.0", "--json"),
    ("image", "list", "oci:dist/image"),
    ("config", "show"),
    ("config", "check"),
    ("ci",),
    ("ci", "--json"),
    ("log", "show", HOSTILE),
    ("image", "inspect", HOSTILE),
    ("tags", "--component", HOSTILE),
    (HOSTILE,),
    ("run", HOSTILE),
    ("tags", "--format", HOSTILE),
)


def test_no_shipmark_command_prints_a_ci_command_from_untrusted_text(scene: Callable[..., Result]) -> None:
    seen = ""
    for args in COMMANDS:
        done = scene(*args)
        assert done.code in (0, 2, 5, 6, 7), (args, done)
        found = list(commands_in(done.stdout + done.stderr))
        assert found == [], (args, found)
        if args[-1] == "--json" or args[:2] == ("metadata", "bake-file"):
            json.loads(done.stdout)
        seen += done.stdout + done.stderr
    # The openings were there, and are shown.
    assert all(shown in seen for shown in ("## vso[", "## [", "\\x1b", "\\u202e", "#\\u0023vso["))


def test_untrusted_values_stay_unchanged_in_json_and_csv(scene: Callable[..., Result]) -> None:
    commits = scene("log", "diff", "1.0.0", "1.1.0", "--json").json["commits"]
    assert {one["subject"] for one in commits} >= {text.strip() for text in SUBJECTS if text.isprintable()}
    releases = scene("log", "list", "--json").json["releases"]
    assert HOSTILE in {one["yank_reason"] for one in releases}
    lines = scene("log", "list", "--format", "csv").stdout.splitlines()
    rows = list(csv.reader(io.StringIO("\n".join(lines))))
    assert len(lines) == len(rows) == 1 + len(releases)
    labels = scene("version", "--format", "labels").stdout.splitlines()
    assert all("=" in line for line in labels)
    assert len({line.partition("=")[0] for line in labels}) == len(labels)


CI = {
    "github": {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_RUN_ID": "1"},
    "jenkins": {
        "JENKINS_URL": "http://j/",
        "BUILD_URL": HOSTILE,
        "JOB_NAME": HOSTILE,
        "CHANGE_AUTHOR": HOSTILE,
    },
    "azure": {"TF_BUILD": "True", "BUILD_REQUESTEDFOR": HOSTILE, "BUILD_BUILDID": HOSTILE},
    "gitlab": {"GITLAB_CI": "true", "GITLAB_USER_LOGIN": HOSTILE, "CI_JOB_NAME": HOSTILE},
    "buildkite": {"BUILDKITE": "true", "BUILDKITE_BUILD_CREATOR": HOSTILE, "BUILDKITE_LABEL": HOSTILE},
    "tekton": {"SHIPMARK_CI": "tekton", "SHIPMARK_ACTOR": HOSTILE, "SHIPMARK_REF": f"refs/heads/{HOSTILE}"},
}
_OURS = (
    "::error::",
    "::warning::",
    "::group::",
    "::endgroup::",
    "##vso[task.logissue type=",
    "##[group]",
    "##[endgroup]",
    "--- ",
)


@pytest.mark.parametrize("system", CI)
def test_untrusted_ci_variables_start_no_ci_command(
    scene: Callable[..., Result], system: str, tmp_path: Path
) -> None:
    env = {
        **CI[system],
        **(
            {"GITHUB_ACTOR": HOSTILE, "GITHUB_JOB": HOSTILE, "GITHUB_REF": f"refs/heads/{HOSTILE}"}
            if system == "github"
            else {}
        ),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    for args in (
        ("ci",),
        ("ci", "--json"),
        ("tags",),
        ("preview",),
        ("preview", "--json"),
        ("run",),
        ("log", "show", "1.1.0"),
    ):
        done = scene(*args, env=env)
        assert list(commands_in(done.stdout)) == [], args
        for _, line in commands_in(done.stderr):
            assert line.startswith(("\x1b[0Ksection_", *_OURS)), (args, line)
    for name in ("output", "summary"):
        text = (tmp_path / name).read_text() if (tmp_path / name).exists() else ""
        assert "\n::" not in text
        if name == "summary":
            assert list(commands_in(text)) == []


def test_option_ci_none_prevents_annotations_and_option_ci_with_a_system_makes_them(
    shipmark: Shipmark, make_repo: Callable[[str], GitRepo]
) -> None:
    repo = make_repo("repo")
    repo.commit("first", files={"a": "a"})
    env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"}
    for before, after in ((["--ci", "none"], []), ([], ["--ci", "none"])):
        done = shipmark(*before, "run", *after, cwd=repo.path, env=env)
        assert done.code == 2
        assert list(commands_in(done.stdout + done.stderr)) == []
    assert "::error::" in shipmark("run", cwd=repo.path, env=env).stderr
    assert "##vso[task.logissue" in shipmark("run", "--ci", "azure", cwd=repo.path, env=env).stderr
    assert "::error::" in shipmark("run", "--ci", "github", cwd=repo.path).stderr
