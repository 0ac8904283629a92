"""Checks all CI definitions: with actionlint, with shellcheck, and against the JSON schemas of their systems."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.pages import blocks
from tests.support.programs.go_tools import NotBuilt, tools
from tests.support.programs.wheel import ROOT
from tests.support.services.required import lack

BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = [ROOT / "action.yml", *sorted((ROOT / "ci" / "github").rglob("action.yml"))]
EXAMPLES = ROOT / "ci" / "examples"
GITLAB = sorted((ROOT / "ci" / "gitlab").glob("*.yml"))
#: Keys whose values are scripts, in any of the systems.
_SCRIPTS = frozenset({"run", "script", "command", "commands"})
#: Schema of check-jsonschema -> the files that it describes.
SCHEMAS = {
    "vendor.github-workflows": [*WORKFLOWS, *EXAMPLES.glob("github-*.yml")],
    "vendor.github-actions": ACTIONS,
    "vendor.azure-pipelines": [EXAMPLES / "azure-pipelines.yml", EXAMPLES / "azure-prune.yml"],
    "vendor.bitbucket-pipelines": [EXAMPLES / "bitbucket-pipelines.yml", EXAMPLES / "bitbucket-prune.yml"],
    "vendor.buildkite": [EXAMPLES / "buildkite.yml", EXAMPLES / "buildkite-prune.yml"],
    "vendor.circle-ci": [EXAMPLES / "circleci.yml", EXAMPLES / "circleci-prune.yml"],
    "vendor.drone-ci": [EXAMPLES / "drone.yml", EXAMPLES / "drone-prune.yml"],
    "vendor.gitlab-ci": [EXAMPLES / "gitlab-components.yml"],
    "vendor.woodpecker-ci": [EXAMPLES / "woodpecker.yml", EXAMPLES / "woodpecker-prune.yml"],
}
MODULE = ROOT / "tests" / "support" / "actionlint"


def scripts(value: Any) -> Iterator[str]:
    """Yield the scripts in a CI definition."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _SCRIPTS and isinstance(inner, str):
                yield inner
            elif key in ("script", "commands") and isinstance(inner, list):
                yield "\n".join(one for one in inner if isinstance(one, str))
            elif key != "with":
                yield from scripts(inner)
    elif isinstance(value, list):
        for one in value:
            yield from scripts(one)


def shell_scripts() -> Iterator[tuple[str, str]]:
    """Yield every script of the CI definitions and pages, each with the name of its file."""
    files = [*WORKFLOWS, *ACTIONS, *EXAMPLES.glob("*.yml"), *(ROOT / "ci" / "tekton").glob("*.yaml")]
    for path in [*files, *GITLAB]:
        for document in yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader):
            yield from ((path.name, one) for one in scripts(document))
    for path in [*(ROOT / "ci").rglob("*.sh")]:
        yield path.name, path.read_text(encoding="utf-8")
    for page in ("README.md", "docs/github.md"):
        for block in (one for one in blocks(page, "yaml") if "jobs:" in one):
            yield from ((page, one) for one in scripts(yaml.load(block, Loader=yaml.BaseLoader)))
    for path in (ROOT / "ci" / "jenkins").rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            yield from ((path.name, one) for one in re.findall(r"\bsh '([^'\n]+)'", text))
            yield from (
                (path.name, one.replace("\\\\", "\\"))
                for one in re.findall(r"script: '''(.*?)'''", text, re.DOTALL)
            )


def test_shellcheck_finds_nothing_in_any_script_of_a_ci_definition(tmp_path: Path) -> None:
    paths = []
    for number, (name, script) in enumerate(shell_scripts()):
        # Buildkite writes `$$` for `$`. Words of the systems, such as `<< parameters.command >>`, are no shell.
        plain = script.replace("$$", "$") if name.startswith("buildkite") else script
        text = re.sub(r"<< [\w.]+ >>", "WORD", plain)
        head = "" if text.startswith("#!") else "#!/bin/bash\n# shellcheck disable=SC2154\n"
        path = tmp_path / f"{number:02}-{name.replace('/', '-')}.sh"
        path.write_text(f"{head}{text}\n", encoding="utf-8")
        paths.append(path)
    assert len(paths) > 40
    # SC2086: the lists of GitLab's template are split at blanks on purpose. SC2088: tildes are not in quotes.
    done = subprocess.run(
        [BIN / "shellcheck", "--severity=style", "--exclude=SC2086,SC2088,SC2164", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("schema", SCHEMAS)
def test_ci_definitions_are_valid_by_the_schema_of_their_system(schema: str) -> None:
    # The schema of Azure has patterns that Python's `re` does not know.
    options = ["--regex-variant", "nonunicode"] if "azure" in schema else []
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", schema, *options, *SCHEMAS[schema]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_jobs_of_the_gitlab_templates_are_valid_by_gitlabs_schema(tmp_path: Path) -> None:
    paths = []
    for template in GITLAB:
        head, body = template.read_text(encoding="utf-8").split("\n---\n")
        assert yaml.safe_load(head)["spec"]["inputs"]
        paths.append(tmp_path / template.name)
        paths[-1].write_text(re.sub(r"\$\[\[ inputs\.[\w-]+ \]\]", "x", body))
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def releasing() -> Iterator[tuple[str, str]]:
    """Yield every definition for GitHub in which jobs wait for one another, each with the name of its file."""
    files = [*WORKFLOWS, *EXAMPLES.glob("github-*.yml"), ROOT / "release/app/setup/init/definitions.py"]
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for path in [*files, *pages]:
        text = path.read_text(encoding="utf-8")
        if "cancel-in-progress: false" in text:
            yield path.name, text


@pytest.mark.parametrize(("name", "text"), sorted(releasing()), ids=lambda value: value[:40].split("\n")[0])
def test_third_release_at_a_time_does_not_cancel_the_one_that_waits(name: str, text: str) -> None:
    # GitHub keeps one waiting run of a group, and cancels it for a newer one, unless told to queue them.
    ends = re.findall(r"cancel-in-progress: false(.*(?:\n +queue: max)?)", text)
    assert ends, name
    assert all("queue: max" in end for end in ends), name


def test_actionlint_finds_nothing_in_workflows_and_in_those_of_the_pages(tmp_path: Path) -> None:
    try:
        program = tools(MODULE, {"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"}) / "actionlint"
    except NotBuilt as error:
        lack({"actionlint": "cannot be built"}, str(error))
    pages = [
        block
        for page in ("README.md", "docs/github.md")
        for block in blocks(page, "yaml")
        if "jobs:" in block
    ]
    written = []
    for number, block in enumerate(pages):
        path = tmp_path / f"page{number}.yml"
        path.write_text(block if block.startswith("on:") else f"on: push\n{block}")
        written.append(path)
    # Newer than actionlint 1.7.12: the repository and the commit of a reusable workflow in the context `job`, and
    # `queue: max` of a concurrency group (github.blog, 2026-05-07).
    ignored = ["-ignore", r'property "workflow_(repository|sha)" is not defined']
    ignored += ["-ignore", 'unexpected key "queue" for "concurrency" section']
    done = subprocess.run(
        [
            program,
            "-no-color",
            "-shellcheck=",
            "-pyflakes=",
            *ignored,
            *WORKFLOWS,
            *EXAMPLES.glob("github-*.yml"),
            *written,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
