"""`preview` uses the remote's tags in clones that lack git tags, and refuses a tag that was moved on the remote."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs.command import Result, Shipmark
from tests.support.releases.git import GitRepo


@pytest.fixture
def origin(git_repo: GitRepo) -> GitRepo:
    """Give a repository with the git tag v1.4.2 at HEAD, and v2.0.0 on another commit."""
    git_repo.write({"Dockerfile": "FROM scratch\nCOPY a /a\n", "a": "a"})
    git_repo.commit()
    git_repo.branch("two")
    git_repo.commit()
    git_repo.tag("v2.0.0")
    git_repo.checkout("main")
    git_repo.commit()
    git_repo.tag("v1.4.2")
    return git_repo


def preview(shipmark: Shipmark, clone: GitRepo, **env: str) -> Result:
    return shipmark("preview", "--json", "--image", "oci:dist/image", cwd=clone.path, env=env)


def names(result: Result) -> tuple[list[str], list[str]]:
    decision = result.json["releases"][0]["decision"]
    return [tag["name"] for tag in decision["tags"]], [tag["name"] for tag in decision["withheld"]]


@pytest.mark.parametrize("options", [["--depth=1"], ["--no-tags"], ["--depth=1", "--no-tags"]])
def test_preview_finds_release_and_higher_versions_by_the_remotes_tags(
    origin: GitRepo, shipmark: Shipmark, tmp_path: Path, options: list[str]
) -> None:
    result = preview(shipmark, origin.clone(tmp_path / "clone", *options))
    assert result.code == 0, result.stderr
    assert names(result) == (["1.4.2", f"sha-{origin.head[:12]}", "1.4", "1"], ["latest"])


@pytest.mark.parametrize("options", [[], ["--depth=1"], ["--no-tags"], ["--depth=1", "--no-tags"]])
def test_preview_of_a_commit_after_a_release_counts_from_the_remotes_tags(
    origin: GitRepo, shipmark: Shipmark, tmp_path: Path, options: list[str]
) -> None:
    origin.commit()
    clone = origin.clone(tmp_path / "clone", *options)
    result = preview(shipmark, clone)
    assert result.code == 0, result.stderr
    decision = result.json["releases"][0]["decision"]
    assert decision["version"] == f"1.4.3-dev.1.g{clone.head[:12]}"
    assert decision["known_from"]["git"] == "complete"
    assert names(result)[0] == [f"sha-{clone.head[:12]}", "main"]


@pytest.mark.parametrize("annotated", [True, False])
def test_version_tags_of_the_remote_that_name_no_commit_withhold_nothing_in_a_clone_without_them(
    origin: GitRepo, shipmark: Shipmark, tmp_path: Path, annotated: bool
) -> None:
    """As `actions/checkout` clones for a git tag: one commit, one tag."""
    origin.git("tag", "--delete", "v2.0.0")
    clone = GitRepo(tmp_path / "clone", home=tmp_path / "home")
    clone.git("remote", "add", "origin", f"file://{origin.path}")
    clone.git("fetch", "--quiet", "--depth=1", "--no-tags", "origin", "+refs/tags/v1.4.2:refs/tags/v1.4.2")
    clone.checkout("v1.4.2")
    for name, target in (("v2.1.0", "HEAD^{tree}"), ("v2.2.0", "HEAD:a"), ("v3.0.0", "HEAD^{tree}")):
        origin.tag(name, target, annotated=annotated)
    result = preview(shipmark, clone)
    assert result.code == 0, result.stderr
    assert names(result)[0][-1] == "latest"
    told = [line for line in result.stderr.splitlines() if "and is no release" in line]
    assert [line.split("`")[1] for line in told] == ["v3.0.0", "v2.2.0", "v2.1.0"]
    # A version that is released later than it is tagged counts.
    origin.tag("v2.3.0", "two", annotated=annotated)
    assert names(preview(shipmark, clone)) == (["1.4.2", f"sha-{clone.head[:12]}", "1.4", "1"], ["latest"])


def test_preview_for_a_git_tag_that_was_moved_on_the_remote_is_refused(
    origin: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    clone = origin.clone(tmp_path / "clone")
    origin.commit()
    origin.git("tag", "--force", "v1.4.2", "HEAD")
    clone.checkout("v1.4.2")
    env = {"JENKINS_URL": "https://ci.example/", "TAG_NAME": "v1.4.2", "GIT_COMMIT": clone.head}
    result = preview(shipmark, clone, **env)
    assert result.code == 3
    assert "git fetch --force origin tag v1.4.2" in result.stderr


def test_preview_names_a_tag_of_the_clone_alone_that_withholds_latest(
    origin: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    clone = origin.clone(tmp_path / "clone")
    said = "git tag `v2.0.0` is in this clone, and not on the remote `origin`: `git tag -d v2.0.0`"
    assert said not in preview(shipmark, clone).stderr
    origin.git("tag", "--delete", "v2.0.0")
    result = preview(shipmark, clone)
    assert names(result)[1] == ["latest"]
    assert said in result.stderr
    clone.git("tag", "--delete", "v2.0.0")
    assert names(preview(shipmark, clone))[1] == []


def test_preview_without_a_remote_decides_by_the_clones_own_tags(origin: GitRepo, shipmark: Shipmark) -> None:
    result = preview(shipmark, origin)
    assert names(result) == (["1.4.2", f"sha-{origin.head[:12]}", "1.4", "1"], ["latest"])
