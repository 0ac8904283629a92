"""A lost version log is rebuilt from what the registries and git show, and what they cannot tell is listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.releases.project import Project

#: Members of a release in `log list --json` that a registry and git can tell.
_TOLD = ("key", "version", "rebuild", "commit", "channel", "state", "digest", "project", "component")


def _releases(project: Project) -> dict[str, dict[str, Any]]:
    listed = project.must("log", "list", "--all", "--json").json["releases"]
    return {
        one["key"]: {
            **{name: one[name] for name in _TOLD},
            "targets": sorted(one["targets"]),
            "yank": one["yank_reason"],
            "status": one["status"],
        }
        for one in listed
    }


def _put(project: Project, source: str, tag: str) -> None:
    """Give an image of the registry another tag, as another tool does."""
    _, raw = project.registry.manifest(project.name, source)
    headers = {"Content-Type": json.loads(raw)["mediaType"]}
    project.registry.request("PUT", f"/v2/{project.name}/manifests/{tag}", body=raw, headers=headers)


@pytest.fixture
def lost(make_project: Callable[..., Project]) -> tuple[Project, dict[str, dict[str, Any]]]:
    """Give a project with eight releases at two targets whose log was lost, and what `log list` said before."""
    project = make_project()
    project.configure(
        images=[project.image, f"{project.registry.host}/acme/mirror"], image=None, attest="release"
    )
    for git_tag in ("v1.4.2", "v1.5.0-rc.1", "v1.5.0"):
        project.release_commit(git_tag)
        project.must("run")
    project.must("run", "--rebuild", "v1.5.0")
    project.release_commit()
    project.must("run")  # a build of the branch
    for git_tag in ("v1.6.0", "v2.0.0"):
        project.release_commit(git_tag)
        project.must("run")
    project.must("rollback", "--to", "1.6.0", "--reason", "it eats data")
    before = _releases(project)
    project.lose_disk()
    return project, before


def test_log_rebuild_records_every_release_that_registries_and_git_show(
    lost: tuple[Project, dict[str, dict[str, Any]]],
) -> None:
    project, before = lost
    _put(project, "1.4.2", "1.4.9")  # its image says version 1.4.2
    tags = project.tags
    shown = project.must("log", "rebuild", "--preview")
    assert "would be recorded" in shown.stdout
    assert project.log == []
    report = project.must("log", "rebuild", "--json").json
    assert report["entries"] == len(project.log)
    assert _releases(project) == before
    assert {one["channel"] for one in before.values()} == {"release", "prerelease", "branch"}
    assert [(one["tag"], one["reason"]) for one in report["left_out"]] == [
        ("1.4.9", "its image says version 1.4.2")
    ]
    assert report["without_image"] == ["v1.3.8", "v1.4.0", "v1.4.1"]
    assert "when the releases were made, by whom, and in which CI run" in report["untold"]
    assert [(one["version"], one["status"]) for one in report["statuses"]] == [("2.0.0", "yanked")]
    first, *rest = project.log
    assert first["kind"] == "note"
    assert "rebuilt by `log rebuild`" in first["text"]
    assert all(one["evidence"].startswith("rebuilt from the registry: ") for one in rest)
    assert all("release statement sha256:" in one["evidence"] for one in rest if one["kind"] == "released")
    found = project.must("log", "verify", "--registry", "--json").json["tags"]
    assert {one["finding"] for one in found} == {"same", "unrecorded"}
    assert {one["tag"] for one in found if one["finding"] == "same"} == set(tags) - {
        "1.4.9",
        "shipmark-status",
        *(tag for tag in tags if tag.startswith("sha256-")),
    }
    _require_runs_go_on(project)


def _require_runs_go_on(project: Project) -> None:
    """Check that the next runs find in a rebuilt log what they would find in the lost one."""
    tags = project.tags
    again = project("log", "rebuild")
    assert again.code == 6
    assert "it is not lost" in again.stderr
    yanked = project("run")  # HEAD is v2.0.0, which was taken back
    assert yanked.code == 6
    assert "it eats data" in yanked.stderr
    project.release_commit("v1.6.1")
    project.must("run")
    assert project.tags["latest"] == project.tags["1.6.1"]
    kept = ("1.4.2", "1.5.0", "1.5", "1.6.0")
    assert {tag: project.tags[tag] for tag in kept} == {tag: tags[tag] for tag in kept}
    entries = len(project.log)
    assert "nothing to do" in project.must("run").stderr
    assert len(project.log) == entries
