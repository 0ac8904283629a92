"""Tekton: the Task run with a repository and a registry for every event, and each resource checked as Tekton does."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.pages import blocks
from tests.support.programs.go_tools import module_files, tools
from tests.support.programs.tekton import Tekton
from tests.support.programs.wheel import ROOT, Installed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo

#: A Go program around Tekton's types; the version, and the SHA-256 of the archive with the CRDs, of the same module.
CHECK = ROOT / "tests" / "support" / "tekton"
TEKTON = ("v1.6.0", "2bffa1764f0e7f48e72d4128b638f9b42e197937ed8e2ea0687ccc4165268edc")
#: Place below the `spec` of the Task -> a wrong value.
PLANTED: dict[str, Any] = {
    "parms": [],
    "steps.0.imge": "x",
    "steps.0.args": ["$(params.unknown)"],
    "steps.1.name": "Not A Label",
    "results.0.name": "with blank",
    "workspaces.1.name": "source",
}
HOSTILE = "$(touch bait) `touch bait`; touch bait"
FILES = {"Dockerfile": "FROM scratch\nCOPY hello /hello\n", "hello": "1\n", ".gitignore": ".shipmark/\n"}
REQUEST = {
    "event": "pull_request",
    "ref": "refs/pull/12/head",
    "pull-request": "12",
    "source-branch": "x",
    "target-branch": "main",
    "from-fork": "false",
}
MAIN = {"event": "push", "ref": "refs/heads/main"}
RELEASED = {"1.4.2", "1.4", "1", "latest", "sha"}
#: Event -> params, and the tags that `run` leaves.
EVENTS: dict[str, tuple[dict[str, str], set[str]]] = {
    "push": (MAIN, {"main", "sha"}),
    "push-branch": ({"event": "push", "ref": "refs/heads/feature"}, {"feature", "sha"}),
    "tag": ({"event": "push", "ref": "refs/tags/v1.4.2"}, RELEASED),
    "request": (REQUEST, set()),
    "fork": ({**REQUEST, "from-fork": "true"}, set()),
    "schedule": ({**MAIN, "event": "schedule"}, {"main", "sha"}),
    "manual": ({**MAIN, "event": "manual"}, {"main", "sha"}),
    "merge-queue": ({"event": "push", "ref": "refs/heads/gh-readonly-queue/main/pr-12-abc"}, {"sha"}),
    "hostile-branch": (
        {"event": "push", "ref": f"refs/heads/{HOSTILE}"},
        {"touch-bait-touch-bait-touch-bait", "sha"},
    ),
    "hostile-request": ({**REQUEST, "source-branch": HOSTILE, "actor": HOSTILE}, set()),
}


@pytest.mark.parametrize("event", EVENTS)
def test_task_releases_or_previews_each_event(
    event: str, git_repo: GitRepo, tmp_path: Path, installed: Installed, registry_server: RegistryServer
) -> None:
    params, tags = EVENTS[event]
    git_repo.commit("one", {**FILES, "release/__init__.py": "raise SystemExit('taken')\n"})
    git_repo.tag("v1.4.2")
    tekton = Tekton(git_repo.path, tmp_path / "tekton", installed.folder)
    given: dict[str, str | list[str]] = {
        "command": "run",
        "args": [f"--image={registry_server.host}/acme/app"],
        "revision": git_repo.head,
        "default-branch": "main",
        "repository-url": "https://git.test/acme/app",
        **params,
    }
    done = tekton.run(given)
    assert done.returncode == 0, done.stderr
    found = set(registry_server.tags("acme/app")) - {"shipmark-status"}
    assert {"sha" if tag.startswith("sha-") else tag for tag in found} == tags
    assert (tekton.results / "IMAGE_URL").exists() == bool(tags)
    assert not list(tmp_path.rglob("bait"))


def documents() -> list[dict[str, Any]]:
    """Return all Tekton resources of `ci/tekton/` and docs/tekton.md, with those inside of trigger templates."""
    texts = [path.read_text() for path in sorted((ROOT / "ci" / "tekton").glob("*.yaml"))]
    texts += [one for one in blocks("docs/tekton.md", "yaml") if "apiVersion:" in one]
    found = [one for text in texts for one in yaml.safe_load_all(text)]
    found += [inner for one in found for inner in one.get("spec", {}).get("resourcetemplates", [])]
    return [one for one in found if one["apiVersion"].startswith("tekton.dev/")]


def asked(resources: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Return the exit code of Tekton's own validation, and its verdict on each resource."""
    program = tools(CHECK, {"tekton-check": "."}) / "tekton-check"
    done = subprocess.run(
        [program], input=yaml.safe_dump_all(resources), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines()


def test_tektons_own_validation_accepts_every_resource() -> None:
    code, verdicts = asked(documents())
    assert (code, len(verdicts)) == (0, 6)
    assert all(one.endswith(": accepted") for one in verdicts), verdicts


@pytest.mark.parametrize("path", PLANTED)
def test_tektons_own_validation_refuses_a_planted_error(path: str) -> None:
    task = next(one for one in documents() if one["kind"] == "Task")
    inner, (*keys, last) = task["spec"], path.split(".")
    for key in keys:
        inner = inner[int(key) if key.isdecimal() else key]
    inner[last] = PLANTED[path]
    code, verdicts = asked([task])
    assert (code, "refused" in verdicts[0]) == (1, True), verdicts


def strict(schema: Any) -> Any:
    """Return a CRD's schema as a JSON schema that refuses unknown fields, as a strict API server does."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and "x-kubernetes-preserve-unknown-fields" not in made:
        made.setdefault("additionalProperties", False)
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    return made


def test_every_resource_fits_the_schema_of_its_crd() -> None:
    folder = module_files("github.com/tektoncd/pipeline", *TEKTON) / "config" / "300-crds"
    for one in documents():
        text = (folder / f"300-{one['kind'].lower()}.yaml").read_text()
        versions = yaml.safe_load(text)["spec"]["versions"]
        (version,) = (each for each in versions if f"tekton.dev/{each['name']}" == one["apiVersion"])
        schema = strict(version["schema"]["openAPIV3Schema"])
        # The API server knows the fields of `metadata` by itself.
        schema["properties"]["metadata"] = {"type": "object"}
        jsonschema.validate(one, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**one, "spec": {**one["spec"], "parms": []}}, schema)
