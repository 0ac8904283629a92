"""Writes the workspaces that 0.1.0 leaves, with 0.1.0 itself; what is there is never written again.

.venv/bin/pytest -q -o python_files='write_workspaces.py' tests/compat
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat.workspaces import FOLDER, SQL, Workspace
from tests.support.logs.descriptions import STORES
from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

#: Killed right after the log holds what was built: nothing is visible yet.
KILLED = """
import os, signal
from release.log.writer import Writer
append = Writer.append
def killed(self, facts):
    entries = append(self, facts)
    if any(entry.fields["kind"] == "built" for entry in entries):
        os.kill(os.getpid(), signal.SIGKILL)
    return entries
Writer.append = killed
"""
#: The log cannot be written any more once the release is visible.
LOST = """
from release.errors import LogUnavailable
from release.log.file_store import FileStore
from release.log.git_store import GitStore
for store in (FileStore, GitStore):
    def append(self, lines, expected, append=store.append):
        if any(b'"kind":"pushed"' in line or b'"kind":"failed"' in line for line in lines):
            raise LogUnavailable("the disk is gone")
        return append(self, lines, expected)
    store.append = append
"""


#: Another writer was faster, so the facts are parked for it; then the run is killed.
PARKED = """
import os, signal
from release.log import HeadMoved
from release.log.git_store import GitStore
append, calls = GitStore.append, []
def late(self, lines, expected):
    if any(b'"kind":"pushed"' in line for line in lines):
        calls.append(1)
        if len(calls) > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        raise HeadMoved
    return append(self, lines, expected)
GitStore.append = late
"""


#: Every key that had an effect in 0.1.0, by what it is about.
CONFIGS = {
    "empty": "image: ghcr.io/acme/app\n",
    "images": """
images:
  - ghcr.io/acme/app
  - {image: "oci:dist/image", required: false, moving: false}
  - {image: localhost:5000/app, insecure: true}
project: acme/app
""",
    "build": """
image: ghcr.io/acme/app
build: {builder: layers, context: app, dockerfile: app/Dockerfile, target: final, platforms: [linux/amd64, linux/arm64],
  args: {VERSION: "{{version}}", PLAIN: "1.10"}, compression: zstd}
""",
    "rules": """
image: ghcr.io/acme/app
tags: ["type=semver,pattern={{version}}", "type=sha,prefix=", "type=ref,event=branch"]
flavor: [latest=false, prefix=v]
labels: {org.opencontainers.image.title: app}
annotations: {org.opencontainers.image.vendor: acme}
""",
    "components": """
image: ghcr.io/acme/app
components:
  api: {image: ghcr.io/acme/api, prefix: api/, build: {context: api}}
  web: {image: ghcr.io/acme/web, prefix: web/}
""",
    "versions": "image: ghcr.io/acme/app\nversions: calver\nlatest: default-branch\nprefix: app/\n",
    "policies": "image: ghcr.io/acme/app\nreuse: commit\nattest: release\npull_requests: true\nchannels: [rc]\n",
    "log-file": "image: ghcr.io/acme/app\nlog: {store: file, path: build/log.jsonl}\n",
    "log-git": "image: ghcr.io/acme/app\nlog: {store: git, ref: refs/acme/log, remote: upstream}\n",
    "log-sql": "image: ghcr.io/acme/app\nlog: {store: sql, url: 'sqlite:///log.db'}\n",
    "log-mirrored": "image: ghcr.io/acme/app\nlog: [git, file]\n",
}


@pytest.fixture
def make(
    tmp_path: Path, old_shipmark: Shipmark, request: pytest.FixtureRequest
) -> Callable[[str], Workspace]:
    """Give a function that makes a workspace with v1.4.0 and v1.4.1 released and v1.4.2 at HEAD."""

    def make(store: str) -> Workspace:
        workspace = Workspace(tmp_path / "frozen", store, Path(old_shipmark.env["HOME"]), request)
        workspace.start()
        if store in SQL:
            workspace.must(old_shipmark, "log", "migrate")
        for git_tag in ("v1.4.0", "v1.4.1"):
            workspace.commit(git_tag)
            workspace.must(old_shipmark, "run")
        workspace.commit("v1.4.2")
        return workspace

    return make


def keep(workspace: Workspace, what: str, old: Shipmark) -> None:
    """Store the packed workspace, and beside it what 0.1.0 prints about the workspace's log."""
    FOLDER.mkdir(exist_ok=True)
    name = f"{workspace.store}-{what}"
    said = {
        "list": workspace.must(old, "log", "list", "--json").json,
        "show": workspace.must(old, "log", "show", "1.4.1", "--json").json,
        "history": workspace.must(old, "log", "history", "oci:dist/image:latest", "--json").json,
    }
    with (FOLDER / f"{name}.json").open("x") as file:
        file.write(json.dumps(said, indent=1, sort_keys=True) + "\n")
    with (FOLDER / f"{name}.tar.gz").open("xb") as archive:
        archive.write(workspace.pack())


@pytest.mark.parametrize("store", STORES)
def test_write_workspaces_of_killed_releases(
    store: str,
    make: Callable[[str], Workspace],
    old_shipmark: Shipmark,
    old_shipmark_with: Callable[[str], Shipmark],
) -> None:
    workspace = make(store)
    assert workspace.run(old_shipmark_with(KILLED), "run").code == -9
    keep(workspace, "killed", old_shipmark)


@pytest.mark.parametrize("store", ["file", "git"])
def test_write_workspaces_whose_last_append_failed(
    store: str,
    make: Callable[[str], Workspace],
    old_shipmark: Shipmark,
    old_shipmark_with: Callable[[str], Shipmark],
) -> None:
    workspace = make(store)
    ended = workspace.run(old_shipmark_with(LOST), "run")
    assert ended.code == 7, ended.stderr
    keep(workspace, "lost", old_shipmark)


def test_write_workspace_with_parked_facts(
    make: Callable[[str], Workspace],
    old_shipmark: Shipmark,
    old_shipmark_with: Callable[[str], Shipmark],
) -> None:
    workspace = make("git")
    assert workspace.run(old_shipmark_with(PARKED), "run").code == -9
    assert "refs/shipmark/inbox/" in workspace.repo.git("ls-remote", "origin")
    keep(workspace, "parked", old_shipmark)


def test_write_workspace_with_a_torn_log(make: Callable[[str], Workspace], old_shipmark: Shipmark) -> None:
    workspace = make("file")
    workspace.must(old_shipmark, "run")
    log = workspace.repo.path / ".shipmark" / "log.jsonl"
    log.write_bytes(log.read_bytes()[:-40])
    keep(workspace, "torn", old_shipmark)


def test_write_workspace_with_a_plan_file(make: Callable[[str], Workspace], old_shipmark: Shipmark) -> None:
    """Write a workspace with a plan file, and the JSON that every command of 0.1.0 prints."""
    workspace = make("file")
    workspace.must(old_shipmark, "preview", "-o", "plan.json")
    commands = {
        "tags": ("tags", "--json"),
        "version": ("version", "--format", "json"),
        "preview": ("preview", "--json"),
        "config": ("config", "show"),
        "ci": ("ci", "--json"),
        "log list": ("log", "list", "--json"),
        "log show": ("log", "show", "1.4.1", "--json"),
        "log at": ("log", "at", "oci:dist/image:latest", "2100-01-01", "--json"),
        "log history": ("log", "history", "oci:dist/image:latest", "--json"),
        "log verify": ("log", "verify", "--json"),
        "image list": ("image", "list", "oci:dist/image", "--json"),
        "image inspect": ("image", "inspect", "oci:dist/image:1.4.1", "--json"),
        "metadata": ("metadata", "--images", "acme/app"),
        "log diff": ("log", "diff", "1.4.0", "1.4.1", "--json"),
    }
    documents = {}
    for name, command in commands.items():
        done = workspace.run(old_shipmark, *command)
        print(name, done.code, done.stderr[-300:])
        if done.code == 0:
            documents[name] = {"command": list(command), "document": done.json}
    keep(workspace, "planned", old_shipmark)
    documents["run"] = {
        "command": ["run", "--json"],
        "document": workspace.must(old_shipmark, "run", "--json").json,
    }
    with (FOLDER / "documents.json").open("x") as file:
        file.write(json.dumps(documents, indent=1, sort_keys=True) + "\n")


def test_write_configs_as_0_1_0_shows_them(git_repo: GitRepo, old_shipmark: Shipmark) -> None:
    found = {}
    git_repo.commit("start")
    for name, config in CONFIGS.items():
        git_repo.write({"shipmark.yml": config})
        shown = old_shipmark("config", "show", cwd=git_repo.path)
        assert shown.code == 0, f"{name}: {shown.stderr}"
        found[name] = {"config": config, "shown": shown.json}
    with (FOLDER.parent / "configs.json").open("x") as file:
        file.write(json.dumps(found, indent=1, sort_keys=True) + "\n")
