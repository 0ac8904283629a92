"""Tables over real git repositories: which git tags release, which branch is the default, what a clone warns about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import shipmark
from tests.support.releases.git import GitRepo

IMAGE = "ghcr.io/acme/app"


def decided(repo: GitRepo, **env: str) -> shipmark.DecisionReport:
    workspace = shipmark.open_workspace(str(repo.path), env={**repo.env, **env}, images=[IMAGE])
    return shipmark.tags(workspace, shipmark.TagsRequest())


class Started(NamedTuple):
    """A run for a git tag. `gives`: the released version, the exit code of an error, or None if nothing is released."""

    git_tag: str
    config: str
    gives: str | int | None
    says: str = ""


STARTED = [
    Started("v1.3", "", 3, "semver-loose"),
    Started("v1.4", "", 3, "semver-loose"),
    Started("release-1.2.3", "", 3, "`prefix: release-`"),
    Started("v1.2.3.4", "", 3, "looks like a version"),
    Started("1.4-rc1", "", 3, "looks like a version"),
    Started("v1.4", "versions: semver-loose", "1.4.0"),
    Started("v1.4", "ignore_tags: ['v*']", None, "v1.4"),
    Started("v2", "", None, "v2"),
    Started("nightly", "", None, "nightly"),
    Started("2026.11", "versions: calver", "2026.11"),
    Started("release-1.2.3", "prefix: release-", "1.2.3"),
    Started("v1.4.2", "", "1.4.2"),
]


@pytest.mark.parametrize("row", STARTED, ids=lambda row: f"{row.git_tag} {row.config}".strip())
def test_run_for_a_git_tag_releases_it_or_gives_the_reason_as_in_the_table(
    git_repo: GitRepo, row: Started
) -> None:
    git_repo.commit("feat: one", {"shipmark.yml": f"project: acme/app\n{row.config}\n"})
    git_repo.tag(row.git_tag)
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": f"refs/tags/{row.git_tag}",
        "GITHUB_SHA": git_repo.head,
    }
    if isinstance(row.gives, int):
        with pytest.raises(shipmark.ReleaseError) as caught:
            decided(git_repo, **env)
        assert caught.value.exit_code == row.gives
        assert row.says in f"{caught.value.message} {caught.value.hint}"
        assert row.git_tag in caught.value.message
        return
    decision = decided(git_repo, **env)
    if row.gives is None:
        assert decision.tags == ()
        assert any(
            row.says in text for text in (*decision.warnings, *(one.reason for one in decision.withheld))
        )
    else:
        assert (decision.version, decision.channel) == (row.gives, "release")


#: Message of the commit, its files, and the step of `--next auto` for `api`, which depends on `lib`, and for `web`.
STEPS: dict[str, tuple[str, tuple[str, ...], str | None, str | None]] = {
    "a break in web alone": ("feat(web)!: new", ("web/a",), None, "2.0.0"),
    "a scope that names another component": ("feat(web): new", ("api/a",), "1.1.0", None),
    "a feature of the dependency": ("feat: new", ("lib/a",), "1.0.1", None),
    "a break of the dependency": ("feat!: new", ("lib/a",), "1.0.1", None),
    "both components": ("feat: new", ("api/a", "web/a"), "1.1.0", "1.1.0"),
    "an excluded folder": ("feat: new", ("web/docs/page.md",), None, None),
    "an excluded folder and a file": ("fix: new", ("web/docs/page.md", "web/a"), None, "1.0.1"),
    "a file outside of all components": ("feat!: new", ("README.md",), None, None),
    "the config": ("feat: new", ("shipmark.yml",), None, None),
    "a folder whose name begins alike": ("feat: new", ("api2/a", "webs/a"), None, None),
    "a name with other letters": ("fix: new", ("api/ä b\n.txt",), "1.0.1", None),
    "a file in a deep folder": ("feat: new", ("api/x/y/z/a",), "1.1.0", None),
    "a chore": ("chore: new", ("api/a", "web/a"), None, None),
}
COMPONENTS = {
    "components": {
        "api": {"prefix": "api/", "paths": ["api/**"], "depends": ["lib"]},
        "lib": {"prefix": "lib/", "paths": ["lib/**"]},
        "web": {"prefix": "web/", "paths": ["web/**", "!web/docs/**"]},
    }
}


@pytest.fixture
def mono(git_repo: GitRepo) -> GitRepo:
    """Give a repository with three components, each tagged 1.0.0 at the first commit."""
    files = {f"{name}/first": name for name in COMPONENTS["components"]}
    git_repo.commit("feat: start", {"shipmark.yml": json.dumps(COMPONENTS), **files})
    for name in COMPONENTS["components"]:
        git_repo.tag(f"{name}/v1.0.0")
    return git_repo


def following(repo: GitRepo, component: str) -> str | None:
    workspace = shipmark.open_workspace(str(repo.path), env=repo.env)
    found = shipmark.next_version(workspace, shipmark.NextVersionRequest(component=component))
    return None if found is None else found.version


@pytest.mark.parametrize("name", STEPS)
def test_the_next_version_of_a_component_comes_from_commits_of_its_files(mono: GitRepo, name: str) -> None:
    message, paths, api, web = STEPS[name]
    mono.commit(message, {path: f"{json.dumps(COMPONENTS)}\n" for path in paths})
    assert (following(mono, "api"), following(mono, "web")) == (api, web)


def _link(repo: GitRepo) -> None:
    (repo.path / "web/first").unlink()
    (repo.path / "web/first").symlink_to("../README")


CHANGES: dict[str, tuple[Callable[[GitRepo], object], str | None, str | None]] = {
    "a file moves to another component": (
        lambda repo: repo.git("mv", "api/first", "web/moved"),
        "1.0.1",
        "1.0.1",
    ),
    "a file is deleted": (lambda repo: repo.git("rm", "-q", "web/first"), None, "1.0.1"),
    "a file becomes a program": (lambda repo: (repo.path / "api/first").chmod(0o755), "1.0.1", None),
    "a file becomes a link": (_link, None, "1.0.1"),
    "nothing changes": (lambda repo: None, None, None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_kind_of_change_counts_for_the_component_of_the_file(mono: GitRepo, name: str) -> None:
    change, api, web = CHANGES[name]
    change(mono)
    mono.commit("fix: x")
    assert (following(mono, "api"), following(mono, "web")) == (api, web)


def test_commits_of_a_merged_branch_count_for_their_components(mono: GitRepo) -> None:
    mono.branch("topic")
    mono.commit("feat: x", {"api/a": "1"})
    mono.checkout("main")
    mono.commit("docs: x", {"README.md": "1"})
    mono.merge("topic", "Merge branch 'topic'")
    assert (following(mono, "api"), following(mono, "web")) == ("1.1.0", None)
    mono.git("revert", "--no-edit", "HEAD^2")
    assert (following(mono, "api"), following(mono, "web")) == (None, None)


class Branch(NamedTuple):
    """A Jenkins job for a branch. `primary`: BRANCH_IS_PRIMARY. `head`: what `origin/HEAD` names."""

    name: str
    primary: str
    head: str
    gets_latest: bool


BRANCHES = [
    Branch("master", "", "main", gets_latest=False),
    Branch("main", "", "main", gets_latest=True),
    Branch("main", "true", "", gets_latest=True),
    Branch("master", "true", "main", gets_latest=True),
    Branch("trunk", "", "trunk", gets_latest=True),
    Branch("feature/x", "", "main", gets_latest=False),
    Branch("main", "", "trunk", gets_latest=False),
    Branch("main", "", "", gets_latest=True),
]


@pytest.mark.parametrize(
    "row", BRANCHES, ids=lambda row: f"{row.name} {row.primary or '-'} {row.head or '-'}"
)
def test_only_the_default_branch_gets_latest_on_jenkins(git_repo: GitRepo, row: Branch) -> None:
    git_repo.commit("feat: one", {"shipmark.yml": "versions: none\nlatest: default-branch\n"})
    if row.head:
        git_repo.git("symbolic-ref", "refs/remotes/origin/HEAD", f"refs/remotes/origin/{row.head}")
    env = {"JENKINS_URL": "https://ci.example/", "BRANCH_NAME": row.name, "GIT_COMMIT": git_repo.head}
    env |= {"BRANCH_IS_PRIMARY": row.primary} if row.primary else {}
    decision = decided(git_repo, **env)
    assert ("latest" in {tag.name for tag in decision.tags}) == row.gets_latest


class Box(NamedTuple):
    """A release event. `moves`: the moving tags of the release."""

    action: str
    git_tag: str
    prerelease: bool | None
    moves: set[str]


BOXES = [
    Box("published", "v1.5.0", True, set()),
    Box("prereleased", "v1.5.0", True, set()),
    Box("edited", "v1.5.0", True, set()),
    Box("released", "v1.5.0", False, {"1.5", "1", "latest"}),
    Box("published", "v1.5.0-rc.1", True, set()),
    Box("published", "v1.5.0-rc.1", False, set()),
    Box("published", "v0.9.0", True, set()),
    Box("published", "v0.9.0", False, {"0.9"}),
    Box("published", "v1.5.0", None, {"1.5", "1", "latest"}),
]


@pytest.mark.parametrize("row", BOXES, ids=lambda row: f"{row.action} {row.git_tag} {row.prerelease}")
def test_the_moving_tags_of_a_github_release_event_follow_its_pre_release_box(
    git_repo: GitRepo, tmp_path: Path, row: Box
) -> None:
    git_repo.commit("feat: one")
    git_repo.tag("v1.4.2")
    git_repo.commit("feat: two")
    git_repo.tag(row.git_tag)
    event = tmp_path / "event.json"
    release = {"tag_name": row.git_tag, "draft": False, "prerelease": row.prerelease}
    event.write_text(json.dumps({"action": row.action, "release": release}))
    decision = decided(
        git_repo,
        GITHUB_ACTIONS="true",
        GITHUB_EVENT_NAME="release",
        GITHUB_REF=f"refs/tags/{row.git_tag}",
        GITHUB_SHA=git_repo.head,
        GITHUB_EVENT_PATH=str(event),
    )
    assert decision.version == row.git_tag.removeprefix("v")
    assert {tag.name for tag in decision.tags if isinstance(tag, shipmark.MovingTag)} == row.moves


def _stage(repo: GitRepo) -> None:
    repo.write({"b": "new"})
    repo.git("add", "b")


def _release_elsewhere(repo: GitRepo) -> None:
    repo.branch("release/2")
    repo.commit("feat: two")
    repo.tag("v2.0.0")
    repo.checkout("main")


def _merge_a_higher_release(repo: GitRepo) -> None:
    _release_elsewhere(repo)
    repo.merge("release/2")
    repo.tag("v1.5.0")
    repo.commit("fix: three", {"shipmark.yml": "base: nearest\n"})


#: What is done to a clean repository with v1.4.2 two commits before HEAD, and a part of the warning of `version`.
WARNINGS: dict[str, tuple[Callable[[GitRepo], object], str]] = {
    "nothing": (lambda repo: repo, ""),
    "a changed file": (lambda repo: repo.write({"a": "changed"}), "1 tracked file differs"),
    "a staged file": (_stage, "1 tracked file differs"),
    "an untracked file": (lambda repo: repo.write({"b": "new"}), ""),
    "a deleted file": (lambda repo: (repo.path / "a").unlink(), "1 tracked file differs"),
    "a tag that is no version": (lambda repo: repo.tag("release-7.0"), "release-7.0"),
    "a version on another branch": (
        _release_elsewhere,
        "is below 2.0.0, which was released from a commit that",
    ),
    "a higher release that is merged, behind the nearest one": (
        _merge_a_higher_release,
        "is below 2.0.0, which is released already: `base: nearest` counts from `v1.5.0`",
    ),
    "a prerelease after its release": (
        lambda repo: repo.tag("v1.4.2-rc.1"),
        "1.4.2-rc.1 is below 1.4.2, which is released already",
    ),
    "no version tag, and a remote": (
        lambda repo: (
            repo.git("tag", "--delete", "v1.4.2"),
            repo.git("remote", "add", "origin", "https://git.invalid/acme/app.git"),
        ),
        "no version tag",
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_version_warns_about_each_defect_of_the_clone(git_repo: GitRepo, name: str) -> None:
    git_repo.commit("feat: one", {"a": "1"})
    git_repo.tag("v1.4.2")
    git_repo.commit("fix: two")
    change, says = WARNINGS[name]
    change(git_repo)
    workspace = shipmark.open_workspace(str(git_repo.path), env=git_repo.env)
    report = shipmark.version(workspace, shipmark.VersionRequest())
    assert any(says in text for text in report.warnings) if says else report.warnings == ()
