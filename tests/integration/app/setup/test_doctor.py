"""`doctor` finds each thing that it checks when that thing is broken for real, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from release.app.setup.doctor.checks.table import CHECKS
from release.app.setup.doctor.doctor import DoctorRequest, doctor
from release.app.setup.doctor.report import DoctorReport, Finding
from release.app.workspace import open_workspace
from release.limits import CI_FILES
from tests.support.pages import text_of
from tests.support.programs.command import Shipmark
from tests.support.registries.faults import FaultProxy, Header, Rule
from tests.support.registries.hostile import HostileServer, Reply, Request
from tests.support.registries.registry import RegistryFactory, RegistryServer
from tests.support.releases.git import GitRepo
from tests.support.releases.git_http import served
from tests.support.releases.project import FILES, Project
from tests.support.services.required import program

LAYERS = {"builder": "layers", "args": {"VERSION": "1"}}


def examined(repo: GitRepo, env: Mapping[str, str] | None = None, **request: Any) -> DoctorReport:
    workspace = open_workspace(str(repo.path), env={**repo.env, **(env or {})})
    inputs = {"": ("command", "images", "config")}
    return doctor(workspace, DoctorRequest(action_inputs=inputs, **request))


def of(report: DoctorReport, check: str, state: str | None = None) -> list[Finding]:
    return [one for one in report.findings if one.check == check and state in (None, one.state)]


def only(report: DoctorReport, check: str, state: str) -> Finding:
    (found,) = of(report, check, state)
    return found


def configured(repo: GitRepo, *, version: str | None = "v1.4.2", **settings: Any) -> GitRepo:
    config = {"image": "oci:dist/app", "build": LAYERS, **settings}
    repo.commit(files={**FILES, "shipmark.yml": json.dumps(config)})
    if version is not None:
        repo.tag(version)
    return repo


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if ".git/" not in f"{path}/"}


class TestNothingWrong:
    def test_healthy_project_has_no_problem_and_no_warning(self, project: Project) -> None:
        before = files_below(project.repo.path)
        report = examined(project.repo)
        assert (report.exit_code, report.problems, report.warnings) == (0, 0, 0)
        assert (
            only(report, "push", "ok").seen
            == f"{project.image}: may push; the repository is empty or not made yet"
        )
        assert only(report, "build", "ok").seen == "app: `layers` builds `Dockerfile` in `.`"
        assert only(report, "clock", "ok").seen == f"{project.image}: the clocks agree"
        assert files_below(project.repo.path) == before

    def test_probes_leave_nothing_in_the_registry(self, project: Project) -> None:
        project.must("run")
        tags = project.tags
        seen = len(project.registry.access_log())
        report = examined(project.repo)
        assert only(report, "delete", "ok").seen == f"{project.image}: may delete"
        asked = [
            (one.method, one.status)
            for one in project.registry.access_log()[seen:]
            if "/v2/acme/" in one.path
        ]
        assert [one for one in asked if one[0] not in {"HEAD", "GET"}] == [
            ("POST", 202),
            ("DELETE", 204),  # the upload that was begun
            ("DELETE", 404),  # a digest that does not exist
        ]
        assert project.tags == tags

    def test_every_check_has_a_finding_and_a_row_in_the_documentation(self, project: Project) -> None:
        names = [check.name for check in CHECKS]
        assert (
            list(dict.fromkeys(one.check for one in examined(project.repo, offline=True).findings)) == names
        )
        assert re.findall(r"^\| `([a-z-]+)` \|", text_of("docs/doctor.md"), re.MULTILINE) == names

    def test_offline_run_opens_no_connection(self, project: Project) -> None:
        report = examined(project.repo, offline=True)
        for check in ("registry", "push", "delete", "rate-limit", "clock", "build"):
            assert only(report, check, "not checked").seen == "`--offline`"
        assert project.registry.access_log() == []


class TestClone:
    def test_shallow_clone_is_a_warning_with_the_line_for_the_ci_system(
        self, git_repo: GitRepo, tmp_path: Path
    ) -> None:
        configured(git_repo).commit("more")
        clone = git_repo.clone(tmp_path / "clone", "--depth=1")
        report = examined(
            clone, {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": clone.head}
        )
        assert only(report, "history", "warning").fix == 'set `variables: {GIT_DEPTH: "0"}` on the job'

    def test_version_tags_that_only_the_remote_has_are_named(self, git_repo: GitRepo, tmp_path: Path) -> None:
        clone = configured(git_repo).clone(tmp_path / "clone", "--no-tags")
        found = only(examined(clone), "git-tags", "warning")
        assert found.seen == "the clone lacks 1 of the remote's version tags: `v1.4.2`"
        assert found.fix == "run `git fetch --tags --force`"
        assert (
            only(examined(clone, offline=True), "git-tags", "warning").seen == "the clone has no version tag"
        )

    @pytest.mark.parametrize(
        ("version", "state", "code"),
        [("2.20.1", "problem", 3), ("2.30.2", "warning", 0), ("2.39.5", "ok", 0)],
    )
    def test_old_git_is_told(
        self, git_repo: GitRepo, tmp_path: Path, version: str, state: str, code: int
    ) -> None:
        configured(git_repo)
        script = tmp_path / "bin" / "git"
        script.parent.mkdir()
        real = program("git")
        script.write_text(
            "#!/bin/sh\n"
            f'for word; do [ "$word" = --version ] && echo "git version {version}" && exit 0; done\n'
            f'exec {real} "$@"\n'
        )
        script.chmod(0o755)
        report = examined(git_repo, {"PATH": f"{script.parent}{os.pathsep}{git_repo.env['PATH']}"})
        assert (only(report, "git", state).state, report.exit_code) == (state, code)

    def test_folder_without_a_repository_is_a_problem_with_the_exit_code_of_git(self, tmp_path: Path) -> None:
        workspace = open_workspace(str(tmp_path), env={"PATH": os.environ["PATH"]})
        report = doctor(workspace, DoctorRequest(offline=True))
        assert only(report, "history", "problem").seen.startswith("there is no git repository at")
        assert report.exit_code == 3


class TestConfig:
    def test_config_error_is_a_problem_and_what_needs_the_config_is_not_checked(
        self, git_repo: GitRepo
    ) -> None:
        git_repo.commit(files={"shipmark.yml": "imagee: x\n"})
        report = examined(git_repo)
        assert only(report, "config", "problem").seen == "shipmark.yml:1:1: unknown key `imagee`"
        assert only(report, "config", "problem").fix == "did you mean `image`?"
        assert report.exit_code == 2
        for check in ("build", "log", "push", "credentials"):
            assert only(report, check, "not checked").seen == "the configuration cannot be read"

    def test_two_config_files_with_one_image_are_a_problem_unless_their_tags_differ(
        self, git_repo: GitRepo
    ) -> None:
        configured(git_repo, image="ghcr.io/acme/app")
        git_repo.commit(files={"tools/shipmark.yml": "components:\n  tool: {image: ghcr.io/acme/app}\n"})
        report = examined(git_repo, offline=True)
        found = only(report, "images", "problem")
        assert found.seen == "`ghcr.io/acme/app` is also released by shipmark.yml:1"
        assert (found.place, report.exit_code) == ("tools/shipmark.yml:2", 6)
        git_repo.commit(files={"tools/shipmark.yml": "image: ghcr.io/acme/app\nflavor: suffix=-tools\n"})
        assert only(examined(git_repo, offline=True), "images", "warning").place == "tools/shipmark.yml:1"

    def test_dockerfile_that_no_builder_at_hand_can_build_is_a_problem(self, git_repo: GitRepo) -> None:
        configured(git_repo, build={"builder": "layers", "platforms": ["linux/amd64"]})
        git_repo.commit(files={"Dockerfile": "FROM scratch\nRUN true\n"})
        report = examined(git_repo)
        found = only(report, "build", "problem")
        assert "Dockerfile:2" in found.seen
        assert found.fix is not None
        assert report.exit_code == 4


WORKFLOW = """\
name: release
on:
  push:
    tags: ["v*"]
jobs:
  release:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - uses: acme/shipmark@v0.1.0
        with:
          command: run
          image: ghcr.io/acme/app
          tags-file: x
"""
FIXED = (
    WORKFLOW.replace(
        "checkout@v7\n", "checkout@v7\n        with: {fetch-depth: 0, persist-credentials: false}\n"
    )
    .replace("image: ", "images: ")
    .replace("          tags-file: x\n", "")
)
RELEASES = FIXED.replace('  push:\n    tags: ["v*"]\n', "  release:\n    types: [published]\n")
TEKTON = """\
apiVersion: tekton.dev/v1
kind: PipelineRun
spec:
  pipelineSpec:
    tasks:
      - name: release
        taskRef: {name: shipmark}
        params:
          - {name: revision, value: "{{ revision }}"}
"""


class TestCiFiles:
    def test_each_fault_of_a_workflow_is_found_with_its_line(self, git_repo: GitRepo) -> None:
        configured(git_repo)
        git_repo.commit(
            files={
                ".github/workflows/release.yml": WORKFLOW,
                ".github/workflows/published.yaml": RELEASES,
                ".github/workflows/broken.yml": "on: [push\n",
                ".tekton/release.yaml": TEKTON,
            }
        )
        report = examined(git_repo, offline=True)
        file = ".github/workflows/release.yml"
        assert [(one.place, one.seen, one.fix) for one in of(report, "inputs", "problem")] == [
            (f"{file}:13", "the action has no input `image`, so the step fails", "write `images`"),
            (
                f"{file}:14",
                "the action has no input `tags-file`, so the step fails",
                "inputs are command, config, images",
            ),
        ]
        assert only(report, "history", "warning").place == f"{file}:9"
        assert only(report, "credentials", "warning").place == f"{file}:9"
        assert only(report, "events", "warning").place == f"{file}:4"
        assert str(only(report, "log", "warning").fix).startswith("put `log: {store: git}`")
        assert ".github/workflows/broken.yml" in only(report, "ci-files", "not checked").seen
        assert only(report, "tekton", "warning").seen == "the task shipmark gets no param `ref`, `event`"
        assert only(report, "tekton", "warning").place == ".tekton/release.yaml:6"
        assert report.exit_code == 2

    def test_workflows_of_forgejo_are_read_too_and_files_above_the_limit_are_told(
        self, git_repo: GitRepo
    ) -> None:
        many = {f".gitea/workflows/{number:03}.yml": "on: push\n" for number in range(CI_FILES + 2)}
        configured(git_repo).commit(files={".forgejo/workflows/release.yml": WORKFLOW, **many})
        report = examined(git_repo, offline=True)
        assert of(report, "inputs", "problem")[0].place == ".forgejo/workflows/release.yml:13"
        told = only(report, "ci-files", "not checked").seen
        assert told == "`.gitea/workflows`: 2 of its files are above the limit of 200"

    def test_fixed_workflow_has_no_finding(self, git_repo: GitRepo) -> None:
        cached = FIXED + "      - uses: actions/cache@v5\n        with: {path: .shipmark, key: log}\n"
        configured(git_repo).commit(files={".github/workflows/release.yml": cached})
        report = examined(git_repo, offline=True)
        assert (report.problems, report.warnings) == (0, 0), report.findings

    def test_git_log_needs_the_credential_of_the_checkout(self, git_repo: GitRepo) -> None:
        configured(git_repo, log={"store": "git"}).commit(files={".github/workflows/release.yml": FIXED})
        report = examined(git_repo, offline=True)
        found = only(report, "credentials", "problem")
        assert found.place == ".github/workflows/release.yml:9"
        assert "SHIPMARK_LOG_TOKEN" in str(found.fix)
        assert (
            of(examined(git_repo, {"SHIPMARK_LOG_TOKEN": "t"}, offline=True), "credentials", "problem") == []
        )
        token = "env: {SHIPMARK_LOG_TOKEN: '${{ github.token }}'}\n"
        for mended in (
            FIXED + f"        {token}",  # of the step
            FIXED.replace("    steps:\n", f"    {token}    steps:\n"),  # of the job
            token + FIXED,
            FIXED.replace("command: run", "command: preview"),  # only reads the log
        ):
            git_repo.write({".github/workflows/release.yml": mended})
            assert of(examined(git_repo, offline=True), "credentials", "problem") == [], mended

    def test_credential_left_in_the_clone_is_a_warning_where_nothing_needs_it(
        self, git_repo: GitRepo
    ) -> None:
        configured(git_repo).git(
            "config", "http.https://github.com/.extraheader", "AUTHORIZATION: basic dDpz"
        )
        job = {"JENKINS_URL": "https://ci.example.org/", "BRANCH_NAME": "main"}
        report = examined(git_repo, job, offline=True)
        assert only(report, "credentials", "warning").fix is not None
        assert "dDpz" not in repr(report)

    @pytest.mark.parametrize(
        ("event", "seen"),
        [
            ("deploy", "`deploy` is no event that shipmark knows"),
            ("{{ event_type }}", "`SHIPMARK_EVENT` is `{{ event_type }}`, which nothing replaced"),
            ("", "`SHIPMARK_EVENT` is not set"),
        ],
    )
    def test_trigger_that_tells_tekton_nothing_useful_is_a_warning(
        self, git_repo: GitRepo, event: str, seen: str
    ) -> None:
        configured(git_repo)
        told = {"SHIPMARK_CI": "tekton", "SHIPMARK_REF": "refs/heads/main", "SHIPMARK_SHA": git_repo.head}
        report = examined(git_repo, {**told, "SHIPMARK_EVENT": event}, offline=True)
        assert only(report, "tekton", "warning").seen == seen
        assert (
            of(examined(git_repo, {**told, "SHIPMARK_EVENT": "push"}, offline=True), "tekton", "warning")
            == []
        )

    def test_agent_in_a_container_loses_the_cache_unless_a_folder_is_named(self, git_repo: GitRepo) -> None:
        configured(git_repo)
        job = {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "main", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
        found = only(examined(git_repo, {**job, "SHIPMARK_CACHE_DIR": ""}, offline=True), "cache", "warning")
        assert "cache: {key: shipmark, paths: [.shipmark/cache]}" in str(found.fix)
        assert of(examined(git_repo, job, offline=True), "cache", "warning") == []


class TestLog:
    @pytest.mark.parametrize("offline", [True, False])
    def test_sql_log_without_a_url_is_a_problem(self, git_repo: GitRepo, offline: bool) -> None:
        configured(git_repo, log={"store": "sql"})
        report = examined(git_repo, offline=offline)
        assert only(report, "log", "problem").seen == "`log.store: sql` needs a database"
        assert report.exit_code == 2
        variable = {"SHIPMARK_LOG_URL": "postgresql://db.example/log"}
        assert of(examined(git_repo, variable, offline=True), "log", "problem") == []

    def test_git_log_that_may_not_be_pushed_to_is_a_problem(self, git_repo: GitRepo, tmp_path: Path) -> None:
        configured(git_repo, log={"store": "git"}).clone(tmp_path / "served" / "app.git", "--bare")
        with served(tmp_path / "served", git_repo.env) as base:
            git_repo.git("remote", "add", "origin", f"{base}/app.git")
            found = only(examined(git_repo), "log", "problem")
        assert found.seen.startswith("version log `refs/shipmark/log at origin` cannot be written")
        assert found.fix is not None

    def test_log_file_of_a_job_is_lost_unless_git_tracks_it(self, git_repo: GitRepo) -> None:
        configured(git_repo, log={"path": "releases.jsonl"})
        job = {
            "JENKINS_URL": "https://ci.example.org/",
            "BRANCH_NAME": "main",
            "JOB_NAME": "x",
            "BUILD_ID": "1",
        }
        assert only(examined(git_repo, job, offline=True), "log", "warning").seen == (
            "`releases.jsonl` goes with the job's workspace"
        )
        git_repo.commit(files={"releases.jsonl": ""})
        assert of(examined(git_repo, job, offline=True), "log", "warning") == []


class TestRegistry:
    def test_registry_that_deletes_nothing_is_a_warning(
        self, make_repo: Callable[[str], GitRepo], shipmark: Shipmark, registry_factory: RegistryFactory
    ) -> None:
        project = Project(make_repo("repo"), shipmark, registry_factory(delete=False))
        project.configure()
        project.release_commit("v1.0.0", files=FILES)
        project.must("run")
        report = examined(project.repo)
        found = only(report, "delete", "warning")
        assert found.seen.startswith(f"{project.image}: `{project.registry.host}` deletes nothing (405")
        assert report.exit_code == 0

    def test_credential_that_is_missing_is_a_problem_of_pushing(
        self, git_repo: GitRepo, registry_factory: RegistryFactory
    ) -> None:
        registry = registry_factory(auth="basic")
        configured(git_repo, image=f"{registry.host}/acme/app")
        report = examined(git_repo)
        found = only(report, "push", "problem")
        assert "requires a user name and password" in found.seen
        assert found.fix is not None
        assert report.exit_code == 5

    def test_registry_that_does_not_answer_is_one_problem(self, git_repo: GitRepo) -> None:
        configured(git_repo, image="registry.invalid/acme/app")
        report = examined(git_repo)
        assert len(of(report, "registry", "problem")) == 1
        assert (
            only(report, "push", "not checked").seen
            == "registry.invalid/acme/app: the registry did not answer"
        )
        assert report.exit_code == 5

    @pytest.mark.parametrize(
        ("date", "state", "seen"),
        [
            ("Mon, 01 Jan 2001 00:00:00 GMT", "problem", " s ahead"),
            ("Tue, 01 Jan 2126 00:00:00 GMT", "problem", " s behind"),
            ("yesterday", "not checked", "the answer has no date"),
        ],
    )
    def test_clock_is_compared_with_the_registry(
        self,
        git_repo: GitRepo,
        registry_server: RegistryServer,
        fault_proxy: Callable[..., FaultProxy],
        date: str,
        state: str,
        seen: str,
    ) -> None:
        proxy = fault_proxy(registry_server.host, Rule("HEAD", "manifests", Header("Date", date), times=9))
        configured(git_repo, image=f"{proxy.host}/acme/app")
        assert seen in only(examined(git_repo), "clock", state).seen

    @pytest.mark.parametrize(("left", "state"), [("9;w=21600", "warning"), ("76;w=21600", "ok")])
    def test_pulls_that_are_left_are_shown(
        self, git_repo: GitRepo, hostile: Callable[..., HostileServer], left: str, state: str
    ) -> None:
        def answer(_: Request) -> Reply:
            return Reply(404, {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": left})

        server = hostile(answer)
        configured(git_repo, image=f"{server.host}/acme/app")
        found = only(examined(git_repo), "rate-limit", state)
        assert found.seen == f"{server.host}/acme/app: {left.partition(';')[0]} of 100 pulls left in 21600 s"


class TestUntrusted:
    def test_run_for_a_fork_asks_nothing_that_the_workspace_names(
        self, project: Project, tmp_path: Path
    ) -> None:
        event = tmp_path / "event.json"
        head = {"sha": project.repo.head, "ref": "x", "repo": {"full_name": "mallory/app"}}
        event.write_text(
            json.dumps({"number": 7, "pull_request": {"number": 7, "head": head, "base": {"ref": "main"}}})
        )
        fork = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_SHA": project.repo.head,
        }
        project.repo.git("remote", "add", "origin", "https://registry.invalid/app.git")
        report = examined(project.repo, fork)
        for check in ("registry", "push", "delete", "rate-limit", "clock", "build", "log", "credentials"):
            assert only(report, check, "not checked").seen.startswith("this run is not trusted: ")
        assert project.registry.access_log() == []


class TestCommand:
    def test_command_prints_a_table_and_exits_with_the_code_of_the_first_problem(
        self, shipmark: Shipmark, git_repo: GitRepo
    ) -> None:
        configured(git_repo, build={"builder": "layers"}).commit(
            files={"Dockerfile": "FROM scratch\nRUN x\n"}
        )
        done = shipmark("doctor", cwd=git_repo.path)
        assert (done.code, done.stderr) == (4, "")
        lines = done.stdout.splitlines()
        assert lines[0].startswith("ok       git          git version")
        (row,) = [
            number for number, line in enumerate(lines) if line.startswith("problem  build        app: ")
        ]
        assert lines[row + 1].startswith("  fix: ")
        assert re.fullmatch(r"1 problem, \d+ not checked, \d+ ok\.", lines[-1])

    def test_json_is_one_document_and_github_gets_a_table_but_no_outputs(
        self, shipmark: Shipmark, git_repo: GitRepo, tmp_path: Path
    ) -> None:
        configured(git_repo)
        env = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_SHA": git_repo.head,
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        }
        done = shipmark("doctor", "--json", "--offline", cwd=git_repo.path, env=env)
        assert done.code == 0, done.stderr
        assert next(iter(done.json)) == "schema"
        assert done.json["schema"] == "shipmark.doctor/1"
        assert {"check", "state", "seen", "fix", "place"} == set(done.json["findings"][0])
        assert "| state | check | seen | fix |" in (tmp_path / "summary").read_text()
        assert not (tmp_path / "output").exists()
