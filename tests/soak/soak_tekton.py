"""The steps of the Task in `ci/tekton/`, run with a repository and a registry for every event."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs.tekton import Tekton
from tests.support.programs.wheel import Installed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo

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
