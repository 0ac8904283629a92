"""Several components in one repository: what a branch, a request and a git tag build of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.command import Result, Shipmark
from tests.support.programs.composite import read_outputs
from tests.support.releases.git import GitRepo

CONFIG = """
build: {builder: layers}
components:
  api: {image: 'oci:dist/api', prefix: api/, paths: [api/**], depends: [lib], build: {builder: layers, context: api}}
  lib: {image: 'oci:dist/lib', prefix: lib/, paths: [lib/**], build: {builder: layers, context: lib}}
  web: {image: 'oci:dist/web', prefix: web/, paths: [web/**, '!web/docs/**'], build: {builder: layers, context: web}}
"""
NAMES = ("api", "lib", "web")


class Monorepo:
    def __init__(self, repo: GitRepo, shipmark: Shipmark) -> None:
        self.repo, self._shipmark = repo, shipmark
        files = {f"{name}/{file}": text for name in NAMES for file, text in self.files(name).items()}
        repo.commit("feat: start", {"shipmark.yml": CONFIG, ".gitignore": "dist/\n", **files})

    @staticmethod
    def files(name: str) -> dict[str, str]:
        return {"Dockerfile": "FROM scratch\nCOPY x /x\n", "x": f"{name}\n"}

    def change(self, *paths: str, message: str = "change") -> str:
        count = self.repo.git("rev-list", "--count", "HEAD")
        return self.repo.commit(message, {path: f"{path} {count}\n" for path in paths})

    def __call__(self, *args: str, **env: str) -> Result:
        return self._shipmark(*args, cwd=self.repo.path, env=env)

    def run(self, *args: str, **env: str) -> dict[str, Any]:
        done = self("run", "--json", *args, **env)
        assert done.code == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags in a component's OCI layout and their digests."""
        path = self.repo.path / "dist" / name / "index.json"
        rows = json.loads(path.read_text())["manifests"] if path.exists() else []
        key = "org.opencontainers.image.ref.name"
        return {row["annotations"][key]: row["digest"] for row in rows if key in row.get("annotations", {})}

    def all_tags(self) -> dict[str, dict[str, str]]:
        return {name: self.tags(name) for name in NAMES}


@pytest.fixture
def mono(git_repo: GitRepo, shipmark: Shipmark) -> Monorepo:
    return Monorepo(git_repo, shipmark)


def released(report: dict[str, Any]) -> list[str]:
    return [one["component"] for one in report["releases"]]


def test_a_branch_run_builds_the_components_that_changed_and_reports_the_unchanged_ones(
    mono: Monorepo,
) -> None:
    first = mono.run()
    assert (released(first), "unchanged" in first) == (list(NAMES), False)
    before = mono.all_tags()
    start = mono.repo.head
    mono.change("web/x")
    second = mono.run()
    assert released(second) == ["web"]
    assert second["unchanged"] == [
        {
            "component": name,
            "reason": f"none of its files changed since `{start[:12]}`",
            "tag": "main",
            "digest": before[name]["main"],
            "since": start,
        }
        for name in ("api", "lib")
    ]
    assert {name: mono.tags(name) for name in ("api", "lib")} == {
        name: before[name] for name in ("api", "lib")
    }
    assert set(mono.tags("web")) == {"main", f"sha-{start[:12]}", f"sha-{mono.repo.head[:12]}"}
    # The branch's tag of `api` still holds the first commit: everything that changed since then counts.
    mono.change("lib/x")
    mono.change("README.md")
    third = mono("run")
    assert third.code == 0
    built = second["releases"][0]["decision"]["commit"]
    assert (
        f"note: component `web` is not built: none of its files changed since `{built[:12]}`" in third.stderr
    )
    assert mono.tags("api")["main"] != before["api"]["main"]
    assert mono.tags("lib")["main"] != before["lib"]["main"]
    again = mono.run()  # built from this commit already: nothing to do, and nothing that is called unchanged
    assert (released(again), [one["component"] for one in again["unchanged"]]) == (["api", "lib"], ["web"])


def test_changes_outside_of_all_paths_build_no_component_and_a_change_of_the_config_builds_all(
    mono: Monorepo,
) -> None:
    mono.run()
    mono.change("README.md", "web/docs/page.md")
    assert released(mono.run()) == []
    mono.repo.commit("chore: config", {"shipmark.yml": CONFIG + "# changed\n"})
    report = mono("preview", "--json")
    assert released(json.loads(report.stdout)) == list(NAMES)


def test_a_component_without_paths_is_always_built(mono: Monorepo) -> None:
    mono.repo.commit("chore: config", {"shipmark.yml": CONFIG.replace("paths: [lib/**], ", "")})
    mono.run()
    mono.change("README.md")
    assert released(mono.run()) == ["api", "lib"]  # a dependency without paths owns every file


def test_a_component_whose_image_is_of_an_unknown_commit_is_built_again(mono: Monorepo) -> None:
    mono.run()
    gone = mono.change("web/x")
    mono.run()
    mono.repo.git("reset", "--quiet", "--hard", "HEAD~1")
    mono.change("README.md")
    mono.repo.git("reflog", "expire", "--expire=now", "--all")
    mono.repo.git("gc", "--quiet", "--prune=now")
    assert mono.repo.git("cat-file", "-t", gone, check=False) == ""
    report = json.loads(mono("preview", "--json").stdout)
    assert released(report) == ["web"]


def test_a_git_tag_releases_its_component_alone(mono: Monorepo) -> None:
    mono.run()
    before = mono.all_tags()
    mono.change("api/x", "web/x", "lib/x")
    mono.repo.tag("api/v1.0.1")
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/tags/api/v1.0.1",
        "GITHUB_SHA": mono.repo.head,
        "GITHUB_REPOSITORY": "acme/app",
    }
    shown = mono("preview", **env)
    assert shown.stdout.count("withheld  git tag `api/v1.0.1` does not belong to this component") == 2
    assert released(mono.run(**env)) == ["api"]
    assert set(mono.tags("api")) - set(before["api"]) == {
        "1.0.1", "1.0", "1", "latest", f"sha-{mono.repo.head[:12]}",
    }  # fmt: skip
    assert mono.tags("api")["main"] == before["api"]["main"]
    assert {name: mono.tags(name) for name in ("lib", "web")} == {
        name: before[name] for name in ("lib", "web")
    }
    other = mono.run("--component", "web", **env)
    assert (released(other), mono.tags("web")) == ([], before["web"])


def test_option_release_with_a_components_git_tag_releases_that_component_alone(mono: Monorepo) -> None:
    mono.repo.tag("api/v1.0.1")
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": mono.repo.head,
        "GITHUB_REPOSITORY": "acme/app",
    }
    assert released(mono.run("--release", "api/v1.0.1", **env)) == ["api"]
    assert mono("run", "--release", "none/v1.0.1", **env).code == 3


@pytest.mark.parametrize("name", ["api/v1.0.1", "1.0.1", "v1.0.1", None], ids=str)
def test_a_rebuild_concerns_the_component_that_the_git_tag_releases(mono: Monorepo, name: str | None) -> None:
    mono.run()
    mono.repo.tag("api/v1.0.1")
    assert released(mono.run()) == ["api"]
    before = mono.all_tags()
    report = mono.run("--rebuild", *([name] if name else []))
    assert released(report) == ["api"]
    assert mono.tags("api").keys() - before["api"].keys() == {"1.0.1_r1"}
    assert {one: mono.tags(one) for one in ("lib", "web")} == {one: before[one] for one in ("lib", "web")}


def test_a_rebuild_in_a_scheduled_run_concerns_the_component_that_it_names(mono: Monorepo) -> None:
    mono.run()
    mono.repo.tag("api/v1.0.1")
    mono.run()
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": mono.repo.head,
        "GITHUB_REPOSITORY": "acme/app",
    }
    before = mono.all_tags()
    assert released(mono.run("--rebuild", "api/v1.0.1", **env)) == ["api"]
    assert "1.0.1_r1" in mono.tags("api")
    assert mono.tags("web") == before["web"]
    other = mono("run", "--rebuild", "web/v1.0.1", **env)
    assert (other.code, "does not name the release" in other.stderr) == (3, True)


def test_a_git_tag_at_head_releases_its_component_alone_without_ci(mono: Monorepo) -> None:
    mono.repo.tag("web/v2.0.0")
    assert released(mono.run()) == ["web"]
    assert mono.all_tags()["api"] == {}


def request_of(mono: Monorepo) -> dict[str, str]:
    """Return the variables of a merge request from `topic` to `main`."""
    return {
        "GITLAB_CI": "true",
        "CI_COMMIT_SHA": mono.repo.head,
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
    }


def test_a_pull_request_builds_the_components_that_it_changed(mono: Monorepo) -> None:
    mono.repo.write({"shipmark.yml": "pull_requests: true\n" + CONFIG})
    mono.repo.commit("chore: config")
    mono.repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    mono.repo.branch("topic")
    mono.change("web/x")
    mono.change("README.md")
    report = mono.run(**request_of(mono))
    assert released(report) == ["web"]
    assert [one["component"] for one in report["unchanged"]] == ["api", "lib"]


def test_a_request_names_the_images_of_components_that_it_did_not_change(mono: Monorepo) -> None:
    mono.repo.write({"shipmark.yml": "pull_requests: true\n" + CONFIG})
    mono.repo.commit("chore: config")
    mono.run()
    mono.repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    mono.repo.branch("topic")
    mono.change("web/x")
    held = [(name, "main", mono.tags(name)["main"]) for name in ("api", "lib")]
    report = mono.run(**request_of(mono))
    assert [(one["component"], one["tag"], one["digest"]) for one in report["unchanged"]] == held
    matrix = json.loads(mono("preview", "--changed", "--json", **request_of(mono)).stdout)
    assert [(one["component"], "main", one["digest"]) for one in matrix["unchanged"]] == held
    # `main` goes on in `lib`: its image is no longer what the request would build.
    mono.repo.checkout("main")
    mono.change("lib/x")
    mono.run()
    mono.repo.checkout("topic")
    mono.change("web/x")
    report = mono.run(**request_of(mono))
    assert [(one["component"], one["digest"]) for one in report["unchanged"]] == [
        ("api", None),
        ("lib", None),
    ]


class TestFailures:
    def test_a_component_that_cannot_be_built_stops_only_what_depends_on_it(self, mono: Monorepo) -> None:
        (mono.repo.path / "lib/Dockerfile").unlink()
        mono.repo.commit("fix: no Dockerfile")
        done = mono("run", "--json")
        report = json.loads(done.stdout)
        assert done.code == 4, done.stderr
        assert [(one["component"], one["exit_code"]) for one in report["failed"]] == [("lib", 4)]
        assert "component `api` is not released: `lib`, which it depends on, failed" in done.stderr
        assert (set(mono.tags("web")) >= {"main"}, mono.tags("api"), mono.tags("lib")) == (True, {}, {})
        mono.repo.git("revert", "--no-edit", "HEAD")
        assert released(mono.run()) == ["api", "lib"]

    def test_a_component_whose_image_check_fails_stops_only_the_components_that_depend_on_it(
        self, mono: Monorepo
    ) -> None:
        check = "checks: [{name: smoke, run: ['false']}], "
        mono.repo.commit(
            "test: smoke", {"shipmark.yml": CONFIG.replace("prefix: lib/, ", f"prefix: lib/, {check}")}
        )
        done = mono("run", "--json")
        report = json.loads(done.stdout)
        assert done.code == 4, done.stderr
        assert [one["component"] for one in report["failed"]] == ["lib"]
        assert {one["help"] for one in (report["error"], *report["failed"])} == {
            "docs/errors.md#check-failed"
        }
        assert (set(mono.tags("web")) >= {"main"}, mono.tags("api"), mono.tags("lib")) == (True, {}, {})
        skipped = [step for one in report["releases"] for step in one["steps"] if step["state"] == "skipped"]
        assert any("`lib`, which `api` depends on, failed" in step["reason"] for step in skipped)
        log = [json.loads(line) for line in (mono.repo.path / ".shipmark/log.jsonl").read_text().splitlines()]
        ended = {one["release"] for one in log if one["kind"] == "released"}
        failed = {one["release"] for one in log if one["kind"] == "failed"}
        assert (len(ended), len(failed), ended & failed) == (1, 2, set())

    def test_the_exit_code_is_that_of_the_first_failed_component_in_the_order_of_the_config(
        self, mono: Monorepo
    ) -> None:
        mono.run()
        index = mono.repo.path / "dist/web/index.json"
        mono.change("web/x", "api/x", "lib/x")
        (mono.repo.path / "api/Dockerfile").write_text("FROM nowhere.invalid/x\nRUN true\n")
        mono.repo.commit("fix: api")
        content = json.loads(index.read_text())
        wrong = dict(
            content["manifests"][0],
            annotations={"org.opencontainers.image.ref.name": f"sha-{mono.repo.head[:12]}"},
        )
        index.write_text(json.dumps({**content, "manifests": [*content["manifests"], wrong]}))
        done = mono("run", "--json")
        report = json.loads(done.stdout)
        assert [(one["component"], one["exit_code"]) for one in report["failed"]] == [("api", 4), ("web", 6)]
        assert (done.code, set(mono.tags("lib")) >= {f"sha-{mono.repo.head[:12]}"}) == (4, True)


class TestMatrix:
    def matrix(self, mono: Monorepo, **env: str) -> dict[str, Any]:
        done = mono("preview", "--changed", "--json", **env)
        assert done.code == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def test_the_job_matrix_has_the_components_that_changed(self, mono: Monorepo, tmp_path: Path) -> None:
        mono.repo.write(
            {
                "shipmark.yml": CONFIG.replace(
                    "context: api", "context: api, platforms: [linux/arm64, linux/amd64]"
                )
            }
        )
        mono.repo.commit("chore: platforms")
        first = self.matrix(mono)
        assert [one["component"] for one in first["include"]] == list(NAMES)
        assert first["include"][0] == {
            "component": "api",
            "platforms": ["linux/arm64", "linux/amd64"],
            "platform": "linux/arm64",
            "os": "linux",
            "arch": "arm64",
            "runner": "ubuntu-24.04-arm",
            "reason": "no image of it exists yet",
        }
        assert first["include"][1]["runner"] == "ubuntu-latest"
        mono.run("--component", "lib")
        mono.run("--component", "web")
        mono.change("web/x")
        found = self.matrix(mono)
        assert (found["schema"], found["commit"]) == ("shipmark.matrix/1", mono.repo.head)
        assert [(one["component"], one["reason"]) for one in found["include"]] == [
            ("api", "no image of it exists yet"),
            ("web", f"`web/x` changed since `{mono.repo.git('rev-parse', 'HEAD~1')[:12]}`"),
        ]
        assert [(one["component"], one["digest"]) for one in found["unchanged"]] == [
            ("lib", mono.tags("lib")["main"])
        ]
        text = mono("preview", "--changed").stdout.splitlines()
        assert [line.split()[:2] for line in text] == [["+", "api"], ["+", "web"], ["=", "lib"]]
        mono.repo.git("config", "uploadpack.allowFilter", "true")
        for kind in ("--depth=1", "--filter=tree:0"):  # the trees to compare with are fetched into the cache
            clone = mono.repo.clone(tmp_path / kind, kind)
            shutil.copytree(mono.repo.path / "dist", clone.path / "dist")
            objects = clone.git("count-objects", "-v")
            done = mono._shipmark("preview", "--changed", "--json", cwd=clone.path)
            assert (json.loads(done.stdout), clone.git("count-objects", "-v")) == (found, objects)

    def test_the_job_matrix_from_a_shallow_clone_names_the_line_that_fetches_history(
        self, mono: Monorepo, tmp_path: Path
    ) -> None:
        mono.repo.branch("topic")
        mono.change("web/x")
        clone = mono.repo.clone(tmp_path / "clone", "--depth=1")
        env = {**request_of(mono)}
        done = mono._shipmark("preview", "--changed", "--json", cwd=clone.path, env=env)
        assert [one["component"] for one in json.loads(done.stdout)["include"]] == ["web"]
        clone.git("remote", "set-url", "origin", "file:///nowhere")
        done = mono._shipmark("preview", "--changed", "--json", cwd=clone.path, env=env)
        rows = json.loads(done.stdout)["include"]
        assert {one["reason"] for one in rows} == {"the commit where the request began is not known here"}
        assert "warning: this clone is shallow" in done.stderr
        assert 'GIT_DEPTH: "0"' in done.stderr
        clone.git("remote", "set-url", "origin", f"file://{mono.repo.path}")
        told = {**env, "CI_MERGE_REQUEST_DIFF_BASE_SHA": mono.repo.git("rev-parse", "HEAD~1")}
        done = mono._shipmark("preview", "--changed", "--json", cwd=clone.path, env=told)
        assert [one["component"] for one in json.loads(done.stdout)["include"]] == ["web"]

    def test_the_job_matrix_of_a_merge_commit_in_a_shallow_clone_has_what_the_request_changed(
        self, mono: Monorepo, tmp_path: Path
    ) -> None:
        """The clone that actions/checkout makes: git's log shows no parents of its only commit."""
        mono.repo.branch("topic")
        mono.change("web/x")
        mono.repo.git("checkout", "--quiet", "main")
        mono.change("lib/x")
        mono.repo.git("merge", "--quiet", "--no-ff", "topic")
        clone = mono.repo.clone(tmp_path / "clone", "--depth=1")
        done = mono._shipmark("preview", "--changed", "--json", cwd=clone.path, env=request_of(mono))
        assert [one["component"] for one in json.loads(done.stdout)["include"]] == ["web"]

    @pytest.mark.parametrize(
        "args",
        [
            ("-o", "plan.json"),
            ("--offline",),
            ("--result-file", "result.env"),
            ("--release", "v1.0.0"),
            ("--version", "1.2.0", "--reason", "x"),
            ("--rebuild",),
            ("--allow-backward",),
            ("--from", "oci:x"),
        ],
        ids=lambda args: args[0],
    )
    def test_preview_changed_refuses_each_option_of_a_release(
        self, mono: Monorepo, args: tuple[str, ...]
    ) -> None:
        done = mono("preview", "--changed", *args)
        name = {"-o": "--output"}.get(args[0], args[0])
        assert (done.code, done.stdout) == (2, "")
        assert f"error: `--changed` does not go with `{name}`" in done.stderr
        assert "hint: " in done.stderr
        assert not (mono.repo.path / "plan.json").exists()

    def test_the_job_matrix_of_a_git_tag_has_its_component_alone(self, mono: Monorepo) -> None:
        mono.repo.tag("lib/v1.0.0")
        env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/tags/lib/v1.0.0", "GITHUB_SHA": mono.repo.head}
        assert [one["component"] for one in self.matrix(mono, **env)["include"]] == ["lib"]


def test_outputs_of_several_components_are_one_object(mono: Monorepo, tmp_path: Path) -> None:
    def given(*args: str, **env: str) -> dict[str, str]:
        path = tmp_path / "output"
        path.unlink(missing_ok=True)
        mono.run(*args, GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(path), GITHUB_SHA=mono.repo.head, **env)
        return read_outputs(path.read_text())

    branch = {"GITHUB_REF": "refs/heads/main"}
    several = given(**branch)
    sha = f"sha-{mono.repo.head[:12]}"
    assert json.loads(several["components"]).keys() == set(NAMES)
    assert json.loads(several["components"])["api"] == {
        "version": json.loads(several["json"])["releases"][0]["decision"]["version"],
        "channel": "branch",
        "tags": [f"oci:dist/api:{sha}", "oci:dist/api:main"],
        "tag-names": [sha, "main"],
        "primary-tag": sha,
        "digest": mono.tags("api")["main"],
    }
    empty = ("version", "channel", "tags", "tag-names", "primary-tag", "digest")
    assert ({several[name] for name in empty}, several["pushed"]) == ({""}, "true")
    # Only one of them changed: which outputs have a value must not depend on that.
    mono.change("web/x")
    one = given(**branch)
    assert json.loads(one["components"]).keys() == {"web"}
    assert {one[name] for name in empty} == {""}
    mono.change("web/x")
    named = given("--component", "web", **branch)
    assert named["digest"] == json.loads(named["components"])["web"]["digest"] == mono.tags("web")["main"]
    mono.repo.tag("api/v1.2.0")
    tagged = given(GITHUB_REF="refs/tags/api/v1.2.0")
    assert (tagged["version"], tagged["digest"]) == ("1.2.0", mono.tags("api")["1.2.0"])


def test_tags_of_several_components_are_outputs_of_a_step_too(mono: Monorepo, tmp_path: Path) -> None:
    path = tmp_path / "output"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(path), "GITHUB_SHA": mono.repo.head}
    done = mono("tags", "--component", "web", "--component", "api", GITHUB_REF="refs/heads/main", **env)
    found = read_outputs(path.read_text())
    assert (done.code, found["version"], json.loads(found["components"]).keys()) == (0, "", {"api", "web"})
    assert json.loads(found["json"])["schema"] == "shipmark.decisions/1"


def test_tags_of_several_components_are_printed_in_the_order_of_the_config(mono: Monorepo) -> None:
    chosen = ("--component", "web", "--component", "api")
    sha = f"sha-{mono.repo.head[:12]}"
    done = mono("tags", *chosen)
    assert done.stdout.split() == [
        f"oci:dist/{name}:{tag}" for name in ("api", "web") for tag in (sha, "main")
    ]
    found = json.loads(mono("tags", "--json", *chosen).stdout)
    assert (found["schema"], [one["component"] for one in found["decisions"]]) == (
        "shipmark.decisions/1",
        ["api", "web"],
    )
    assert mono("tags", "--component", "web", "--component", "none").code == 2
    assert mono("tags", "--format", "env", *chosen).code == 2
    assert mono("tags", "--result-file", "outputs.env", *chosen).code == 2
    assert released(mono.run(*chosen)) == ["api", "web"]
