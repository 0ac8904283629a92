"""`shipmark version` on real repositories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

PERSON = {
    "GIT_AUTHOR_NAME": "Ada Tester",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Tester",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """Give a repository with the git tag v1.4.2, and one commit with a feature after it."""
    git_repo.commit()
    git_repo.tag("v1.4.2")
    git_repo.commit("feat: more")
    return git_repo


def test_version_prints_nothing_but_the_form(repo: GitRepo, shipmark: Shipmark) -> None:
    short = repo.head[:12]
    assert shipmark("version", cwd=repo.path).stdout == f"1.4.3-dev.1.g{short}\n"
    assert shipmark("version", "--format", "pep440", cwd=repo.path).stdout == f"1.4.3.dev1+g{short}\n"
    flags = shipmark("version", "--format", "ldflags", "--go-var", "main.v={{major}}", cwd=repo.path)
    assert flags.stdout == "-X main.v=1\n"
    assert shipmark("version", "--template", "{{base}}~{{distance}}", cwd=repo.path).stdout == "v1.4.2~1\n"


def test_the_document_says_where_the_version_comes_from(repo: GitRepo, shipmark: Shipmark) -> None:
    found = json.loads(shipmark("version", "--json", cwd=repo.path).stdout)
    assert next(iter(found)) == "schema"
    assert (found["schema"], found["base"], found["distance"]) == ("shipmark.version/1", "v1.4.2", 1)
    assert (found["commit"], found["branch"], found["channel"]) == (repo.head, "main", "branch")


def test_a_release_is_its_own_base(repo: GitRepo, shipmark: Shipmark) -> None:
    repo.tag("v1.5.0")
    found = json.loads(shipmark("version", "--json", cwd=repo.path).stdout)
    assert (found["version"], found["git_tag"], found["base"], found["distance"]) == (
        "1.5.0",
        "v1.5.0",
        "v1.5.0",
        0,
    )


def test_version_that_a_form_cannot_express_exits_2(repo: GitRepo, shipmark: Shipmark) -> None:
    repo.tag("v1.5.0-4")
    done = shipmark("version", "--format", "pep440", cwd=repo.path)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: `1.5.0-4` is not a PEP 440 version")


def test_a_shallow_clone_without_a_tag_exits_3_with_the_line_that_helps(
    repo: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    clone = repo.clone(tmp_path / "clone", "--depth=1")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": clone.head}
    done = shipmark("version", cwd=clone.path, env=env)
    assert (done.code, done.stdout) == (3, "")
    assert "fetch-depth: 0" in done.stderr


def test_deepening_fetches_what_the_version_needs(repo: GitRepo, shipmark: Shipmark, tmp_path: Path) -> None:
    clone = repo.clone(tmp_path / "clone", "--depth=1")
    done = shipmark("version", "--deepen", cwd=clone.path)
    assert (done.code, done.stdout) == (0, f"1.4.3-dev.1.g{clone.head[:12]}\n")


class TestNext:
    @pytest.mark.parametrize(
        ("part", "expected"), [("patch", "1.4.3"), ("minor", "1.5.0"), ("major", "2.0.0"), ("auto", "1.5.0")]
    )
    def test_the_next_version_is_printed(
        self, repo: GitRepo, shipmark: Shipmark, part: str, expected: str
    ) -> None:
        assert shipmark("version", "--next", part, cwd=repo.path).stdout == f"{expected}\n"
        assert repo.git("tag", "--list") == "v1.4.2"

    def test_next_version_without_a_releasable_commit_is_no_error(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        repo.tag("v1.5.0")
        done = shipmark("version", "--next", "auto", cwd=repo.path)
        assert (done.code, done.stdout) == (0, "")
        assert "no commit since `v1.5.0` asks for a release" in done.stderr

    def test_next_version_creates_and_pushes_the_git_tag(
        self, repo: GitRepo, shipmark: Shipmark, tmp_path: Path
    ) -> None:
        clone = repo.clone(tmp_path / "clone")
        done = shipmark("version", "--next", "auto", "--create", "--push", cwd=clone.path, env=PERSON)
        assert (done.code, done.stdout) == (0, "1.5.0\n"), done.stderr
        assert repo.git("cat-file", "-t", "v1.5.0") == "tag"
        assert repo.git("rev-parse", "v1.5.0^{commit}") == clone.head
        again = shipmark("version", "--next", "patch", "--create", cwd=clone.path, env=PERSON)
        assert (again.code, again.stdout) == (6, "")
        assert "released as `v1.5.0` already" in again.stderr

    def test_next_version_that_exists_on_another_commit_is_refused(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        repo.branch("old", "v1.4.2")
        repo.commit("feat: old")
        repo.git("tag", "v1.5.0", "main")
        done = shipmark("version", "--next", "auto", cwd=repo.path)
        assert (done.code, done.stdout) == (6, "")
        assert "git tag `v1.5.0` exists" in done.stderr

    def test_next_version_does_not_tag_a_dirty_tree(self, repo: GitRepo, shipmark: Shipmark) -> None:
        repo.commit("fix: file", files={"a": "1"})
        repo.write({"a": "2"})
        done = shipmark("version", "--next", "auto", "--create", cwd=repo.path, env=PERSON)
        assert (done.code, repo.git("tag", "--list")) == (3, "v1.4.2")

    def test_a_shallow_clone_gets_the_line_that_helps(
        self, repo: GitRepo, shipmark: Shipmark, tmp_path: Path
    ) -> None:
        clone = repo.clone(tmp_path / "clone", "--depth=1")
        env = {"GITLAB_CI": "true", "CI_COMMIT_SHA": clone.head, "CI_COMMIT_BRANCH": "main"}
        done = shipmark("version", "--next", "auto", cwd=clone.path, env=env)
        assert (done.code, done.stdout) == (3, "")
        assert "GIT_DEPTH" in done.stderr
        assert shipmark("version", "--next", "auto", "--deepen", cwd=clone.path).stdout == "1.5.0\n"

    @pytest.mark.parametrize("options", [["--create"], ["--push"], ["--next", "patch", "--push"]])
    def test_create_or_push_without_its_option_is_a_usage_error(
        self, repo: GitRepo, shipmark: Shipmark, options: list[str]
    ) -> None:
        assert shipmark("version", *options, cwd=repo.path).code == 2

    def test_a_component_keeps_its_prefix_and_its_style(self, repo: GitRepo, shipmark: Shipmark) -> None:
        repo.git("tag", "api/1.0.0", "HEAD~1")
        repo.write({"shipmark.yml": "image: r.example/api\nprefix: api/\n"})
        done = shipmark("version", "--next", "patch", "--create", cwd=repo.path, env=PERSON)
        assert (done.code, done.stdout) == (0, "1.0.1\n"), done.stderr
        assert repo.git("tag", "--list", "api/*").splitlines() == ["api/1.0.0", "api/1.0.1"]
