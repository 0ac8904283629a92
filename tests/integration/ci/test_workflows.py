"""Executes the workflows of README.md and docs/github.md with the real program, a repository and a registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci.summary import COMMENT_MARK
from tests.support.pages import blocks
from tests.support.programs.wheel import ROOT, Installed
from tests.support.programs.workflow import JobRun, Workflow
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo

pytestmark = pytest.mark.xdist_group("wheel")

FILES = {"Dockerfile": "FROM scratch\nCOPY hello /hello\n", "hello": "hello\n", ".gitignore": ".shipmark/\n"}


def workflows(page: str) -> list[str]:
    """Return the whole workflows that a page shows."""
    return [block for block in blocks(page, "yaml") if "jobs:" in block]


class Hub:
    """A repository on a stand-in for GitHub: events start workflows, each job in a clone of its own."""

    def __init__(self, repo: GitRepo, folder: Path, installed: Installed, registry: RegistryServer) -> None:
        self.repo, self.folder, self.installed, self.registry = repo, folder, installed, registry
        self.count = 0

    def on(
        self,
        text: str | Mapping[Any, Any],
        event: str,
        ref: str,
        *,
        payload: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
        artifacts: Path | None = None,
    ) -> list[JobRun]:
        """Run a workflow for an event at HEAD of the repository. `text`: `ghcr.io` in it becomes the registry.

        `artifacts`: those of a run with several workflows.
        """
        self.count += 1
        folder = self.folder / f"run{self.count}"
        folder.mkdir()
        document = (
            yaml.load(text.replace("ghcr.io", self.registry.host), Loader=yaml.BaseLoader)
            if isinstance(text, str)
            else text
        )
        data = {"repository": {"default_branch": "main"}, "inputs": dict(inputs or {}), **(payload or {})}
        (folder / "event.json").write_text(json.dumps(data))
        github = {
            "event_name": event,
            "ref": ref,
            "ref_name": ref.split("/", 2)[2],
            "ref_type": "tag" if ref.startswith("refs/tags/") else "branch",
            "sha": self.repo.head,
            "repository": "acme/app",
            "repository_owner": "acme",
            "actor": "ana",
            "token": "",
            "event": data,
            "workflow": "release",
        }
        env = {
            f"GITHUB_{name.upper()}": str(value)
            for name, value in github.items()
            if name not in ("event", "token")
        }
        env |= {
            "CI": "true",
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_API_URL": "http://127.0.0.1:9",
            "GITHUB_RUN_ID": str(self.count),
        }
        workflow = Workflow(
            document,
            folder,
            venv=self.installed.folder,
            origin=self.repo.path,
            env=env,
            github=github,
            artifacts=artifacts or folder / "artifacts",
        )
        return workflow.run(inputs)

    def release(self, tag: str) -> None:
        self.repo.commit(tag, {**FILES, "hello": f"{tag}\n"})
        self.repo.tag(tag)

    def tags(self, name: str = "acme/app") -> dict[str, str]:
        return self.registry.tags(name)


@pytest.fixture
def hub(git_repo: GitRepo, tmp_path: Path, installed: Installed, registry_server: RegistryServer) -> Hub:
    made = Hub(git_repo, tmp_path, installed, registry_server)
    made.release("v1.4.2")
    return made


@pytest.mark.parametrize("page", ["README.md", "docs/github.md"])
def test_first_workflow_of_the_page_releases_a_git_tag_as_printed(hub: Hub, page: str) -> None:
    (done,) = hub.on(workflows(page)[0], "push", "refs/tags/v1.4.2")
    assert done.code == 0, done.said
    digest = hub.tags()["1.4.2"]
    # On the page of its own, a last step prints the output `digest`.
    assert done.said.endswith(f"{digest}\n") == (page != "README.md")
    assert set(hub.tags()) == {"1.4.2", "1.4", "1", "latest", f"sha-{hub.repo.head[:12]}"}
    assert done.summary.startswith("### Released: app 1.4.2\n")


def test_job_that_takes_a_version_back_restores_and_promotes_it(hub: Hub, git_repo: GitRepo) -> None:
    release, change = workflows("docs/github.md")[:2]
    hub.on(release, "push", "refs/tags/v1.4.2")
    hub.release("v1.4.3")
    hub.on(release, "push", "refs/tags/v1.4.3")
    first, second = hub.tags()["1.4.2"], hub.tags()["1.4.3"]
    assert hub.tags()["latest"] == second

    def by_hand(command: str, version: str) -> JobRun:
        inputs = {"command": command, "version": version, "reason": "$(touch bait) `touch bait` it eats data"}
        (done,) = hub.on(change, "workflow_dispatch", "refs/heads/main", inputs=inputs)
        assert done.code == 0, done.said
        assert not list(done.workspace.rglob("bait"))
        return done

    assert "it eats data" in by_hand("rollback", "1.4.2").summary
    assert hub.tags()["latest"] == first
    by_hand("restore", "1.4.3")
    assert hub.tags()["latest"] == second
    by_hand("promote", "1.4.3")
    assert hub.tags("acme/production")["latest"] == second


def test_line_for_the_drop_in_gives_the_tags_of_the_metadata_action(hub: Hub) -> None:
    (step,) = [
        block for block in blocks("docs/github.md", "yaml") if "metadata" in block and "jobs:" not in block
    ]
    steps = "  job:\n    steps:\n"
    checkout = '      - uses: actions/checkout@v7\n        with: {fetch-depth: "0"}\n'
    ours = "      - uses: actions/checkout@v7\n        with: {repository: acme/shipmark, path: .shipmark/action}\n"
    shows = '      - run: echo "$TAGS"\n        env: {TAGS: "${{ steps.meta.outputs.tags }}"}\n'
    (done,) = hub.on(f"jobs:\n{steps}{checkout}{ours}{step}{shows}", "push", "refs/tags/v1.4.2")
    assert done.code == 0, done.said
    assert done.said.splitlines()[-2:] == [
        f"{hub.registry.host}/acme/app:{name}" for name in ("1.4.2", "latest")
    ]


class TestReusable:
    """`.github/workflows/image.yml`, which other repositories call."""

    def on(
        self,
        hub: Hub,
        event: str,
        ref: str,
        payload: Mapping[str, Any] | None = None,
        *,
        artifacts: Path | None = None,
        **more: str,
    ) -> list[JobRun]:
        document = Workflow.load(ROOT / ".github" / "workflows" / "image.yml")
        given = document["on"]["workflow_call"]["inputs"]
        inputs = {name: str(one.get("default", "")) for name, one in given.items()}
        inputs |= {"image": f"{hub.registry.host}/acme/app", "builder": "layers", "log": "file", **more}
        return hub.on(document, event, ref, payload=payload, inputs=inputs, artifacts=artifacts)

    def request(self, hub: Hub, owner: str) -> dict[str, Any]:
        """Return the event of a request from a repository of `owner`."""
        head = {"sha": hub.repo.head, "ref": "x", "repo": {"full_name": f"{owner}/app"}}
        base = {"ref": "main", "repo": {"full_name": "acme/app"}}
        return {"number": 12, "pull_request": {"number": 12, "head": head, "base": base}}

    def test_no_default_but_that_of_the_log_replaces_a_setting_of_the_config(self) -> None:
        inputs = Workflow.load(ROOT / ".github" / "workflows" / "image.yml")["on"]["workflow_call"]["inputs"]
        assert {name for name, one in inputs.items() if one.get("default")} == {"builds", "log", "registry"}

    def test_platforms_are_built_by_jobs_of_their_own_and_released_as_one_index(self, hub: Hub) -> None:
        runs = self.on(hub, "push", "refs/tags/v1.4.2")
        assert [(one.name, one.code) for one in runs] == [("build-0", 0), ("build-1", 0), ("release", 0)], [
            one.said for one in runs
        ]
        outputs = runs[-1].outputs
        assert outputs["version"] == "1.4.2"
        assert outputs["digest"] == hub.tags()["1.4.2"] == hub.tags()["latest"]
        index = json.loads(hub.registry.manifest("acme/app", "1.4.2")[1])
        platforms = {one["platform"]["architecture"] for one in index["manifests"]}
        assert platforms == {"amd64", "arm64"}
        # The same tag again: nothing is released twice.
        again = self.on(hub, "push", "refs/tags/v1.4.2")
        assert [one.code for one in again] == [0, 0, 0], again[-1].said
        assert "Nothing to do: app 1.4.2" in again[-1].summary

    def test_a_single_platform_is_released(self, hub: Hub) -> None:
        builds = '[{"platform": "linux/arm64", "runner": "ubuntu-24.04-arm"}]'
        runs = self.on(hub, "push", "refs/tags/v1.4.2", builds=builds)
        assert [(one.name, one.code) for one in runs] == [("build", 0), ("release", 0)], [
            one.said for one in runs
        ]
        assert runs[-1].outputs["digest"] == hub.tags()["1.4.2"]

    def test_two_images_of_one_run_keep_their_artifacts_apart(self, hub: Hub) -> None:
        artifacts = hub.folder / "shared"
        for name in ("acme/app", "acme/web"):
            image = f"{hub.registry.host}/{name}"
            runs = self.on(hub, "push", "refs/tags/v1.4.2", artifacts=artifacts, image=image)
            assert [one.code for one in runs] == [0, 0, 0], [one.said for one in runs]
            assert hub.tags(name)["1.4.2"] == runs[-1].outputs["digest"]
        assert len(list(artifacts.iterdir())) == 4

    @pytest.mark.parametrize("names", [(), ("acme/app",), ("acme/app", "acme/web")])
    def test_previews_of_all_images_of_a_run_are_one_comment(self, hub: Hub, names: tuple[str, ...]) -> None:
        artifacts, summaries = hub.folder / "shared", []
        request = self.request(hub, "acme")
        for name in names:
            image = f"{hub.registry.host}/{name}"
            (done,) = self.on(
                hub, "pull_request", "refs/pull/12/merge", request, artifacts=artifacts, image=image
            )
            assert done.code == 0, done.said
            summaries.append(f"{COMMENT_MARK}\n{done.summary}")
        document = Workflow.load(ROOT / ".github" / "workflows" / "comment.yml")
        (done,) = hub.on(document, "pull_request", "refs/pull/12/merge", payload=request, artifacts=artifacts)
        assert done.code == 0, done.said
        text = (done.workspace / ".shipmark" / "comment.md").read_text()
        assert all(one in text for one in summaries)
        assert len(text) == sum(map(len, summaries))
        # There is no GitHub here; with nothing to say it is not asked.
        assert ("::warning::no comment" if names else "::notice::there is no preview") in done.said

    @pytest.mark.parametrize("owner", ["acme", "mallory"])
    def test_requests_are_previewed_and_nothing_is_pushed(self, hub: Hub, owner: str) -> None:
        (done,) = self.on(hub, "pull_request", "refs/pull/12/merge", self.request(hub, owner))
        assert (done.name, done.code) == ("preview", 0), done.said
        assert ("Log in to the registry" in done.steps) == (owner == "acme")
        assert done.summary.startswith("### Withheld: " if owner == "mallory" else "### ")
        # For comment.yml, which shows the same text on the request.
        (comment,) = (hub.folder / "run1" / "artifacts").glob("shipmark-comment-*/shipmark-comment.md")
        assert comment.read_text() == f"{COMMENT_MARK}\n{done.summary}"
        assert hub.tags() == {}
