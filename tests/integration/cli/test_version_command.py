"""`shipmark version` on real repositories."""

from __future__ import annotations

import json
import re
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


def test_version_prints_only_the_version_in_the_chosen_form(repo: GitRepo, shipmark: Shipmark) -> None:
    short = repo.head[:12]
    assert shipmark("version", cwd=repo.path).stdout == f"1.4.3-dev.1.g{short}\n"
    assert shipmark("version", "--format", "pep440", cwd=repo.path).stdout == f"1.4.3.dev1+g{short}\n"
    flags = shipmark("version", "--format", "ldflags", "--go-var", "main.v={{major}}", cwd=repo.path)
    assert flags.stdout == "-X main.v=1\n"
    assert shipmark("version", "--template", "{{base}}~{{distance}}", cwd=repo.path).stdout == "v1.4.2~1\n"


def test_json_of_version_has_base_distance_commit_and_channel(repo: GitRepo, shipmark: Shipmark) -> None:
    found = json.loads(shipmark("version", "--json", cwd=repo.path).stdout)
    assert next(iter(found)) == "schema"
    assert (found["schema"], found["base"], found["distance"]) == ("shipmark.version/1", "v1.4.2", 1)
    assert (found["commit"], found["branch"], found["channel"]) == (repo.head, "main", "branch")


def test_version_at_a_release_tag_has_that_tag_as_base_and_distance_0(
    repo: GitRepo, shipmark: Shipmark
) -> None:
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


def test_version_in_a_shallow_clone_without_a_tag_exits_3_with_the_setting_of_the_ci_system(
    repo: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    clone = repo.clone(tmp_path / "clone", "--depth=1")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": clone.head}
    done = shipmark("version", cwd=clone.path, env=env)
    assert (done.code, done.stdout) == (3, "")
    assert "fetch-depth: 0" in done.stderr


def test_deepen_fetches_the_missing_history_of_a_shallow_clone_also_for_a_command_that_reads_no_git(
    repo: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    clone = repo.clone(tmp_path / "clone", "--depth=1")
    assert shipmark("config", "check", "--deepen", cwd=clone.path).code == 0
    assert clone.git("rev-parse", "--is-shallow-repository") == "false"


class TestNext:
    @pytest.mark.parametrize(
        ("part", "expected"), [("patch", "1.4.3"), ("minor", "1.5.0"), ("major", "2.0.0"), ("auto", "1.5.0")]
    )
    def test_version_next_prints_the_next_version_and_makes_no_git_tag(
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

    def test_next_version_passes_over_one_that_exists_on_another_commit(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        repo.branch("old", "v1.4.2")
        repo.commit("feat: old")
        repo.git("tag", "v1.5.0", "main")
        done = shipmark("version", "--next", "auto", cwd=repo.path)
        assert (done.code, done.stdout) == (0, "1.6.0\n")
        assert "1.5.0 (git tag) is taken" in done.stderr
        assert "maintenance" not in done.stderr

    def test_next_version_does_not_tag_a_dirty_tree(self, repo: GitRepo, shipmark: Shipmark) -> None:
        repo.commit("fix: file", files={"a": "1"})
        repo.write({"a": "2"})
        done = shipmark("version", "--next", "auto", "--create", cwd=repo.path, env=PERSON)
        assert (done.code, repo.git("tag", "--list")) == (3, "v1.4.2")

    def test_version_next_in_a_shallow_clone_reads_the_history_of_its_remote(
        self, repo: GitRepo, shipmark: Shipmark, tmp_path: Path
    ) -> None:
        clone = repo.clone(tmp_path / "clone", "--depth=1")
        assert shipmark("version", "--next", "auto", cwd=clone.path).stdout == "1.5.0\n"
        assert clone.git("rev-parse", "--is-shallow-repository") == "true"
        assert shipmark("version", "--next", "auto", "--deepen", cwd=clone.path).stdout == "1.5.0\n"
        assert clone.git("rev-parse", "--is-shallow-repository") == "false"

    def test_version_next_in_a_shallow_clone_with_an_unreachable_remote_exits_3_with_the_ci_setting(
        self, repo: GitRepo, shipmark: Shipmark, tmp_path: Path
    ) -> None:
        clone = repo.clone(tmp_path / "clone", "--depth=1")
        clone.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
        env = {"GITLAB_CI": "true", "CI_COMMIT_SHA": clone.head, "CI_COMMIT_BRANCH": "main"}
        done = shipmark("version", "--next", "auto", cwd=clone.path, env=env)
        assert (done.code, done.stdout) == (3, "")
        assert "GIT_DEPTH" in done.stderr

    @pytest.mark.parametrize(
        "options",
        [
            ["--create"],
            ["--push"],
            ["--next", "patch", "--push"],
            ["--next", "patch", "--force-unpushed"],
            ["--json", "--format", "semver"],
            ["--format", "json", "--template", "x"],
            # The last error that can be seen: the next version cannot be written, so nothing may be tagged before.
            ["--next", "patch", "--create", "--format", "calver"],
        ],
    )
    def test_version_options_that_do_not_fit_together_are_usage_errors_and_leave_no_git_tag(
        self, repo: GitRepo, shipmark: Shipmark, options: list[str]
    ) -> None:
        assert shipmark("version", *options, cwd=repo.path, env=PERSON).code == 2
        assert repo.git("tag", "--list") == "v1.4.2"

    def test_version_next_creates_a_git_tag_with_the_prefix_and_without_a_v_as_earlier_tags(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        repo.git("tag", "api/1.0.0", "HEAD~1")
        repo.write({"shipmark.yml": "image: r.example/api\nprefix: api/\n"})
        done = shipmark("version", "--next", "patch", "--create", cwd=repo.path, env=PERSON)
        assert (done.code, done.stdout) == (0, "1.0.1\n"), done.stderr
        assert repo.git("tag", "--list", "api/*").splitlines() == ["api/1.0.0", "api/1.0.1"]


class TestNextByRules:
    def test_version_next_names_in_note_and_json_the_commits_that_raise_the_version(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        broken = repo.commit("fix!: gone\n\nbody")
        done = shipmark("version", "--next", "auto", "--json", cwd=repo.path)
        found = json.loads(done.stdout)
        assert found["reason"] == f"major: `fix!: gone` ({broken[:12]})"
        assert f"note: 2.0.0 is due: major: `fix!: gone` ({broken[:12]})" in done.stderr
        assert "reason" not in json.loads(shipmark("version", "--json", cwd=repo.path).stdout)

    def test_config_bump_sets_which_version_part_a_commit_type_raises(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        repo.git("tag", "--delete", "v1.4.2")
        repo.tag("v0.5.0")
        repo.commit("docs: a")
        repo.write({"shipmark.yml": "image: r.example/x\nbump: {types: {Docs: patch}}\n"})
        assert shipmark("version", "--next", "auto", cwd=repo.path).stdout == "0.5.1\n"
        repo.commit("feat!: b")
        assert shipmark("version", "--next", "auto", cwd=repo.path).stdout == "0.6.0\n"
        repo.write({"shipmark.yml": "image: r.example/x\nbump: {major_on_zero: true}\n"})
        assert shipmark("version", "--next", "auto", cwd=repo.path).stdout == "1.0.0\n"

    def test_version_next_prerelease_counts_up_in_each_channel(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        def following(*options: str) -> str:
            done = shipmark("version", "--next", "prerelease", *options, cwd=repo.path)
            assert done.code == 0, done.stderr
            return done.stdout.strip()

        assert following("--channel", "rc") == "1.5.0-rc.1"
        repo.tag("v1.5.0-rc.1")
        repo.commit("fix: a")
        assert following("--channel", "rc") == "1.5.0-rc.2"
        assert following() == "1.5.0-rc.2"
        repo.tag("v1.5.0-rc.2")
        repo.commit("fix: b")
        done = shipmark("version", "--next", "prerelease", "--channel", "beta", cwd=repo.path)
        assert done.stdout == "1.5.0-beta.1\n"
        assert "1.5.0-beta.1 sorts below 1.5.0-rc.2" in done.stderr
        assert shipmark("version", "--next", "auto", cwd=repo.path).stdout == "1.5.0\n"
        repo.commit("feat!: c")
        assert following() == "2.0.0-rc.1"
        assert shipmark("version", "--next", "prerelease", "--channel", "1", cwd=repo.path).code == 2
        assert shipmark("version", "--next", "auto", "--channel", "rc", cwd=repo.path).code == 2

    def test_version_next_of_a_calver_project_has_the_date_and_the_next_number(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        repo.write({"shipmark.yml": "image: r.example/x\nversions: calver\nbump: {calver: YYYY.0M.MICRO}\n"})
        first = shipmark("version", "--next", "auto", "--create", cwd=repo.path, env=PERSON)
        assert re.fullmatch(r"20[0-9]{2}\.(0[1-9]|1[0-2])\.0\n", first.stdout), first.stderr
        nothing = shipmark("version", "--next", "auto", cwd=repo.path)
        assert (nothing.code, nothing.stdout) == (0, "")
        second = shipmark("version", "--next", "patch", cwd=repo.path)
        assert second.stdout.strip().rpartition(".")[2] in {"1", "0"}  # 0 where the month has just ended
        assert shipmark("version", "--next", "major", cwd=repo.path).code == 2

    def test_only_commits_in_its_paths_raise_the_version_of_a_component(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        config = (
            "components:\n  api: {image: r.example/api, prefix: api/, paths: [api/**], depends: [lib]}\n"
            "  web: {image: r.example/web, prefix: web/, paths: [web/**]}\n"
            "  lib: {image: r.example/lib, prefix: lib/, paths: [lib/**]}\n"
        )
        repo.commit("start", {"shipmark.yml": config, "api/x": "1", "web/x": "1", "lib/x": "1"})
        for name in ("api", "web", "lib"):
            repo.tag(f"{name}/v1.0.0")

        def following(name: str) -> str:
            return shipmark("version", "--component", name, "--next", "auto", cwd=repo.path).stdout.strip()

        repo.commit("feat(web)!: only web", {"web/x": "2"})
        assert [following(name) for name in ("api", "web", "lib")] == ["", "2.0.0", ""]
        repo.commit("feat(lib)!: only lib", {"lib/x": "2"})
        assert [following(name) for name in ("api", "web", "lib")] == ["1.0.1", "2.0.0", "2.0.0"]
        repo.commit("feat: api", {"api/x": "2", "other": "1"})
        assert [following(name) for name in ("api", "web", "lib")] == ["1.1.0", "2.0.0", "2.0.0"]
