"""The workflows of README and docs/github.md, `image.yml` and the drop-in, run by nektos/act for every event."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import blocks
from tests.support.programs.act import Act, ActJob
from tests.support.programs.wheel import ROOT, Installed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo

HOSTILE = "$(touch${IFS}bait)`touch${IFS}bait`"
_BASE = {"ref": "main", "repo": {"full_name": "acme/app"}}
_HEAD = {"ref": "x", "sha": "", "repo": {"full_name": "acme/app"}}
_ASKED = {"number": 12, "state": "open", "head": _HEAD, "base": _BASE, "title": HOSTILE}
REQUEST = {"number": 12, "action": "opened", "pull_request": _ASKED}
FORK = {
    **REQUEST,
    "pull_request": {**_ASKED, "head": {**_HEAD, "ref": HOSTILE, "repo": {"full_name": "mallory/app"}}},
}
RELEASE = {"action": "published", "release": {"tag_name": "v1.4.2", "draft": False, "prerelease": False}}
MERGE = {
    "action": "checks_requested",
    "merge_group": {"head_ref": "refs/heads/gh-readonly-queue/main/pr-12-abc"},
}
RELEASED = {"1.4.2", "1.4", "1", "latest", "sha"}
#: Event -> its name, ref and payload, and the tags that `run` leaves.
EVENTS: dict[str, tuple[str, str, Mapping[str, Any], set[str]]] = {
    "push": ("push", "refs/heads/main", {}, {"main", "sha"}),
    "tag": ("push", "refs/tags/v1.4.2", {}, RELEASED),
    "request": ("pull_request", "refs/pull/12/merge", REQUEST, set()),
    "fork": ("pull_request", "refs/pull/12/merge", FORK, set()),
    "schedule": ("schedule", "refs/heads/main", {"schedule": "0 4 * * *"}, {"main", "sha"}),
    "manual": ("workflow_dispatch", "refs/heads/main", {}, {"main", "sha"}),
    "release": ("release", "refs/tags/v1.4.2", RELEASE, RELEASED),
    "merge-queue": ("merge_group", MERGE["merge_group"]["head_ref"], MERGE, {"sha"}),  # type: ignore[index]
    "hostile-branch": ("push", f"refs/heads/{HOSTILE}", {}, {"touch-ifs-bait-touch-ifs-bait", "sha"}),
}
_ON = (
    "on: {push: {}, pull_request: {}, schedule: [{cron: '0 4 * * *'}], workflow_dispatch: {}, release: {}, "
    "merge_group: {}}\n"
)
#: What docs/github.md says of both, for workflows of the own repository: act fetches none of another one.
CALLS_IMAGE = f"""{_ON}jobs:
  image:
    uses: ./.github/workflows/image.yml
    with: {{image: ghcr.io/acme/app, builder: layers}}
"""
USES_METADATA = f"""{_ON}jobs:
  tags:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
        with: {{fetch-depth: 0}}
      - uses: actions/checkout@v7
        with: {{repository: acme/shipmark, path: .shipmark/action}}
      - uses: ./.shipmark/action/ci/github/metadata
        id: meta
        with:
          images: ghcr.io/acme/app
          tags: |
            type=semver,pattern={{{{version}}}}
            type=ref,event=branch
            type=ref,event=pr
      - run: printf 'tag of the action %s\\n' $NAMES
        env: {{NAMES: "${{{{ steps.meta.outputs.tag-names }}}}"}}
"""
#: Event -> jobs of the caller's run, and tags, with the reusable workflow.
IMAGES = {
    "push": ({"build", "release"}, {"main", "sha"}),
    "tag": ({"build", "release"}, RELEASED),
    "request": ({"preview"}, set()),
    "fork": ({"preview"}, set()),
    "schedule": ({"build", "release"}, {"main", "sha"}),
    "manual": ({"build", "release"}, {"main", "sha"}),
    "release": ({"build", "release"}, RELEASED),
    "merge-queue": ({"build", "release"}, {"sha"}),
    "hostile-branch": ({"build", "release"}, EVENTS["hostile-branch"][3]),
}
#: Event -> the tags that docker/metadata-action makes.
METADATA = {
    "push": {"main"},
    "tag": {"1.4.2", "latest"},
    "request": {"pr-12"},
    "schedule": {"main"},
    "manual": {"main"},
    "release": {"1.4.2", "latest"},
    "hostile-branch": set(),  # the action makes a tag that begins with `-`, which no registry takes; it is refused
}


def for_act(text: str) -> str:
    """Return `image.yml` for act, whose jobs share a folder, and which has no index of a job in its matrix."""
    text = text.replace("    strategy:\n", "    strategy:\n      max-parallel: 1\n")
    return text.replace("${{ strategy.job-index }}", "${{ matrix.platform == 'linux/amd64' && '0' || '1' }}")


def without_queue(text: str) -> str:
    """Return a workflow without `queue: max`, a key of a concurrency group that is newer than act."""
    return re.sub(r"(?m), queue: max|^ +queue: max.*\n", "", text)


def without_events(text: str) -> str:
    """Return a workflow without its `on:`, so that it can run for every event."""
    return text[text.index("jobs:") :]


class Hub:
    """A repository on GitHub with the workflows of the pages."""

    def __init__(self, repo: GitRepo, folder: Path, installed: Installed, registry: RegistryServer) -> None:
        self.repo, self.registry = repo, registry
        self.act = Act(folder, repo.path, installed)
        pages = {
            page: [one for one in blocks(page, "yaml") if "jobs:" in one]
            for page in ("README.md", "docs/github.md")
        }
        texts = {
            "readme": _ON + without_events(pages["README.md"][0]),
            "page": _ON + without_events(pages["docs/github.md"][0]),
        }
        files = {
            f".github/workflows/{name}.yml": text.replace("ghcr.io", registry.host)
            for name, text in texts.items()
        }
        calls = {"image": CALLS_IMAGE, "metadata": USES_METADATA}
        files |= {
            f".github/workflows/{name}-here.yml": text.replace("ghcr.io", registry.host)
            for name, text in calls.items()
        }
        files |= {
            ".github/workflows/image.yml": for_act((ROOT / ".github/workflows/image.yml").read_text()),
            "Dockerfile": "FROM scratch\nCOPY hello /hello\n",
            "release/__init__.py": "raise SystemExit('taken')\n",
        }
        files = {path: without_queue(text) for path, text in files.items()}
        self.files = {**files, ".gitignore": ".shipmark/\n"}
        self.release("v1.4.2")

    def release(self, tag: str) -> None:
        self.repo.commit(tag, {**self.files, "hello": f"{tag}\n"})
        self.repo.tag(tag)

    def on(self, workflow: str, event: str, ref: str, payload: Mapping[str, Any]) -> ActJob:
        path = f".github/workflows/{workflow}.yml"
        done = self.act.run(path, event, sha=self.repo.head, ref=ref, payload=payload)
        assert not list(self.act.folder.rglob("bait")), done.said
        return done

    def tags(self) -> set[str]:
        found = set(self.registry.tags("acme/app")) - {"shipmark-status"}
        return {"sha" if tag.startswith("sha-") else tag for tag in found}


@pytest.fixture
def hub(git_repo: GitRepo, tmp_path: Path, installed: Installed, registry_server: RegistryServer) -> Hub:
    return Hub(git_repo, tmp_path, installed, registry_server)


@pytest.mark.parametrize("workflow", ["readme", "page"])
@pytest.mark.parametrize("event", EVENTS)
def test_workflow_of_the_page_does_what_the_table_of_events_says(hub: Hub, workflow: str, event: str) -> None:
    name, ref, payload, tags = EVENTS[event]
    done = hub.on(workflow, name, ref, payload)
    assert (done.code, done.jobs) == (0, {"release": "success"}), done.said
    assert hub.tags() == tags, done.said


@pytest.mark.parametrize("event", IMAGES)
def test_reusable_workflow_previews_or_releases_two_platforms(hub: Hub, event: str) -> None:
    name, ref, payload, _ = EVENTS[event]
    jobs, tags = IMAGES[event]
    done = hub.on("image-here", name, ref, payload)
    assert done.code == 0, done.said
    assert {job for job, result in done.jobs.items() if result == "success"} >= jobs, done.jobs
    assert hub.tags() == tags, done.said
    if tags:
        held = hub.registry.tags("acme/app")
        index = json.loads(hub.registry.manifest("acme/app", next(iter(held)))[1])
        assert {one["platform"]["architecture"] for one in index["manifests"]} == {"amd64", "arm64"}
        assert "refs/shipmark/log" in hub.repo.git("for-each-ref")


@pytest.mark.parametrize("event", METADATA)
def test_drop_in_for_the_metadata_action_gives_the_tags_of_the_event(hub: Hub, event: str) -> None:
    name, ref, payload, _ = EVENTS[event]
    done = hub.on("metadata-here", name, ref, payload)
    assert done.code == int(not METADATA[event]), done.said
    assert set(re.findall(r"tag of the action ([\w.-]+)", done.said)) == METADATA[event], done.said
