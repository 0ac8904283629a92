"""GitHub's pre-release box: a version whose release has it set moves no stable tag, in this run and in later ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.releases.project import Project


@pytest.fixture
def event(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Give a function that writes the event file of a release, and returns the run's variables."""

    def make(git_tag: str, *, box: bool | None = None) -> dict[str, str]:
        """`box` None: the push of the git tag, which says nothing of a release."""
        path = tmp_path / f"{git_tag}-{box}.json"
        release = {"tag_name": git_tag, "prerelease": box, "draft": False}
        path.write_text(json.dumps({} if box is None else {"action": "published", "release": release}))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_EVENT_NAME": "push" if box is None else "release",
            "GITHUB_REF": f"refs/tags/{git_tag}",
            "GITHUB_EVENT_PATH": str(path),
        }

    return make


def test_release_with_the_pre_release_box_set_moves_no_stable_tag(
    project: Project, event: Callable[..., dict[str, str]]
) -> None:
    project.must("run", env=event("v1.4.2", box=False))
    stable = project.tags["latest"]
    assert "status" not in project.kinds()  # a version without a status is stable
    project.release_commit("v1.5.0")
    shown = project.must("preview", env=event("v1.5.0", box=True))
    assert "1.5.0 is a pre-release" in shown.stdout
    assert "prerelease" in shown.stdout
    project.must("run", env=event("v1.5.0", box=True))
    assert (project.tags["latest"], project.tags["1"], "1.5" in project.tags) == (stable, stable, False)
    recorded = [one for one in project.log if one["kind"] == "status"]
    assert [(one["version"], one["status"], one["number"]) for one in recorded] == [
        ("1.5.0", "prerelease", 1)
    ]
    assert recorded[0]["reason"] == "the pre-release box of the release of `v1.5.0` is set"
    # A run for the same tag that knows nothing of the box reads the log.
    project.must("run", env=event("v1.5.0"))
    assert project.tags["latest"] == stable
    # A lower version is the highest stable one.
    project.repo.git("checkout", "--quiet", "-b", "release/1.4", "v1.4.2")
    project.release_commit("v1.4.3")
    project.must("run", env=event("v1.4.3"))
    assert project.tags["latest"] == project.tags["1.4.3"]


def test_tags_follow_the_pre_release_box_although_the_git_tag_was_pushed_before_the_release(
    project: Project, event: Callable[..., dict[str, str]]
) -> None:
    project.must("run", env=event("v1.4.2"))
    project.release_commit("v1.5.0")
    project.must("run", env=event("v1.5.0"))
    assert project.tags["latest"] == project.tags["1.5.0"]
    project.must("run", env=event("v1.5.0", box=True))
    assert project.tags["latest"] == project.tags["1"] == project.tags["1.4.2"]
    kinds = project.kinds()
    project.must("run", env=event("v1.5.0", box=True))
    assert project.kinds() == kinds
    page = project.must("log", "export", "--format", "html").stdout
    rows = re.findall("<tr.*?</tr>", page[page.index('id="rows"') :], re.DOTALL)
    assert ["1.5.0" in row for row in rows if "pre-release" in row] == [True]
    # With the box cleared the version counts again, under the next number.
    project.must("run", env=event("v1.5.0", box=False))
    assert project.tags["latest"] == project.tags["1"] == project.tags["1.5"] == project.tags["1.5.0"]
    numbers = [(one["status"], one["number"]) for one in project.log if one["kind"] == "status"]
    assert numbers == [("prerelease", 1), ("stable", 2)]


def test_restore_gives_a_pre_release_its_status_again(
    project: Project, event: Callable[..., dict[str, str]]
) -> None:
    project.must("run", env=event("v1.4.2", box=False))
    stable = project.tags["latest"]
    project.release_commit("v1.5.0")
    project.must("run", env=event("v1.5.0", box=True))
    project.must("rollback", "--to", "1.4.2", "--reason", "it eats data")
    project.lose_disk()
    project.must("restore", "1.5.0", "--reason", "it was the disk")
    said = [(one["kind"], one["number"]) for one in project.log if one["kind"] in ("restored", "status")]
    assert said == [("restored", 3), ("status", 4)]
    assert (project.tags["latest"], project.tags["1"], "1.5" in project.tags) == (stable, stable, False)
    entries = len(project.log)
    project.must("restore", "1.5.0", "--reason", "again")
    assert len(project.log) == entries
