"""Every fenced block of README.md, CONTRIBUTING.md, SECURITY.md and docs/ is run by a test, or is checked here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.build.dockerfile.parser import parse
from release.config.load import load
from release.registry.credential_variables import prefix_of
from tests.support.pages import ROOT, blocks, pages, text_of

#: Language of a block -> what checks it.
CHECKED = {
    "console": "run by tests/integration: test_readme.py, app/test_from.py",
    "python": "run by tests/integration/test_python_module.py",
    "yaml": "here, by what it is",
    "json": "here: it is JSON",
    "sh": "here: by shellcheck; options of `shipmark` by test_docs.py",
    "dockerfile": "here: by the parser of Dockerfiles",
    "groovy": "here: the steps of the Jenkins library exist",
    "text": "nothing: output of a Python block, or lines for a program that no test has",
    "": "nothing: a drawing",
}
#: Inputs of others' actions and workflows that the pages use, as their definitions had them in 2026-11.
INPUTS = {
    "actions/checkout": "repository ref token path persist-credentials fetch-depth fetch-tags submodules lfs clean",
    "actions/upload-artifact": "name path if-no-files-found retention-days compression-level overwrite",
    "actions/download-artifact": "name artifact-ids path pattern merge-multiple github-token repository run-id",
    "docker/login-action": "registry username password scope ecr logout registry-auth",
    "docker/github-builder/.github/workflows/build.yml": "annotations artifact-name artifact-upload build-args cache "
    "cache-mode cache-scope context distribute fail-fast file labels meta-annotations meta-flavor meta-images "
    "meta-labels meta-tags output platforms push registry-identities runner sbom set-meta-annotations "
    "set-meta-labels setup-qemu shm-size sign target ulimit",
}
#: Where the pages check out this repository; the folder of an action follows.
OWN = "./.shipmark/action"


def fences() -> Iterator[tuple[str, str]]:
    """Yield the page and the language of each fenced block, whatever its indentation."""
    for page in pages():
        for number, language in enumerate(re.findall(r"^ *```(.*)$", text_of(page), re.MULTILINE)):
            if number % 2 == 0:
                yield page, language


def every(language: str) -> list[Any]:
    """Return each block of a language; the id of its test is the page and the block's number there."""
    return [
        pytest.param(block, id=f"{page}-{number}")
        for page in pages()
        for number, block in enumerate(blocks(page, language))
    ]


def test_every_block_has_a_language_that_is_checked() -> None:
    assert [(page, language) for page, language in fences() if language not in CHECKED] == []


def test_every_block_is_found_by_the_tests_that_check_blocks() -> None:
    # `blocks` finds no block in a list, which would be indented.
    marks = {page: len(re.findall(r"^ *```", text_of(page), re.MULTILINE)) for page in pages()}
    assert marks == {page: 2 * sum(len(blocks(page, language)) for language in CHECKED) for page in pages()}


@pytest.mark.parametrize("block", every("json"))
def test_json_blocks_are_json(block: str) -> None:
    json.loads(block)


@pytest.mark.parametrize("block", every("dockerfile"))
def test_dockerfile_blocks_are_read_by_the_parser(block: str) -> None:
    assert parse(block, "Dockerfile").stages


def test_shellcheck_finds_nothing_in_the_shell_blocks_of_the_pages(tmp_path: Path) -> None:
    paths = []
    for page in pages():
        for number, block in enumerate(blocks(page, "sh")):
            path = tmp_path / f"{page.replace('/', '-')}-{number}.sh"
            path.write_text(f"#!/bin/sh\n{block}", encoding="utf-8")
            paths.append(path)
    assert len(paths) > 5
    done = subprocess.run(
        [Path(sys.executable).parent / "shellcheck", "--severity=style", "--exclude=SC2088", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("block", every("yaml"))
def test_yaml_blocks_are_configurations_variables_or_workflows_with_known_keys(block: str) -> None:
    # BaseLoader: the key `on` of a workflow stays text.
    value = yaml.load(block, yaml.BaseLoader)
    if isinstance(value, list):
        assert [wrong for step in value for wrong in unknown_inputs(step)] == []
    elif "jobs" in value:
        assert "shipmark" in block
        assert [wrong for job in value["jobs"].values() for wrong in unknown_inputs_of_job(job)] == []
    elif "include" in value:
        for included in value["include"]:
            assert set(included["inputs"]) <= set(template_inputs(included["file"]))
    elif value.get("kind") == "PipelineRun":
        assert {one["name"] for one in value["spec"]["params"]} <= params_of(
            value["spec"]["pipelineRef"]["name"]
        )
    elif all(re.fullmatch(r"[A-Z_]+", name) for name in value):
        hosts = [prefix_of(host) for host in ("ghcr.io", "registry.gitlab.com", "docker.io", "quay.io")]
        endings = ("USERNAME", "TOKEN", "PASSWORD")
        assert set(value) <= {f"{host}_{ending}" for host in hosts for ending in endings}
    else:
        assert load(block, "page", {}).components


@pytest.mark.parametrize("block", every("groovy"))
def test_steps_of_the_jenkins_library_on_the_pages_exist(block: str) -> None:
    library = (ROOT / "ci" / "jenkins" / "vars" / "shipmark.groovy").read_text(encoding="utf-8")
    steps = re.findall(r"shipmark\.(\w+)\(", block)
    assert steps
    assert [step for step in steps if f"def {step}(Map " not in library] == []


def template_inputs(path: str) -> list[str]:
    """Return the inputs of a template of GitLab."""
    head = next(yaml.safe_load_all((ROOT / path).read_text(encoding="utf-8")))
    return list(head["spec"]["inputs"])


def params_of(pipeline: str) -> set[str]:
    """Return the names of the params of the Tekton Pipeline of this repository."""
    document = yaml.safe_load((ROOT / "ci" / "tekton" / "pipeline.yaml").read_text(encoding="utf-8"))
    assert document["metadata"]["name"] == pipeline
    return {one["name"] for one in document["spec"]["params"]}


def unknown_inputs_of_job(job: dict[str, Any]) -> list[str]:
    return [*unknown_inputs(job), *(wrong for step in job.get("steps", []) for wrong in unknown_inputs(step))]


def unknown_inputs(step: dict[str, Any]) -> list[str]:
    """Return the keys of `with:` that the action or workflow in `uses:` does not have."""
    uses = step.get("uses", "").partition("@")[0]
    given = set(step.get("with", {}))
    if not uses:
        return sorted(given)
    if uses.startswith(OWN):
        definition = ROOT / uses.removeprefix(OWN).strip("/") / "action.yml"
        known = set(yaml.safe_load(definition.read_text(encoding="utf-8")).get("inputs", {}))
    else:
        assert uses in INPUTS, f"{uses} is not in the table of actions"
        known = set(INPUTS[uses].split())
    return [f"{uses}: {name}" for name in sorted(given - known)]


def test_the_test_of_inputs_finds_unknown_ones() -> None:
    wrong = {"uses": "actions/checkout@v7", "with": {"fetch-dept": "0"}}
    assert unknown_inputs_of_job({"steps": [wrong]}) == ["actions/checkout: fetch-dept"]
    assert unknown_inputs({"uses": "./.shipmark/action", "with": {"imagee": "a"}}) == [
        "./.shipmark/action: imagee"
    ]
    assert unknown_inputs({"run": "make", "with": {"image": "a"}}) == ["image"]
