"""Executes the Tekton Task and the GitLab template, and checks the examples for the other CI systems."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci.outputs import RESULT_NAMES
from ci.systems import detect
from tests.support.programs.environment import scrubbed
from tests.support.programs.tekton import Tekton, substituted
from tests.support.programs.wheel import ROOT, Installed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo

pytestmark = pytest.mark.xdist_group("wheel")

EXAMPLES = sorted((ROOT / "ci" / "examples").glob("*.yml"))
DOCKERFILE = "FROM scratch\nCOPY hello /hello\n"


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    return tmp_path / "taken"


@pytest.fixture
def workspace(git_repo: GitRepo, taken: Path) -> GitRepo:
    """Give a commit with the git tag v1.4.2 and Python packages that write the file `taken` when they are imported."""
    code = f"open({str(taken)!r}, 'a').write(__name__)\n"
    hostile = {f"{name}/__init__.py": code for name in ("release", "ci", "click")}
    git_repo.commit("one", {**hostile, "Dockerfile": DOCKERFILE, "hello": "hello\n"})
    git_repo.tag("v1.4.2")
    return git_repo


def fake_venv(folder: Path) -> Path:
    """Make an environment whose `python` notes its arguments in `argv`."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" >"{folder}/argv"\n')
    python.chmod(0o755)
    return folder


def cloned(place: Path, home: Path, params: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run the step of the Tekton Pipeline that clones, in the workspace `place`."""
    pipeline = yaml.safe_load((ROOT / "ci" / "tekton" / "pipeline.yaml").read_text(encoding="utf-8"))
    (step,) = pipeline["spec"]["tasks"][0]["taskSpec"]["steps"]
    assert "$(params" not in step["script"]
    names = {f"params.{name}": str(params.get(name, "")) for name in ("repository", "revision", "ref")}
    env = {one["name"]: substituted(one["value"], names) for one in step["env"]}
    place.mkdir(exist_ok=True)
    return subprocess.run(
        ["sh", "-c", step["script"]],
        cwd=place,
        env={**scrubbed(home), **env},
        capture_output=True,
        text=True,
        check=False,
    )


class TestTekton:
    def test_release_fills_the_results_of_the_tekton_task(
        self,
        workspace: GitRepo,
        installed: Installed,
        tmp_path: Path,
        taken: Path,
        registry_server: RegistryServer,
    ) -> None:
        tekton = Tekton(workspace.path, tmp_path / "tekton", installed.folder)
        image = f"{registry_server.host}/acme/app"
        release: dict[str, str | list[str]] = {
            "image": image,
            "ref": "refs/tags/v1.4.2",
            "revision": workspace.head,
        }
        assert tekton.run({"command": "preview", **release}).returncode == 0
        assert not (tekton.results / "IMAGE_DIGEST").exists()
        done = tekton.run({"command": "run", **release})
        assert (done.returncode, taken.exists()) == (0, False), done.stderr
        assert (tekton.result("version"), tekton.result("primary-tag")) == ("1.4.2", "1.4.2")
        assert tekton.result("digest") == tekton.result("IMAGE_DIGEST")
        assert tekton.result("digest").startswith("sha256:")
        assert tekton.result("IMAGE_URL").startswith(f"{image}:")
        assert sum(len(path.read_bytes()) for path in tekton.results.iterdir()) < 2048
        # As `ci/tekton/change.yaml` says; the Pipeline gives the image to each command.
        args = [f"--to={registry_server.host}/acme/production", "--reason=r", "--", f"{image}:1.4.2"]
        done = tekton.run({**release, "command": "promote", "args": args})
        assert done.returncode == 0, done.stderr
        assert registry_server.tags("acme/production")["latest"] == tekton.result("digest")

    def test_chains_gets_no_hint_about_an_image_in_a_layout(
        self, workspace: GitRepo, installed: Installed, tmp_path: Path
    ) -> None:
        tekton = Tekton(workspace.path, tmp_path / "tekton", installed.folder)
        args = [f"--image=oci:{tmp_path / 'image'}"]
        ref = {"ref": "refs/tags/v1.4.2", "revision": workspace.head}
        done = tekton.run({"command": "run", "args": args, **ref})
        assert (done.returncode, (tekton.results / "IMAGE_URL").exists()) == (0, False), done.stderr
        assert tekton.result("digest").startswith("sha256:")

    def test_change_by_hand_takes_a_version_back_as_printed(
        self, workspace: GitRepo, installed: Installed, tmp_path: Path, registry_server: RegistryServer
    ) -> None:
        image = f"{registry_server.host}/acme/app"
        for tag in ("v1.4.1", "v1.4.2"):
            workspace.commit(tag, {"hello": tag})
            workspace.git("tag", "--force", tag)
            task = Tekton(workspace.path, tmp_path / tag, installed.folder)
            ref: dict[str, str | list[str]] = {"ref": f"refs/tags/{tag}", "revision": workspace.head}
            assert task.run({"command": "run", "image": image, **ref}).returncode == 0
        change = yaml.safe_load((ROOT / "ci" / "tekton" / "change.yaml").read_text(encoding="utf-8"))
        params = {one["name"]: one["value"] for one in change["spec"]["params"]}
        params |= {"image": image, "repository": str(workspace.path)}
        place = tmp_path / "place"
        done = cloned(place, tmp_path, params)
        assert done.returncode == 0, done.stderr
        back = Tekton(place, tmp_path / "back", installed.folder)
        own = {one["name"] for one in back.spec["params"]}
        done = back.run({name: value for name, value in params.items() if name in own})
        assert done.returncode == 0, done.stderr
        tags = registry_server.tags("acme/app")
        assert (tags["latest"], back.result("digest")) == (tags["1.4.1"], tags["1.4.1"])

    def test_clone_in_a_workspace_that_is_used_again_has_what_its_repository_has_now(
        self, workspace: GitRepo, make_repo: Callable[[str], GitRepo], tmp_path: Path
    ) -> None:
        place = tmp_path / "place"

        def clone(revision: str, repo: GitRepo) -> str:
            done = cloned(place, tmp_path, {"repository": str(repo.path), "revision": revision})
            assert done.returncode == 0, done.stderr
            git = ["git", "-C", str(place), "rev-parse", "HEAD"]
            return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()

        def tags() -> list[str]:
            git = ["git", "-C", str(place), "tag"]
            return subprocess.run(git, capture_output=True, text=True, check=True).stdout.split()

        first = workspace.head
        workspace.tag("v2.0.0")
        assert {clone(one, workspace) for one in (first, "main", "refs/heads/main", "v1.4.2")} == {first}
        assert tags() == ["v1.4.2", "v2.0.0"]
        workspace.git("tag", "--delete", "v2.0.0")
        second = workspace.commit("two", {"hello": "two"})
        assert (clone("main", workspace), tags()) == (second, ["v1.4.2"])
        other = make_repo("other")
        other.commit("other", {"x": ""})
        assert (clone("main", other), tags()) == (other.head, [])
        done = cloned(place, tmp_path, {"repository": str(other.path), "revision": "--force"})
        assert (done.returncode, done.stderr) == (1, f"error: {other.path} has no revision --force\n")

    def test_pipeline_clones_all_history_and_hands_every_fact_to_the_task(
        self, workspace: GitRepo, tmp_path: Path
    ) -> None:
        pipeline = yaml.safe_load((ROOT / "ci" / "tekton" / "pipeline.yaml").read_text(encoding="utf-8"))
        clone, ours = pipeline["spec"]["tasks"]
        place = tmp_path / "place"
        done = cloned(place, tmp_path, {"repository": str(workspace.path), "revision": workspace.head})
        assert done.returncode == 0, done.stderr
        git = ["git", "-C", str(place), "describe", "--exact-match", "--tags"]
        assert subprocess.run(git, capture_output=True, text=True, check=True).stdout == "v1.4.2\n"
        task = Tekton(tmp_path, tmp_path / "tekton", tmp_path)
        assert {one["name"] for one in ours["params"]} == {one["name"] for one in task.spec["params"]}
        declared = {one["name"] for one in pipeline["spec"]["params"]}
        used = set(re.findall(r"\$\(params\.([\w-]+)", str(ours["params"]) + str(clone["params"])))
        assert used == declared

    def test_hostile_params_of_the_tekton_task_are_passed_as_arguments_and_run_no_command(
        self, workspace: GitRepo, tmp_path: Path
    ) -> None:
        bait = tmp_path / "bait"
        text = f"$(touch {bait}); `touch {bait}`"
        venv = fake_venv(tmp_path / "venv")
        tekton = Tekton(workspace.path, tmp_path / "tekton", venv)
        names = [param["name"] for param in tekton.spec["params"] if param.get("type") != "array"]
        tekton.run({**dict.fromkeys(names, text), "args": [text, "--x=a b"]})
        argv = (venv / "argv").read_text().split("\0")[:-1]
        assert argv[2:] == [text, f"--result-file={tekton.state}/result.env", text, "--x=a b"]
        assert not bait.exists()

    def test_tekton_params_set_the_variables_that_detection_reads(self, tmp_path: Path) -> None:
        tekton = Tekton(tmp_path, tmp_path / "tekton", tmp_path)
        (step,) = (step for step in tekton.spec["steps"] if "command" in step)
        params = {
            "ref": "refs/pull/12/head",
            "pull-request": "12",
            "source-branch": "x",
            "target-branch": "main",
        }
        params |= {
            "revision": "a" * 40,
            "pull-request-head": "b" * 40,
            "from-fork": "true",
            "event": "pull_request",
        }
        params |= {
            "image": "r/a",
            "default-branch": "main",
            "repository-url": "https://git.test/a/b",
            "actor": "ana",
        }
        names = {f"params.{name}": value for name, value in params.items()}
        names |= {"context.taskRun.uid": "u", "context.taskRun.name": "n", "workspaces.source.path": "/w"}
        env = {
            one["name"]: substituted(one["value"], {"workspaces.dockerconfig.path": "", **names})
            for one in step["env"]
        }
        found = detect(env, None)
        assert found.system == "tekton"
        request = found.pull_request
        assert request is not None
        assert (request.number, request.head_sha, request.source_branch) == (12, "b" * 40, "x")
        assert (request.target_branch, request.fork, found.run.id) == ("main", True, "u")
        assert {line.variable for line in found.concluded} >= {
            name
            for name in env
            if name.startswith("SHIPMARK_") and name not in ("SHIPMARK_REF", "SHIPMARK_IMAGE")
        }

    def test_tekton_task_runs_without_root_and_without_capabilities(self, tmp_path: Path) -> None:
        tekton = Tekton(tmp_path, tmp_path / "tekton", tmp_path)
        context = tekton.spec["stepTemplate"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert tekton.task["apiVersion"] == "tekton.dev/v1"


def holds(rule: str, env: Mapping[str, str]) -> bool:
    """Whether a condition of GitLab's `rules:if` holds, which has `==`, `!=`, `=~`, `&&` and `||` only."""

    def value(text: str) -> str:
        text = text.strip()
        return env.get(text[1:], "") if text.startswith("$") else text.strip('"')

    def term(text: str) -> bool:
        if "=~" in text:
            left, _, pattern = text.partition("=~")
            return re.search(pattern.strip().strip("/"), value(left)) is not None
        for sign in ("==", "!="):
            if sign in text:
                left, _, right = text.partition(sign)
                return (value(left) == value(right)) == (sign == "==")
        return value(text) != ""

    return any(all(term(part) for part in clause.split("&&")) for clause in rule.split("||"))


class Gitlab:
    """The GitLab template, with inputs inserted as GitLab does: as text, before the YAML is parsed."""

    def __init__(self, inputs: Mapping[str, str]) -> None:
        text = (ROOT / "ci" / "gitlab" / "shipmark.yml").read_text(encoding="utf-8")
        head, body = text.split("\n---\n")
        self.inputs = yaml.safe_load(head)["spec"]["inputs"]
        defaults = {
            name: "false" if (one := (spec or {}).get("default", "")) is False else str(one)
            for name, spec in self.inputs.items()
        }
        given = defaults | dict(inputs)
        body = re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda match: given[match[1]], body)
        self.jobs: dict[str, dict[str, Any]] = {}
        parsed = yaml.safe_load(body)
        for name, job in parsed.items():
            base = parsed.get(job.get("extends"), {})
            variables = {**base.get("variables", {}), **job.get("variables", {})}
            self.jobs[name.rpartition("-")[2]] = {**base, **job, "variables": variables}

    def chosen(self, **env: str) -> list[str]:
        """Return the jobs that a pipeline with these variables has."""
        found = []
        for name, job in self.jobs.items():
            rules = job.get("rules", [])
            hit = next((rule for rule in rules if holds(rule["if"], {**job["variables"], **env})), None)
            if hit is not None and hit.get("when") != "never":
                found.append(name)
        return found

    def run(
        self, workspace: Path, home: Path, *, job: str | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script of a job, or of the only one that the rules choose, in one shell, as GitLab's runner does."""
        name = job
        if name is None:
            (name,) = self.chosen(**env)
        chosen = self.jobs[name]
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(chosen["script"])],
            cwd=workspace,
            env={**scrubbed(home), "PYTHONPATH": ".", "GITLAB_CI": "true", **chosen["variables"], **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


_BRANCH = {"CI_PIPELINE_SOURCE": "push", "CI_DEFAULT_BRANCH": "main"}
_MERGE = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_DEFAULT_BRANCH": "main",
    "CI_MERGE_REQUEST_IID": "12",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "x",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    "CI_MERGE_REQUEST_PROJECT_ID": "1",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
}
_FORK = {**_MERGE, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2"}


class TestGitlab:
    @pytest.mark.parametrize(
        ("env", "jobs"),
        [
            ({**_BRANCH, "CI_COMMIT_TAG": "v1.4.2"}, ["release"]),
            ({**_BRANCH, "CI_COMMIT_BRANCH": "main"}, []),
            ({**_BRANCH, "CI_COMMIT_BRANCH": "feature"}, ["preview"]),
            (_MERGE, ["preview"]),
            (_FORK, ["preview"]),
            ({**_BRANCH, "CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"}, []),
            ({**_BRANCH, "CI_PIPELINE_SOURCE": "web", "CI_COMMIT_BRANCH": "feature"}, []),
            (
                {
                    **_BRANCH,
                    "CI_PIPELINE_SOURCE": "web",
                    "CI_COMMIT_BRANCH": "main",
                    "SHIPMARK_CHANGE": "rollback",
                },
                ["change"],
            ),
            (
                {**_BRANCH, "CI_PIPELINE_SOURCE": "web", "CI_COMMIT_TAG": "v1", "SHIPMARK_CHANGE": "x"},
                [],
            ),
        ],
        ids=["tag", "default", "branch", "request", "fork", "schedule", "manual", "change", "unknown-change"],
    )
    def test_rules_of_the_gitlab_template_release_git_tags_and_no_branch(
        self, env: dict[str, str], jobs: list[str]
    ) -> None:
        assert Gitlab({"shipmark-image": "x"}).chosen(**env) == jobs
        default = Gitlab({"shipmark-image": "x", "default-branch": "true"})
        is_default = env.get("CI_COMMIT_BRANCH") == "main" and "SHIPMARK_CHANGE" not in env
        assert default.chosen(**env) == (["release"] if is_default else jobs)

    def test_gitlab_jobs_release_take_back_restore_and_promote(
        self,
        workspace: GitRepo,
        installed: Installed,
        tmp_path: Path,
        taken: Path,
        registry_server: RegistryServer,
    ) -> None:
        image, other = f"{registry_server.host}/acme/app", f"{registry_server.host}/acme/production"
        gitlab = Gitlab(
            {
                "command": "run",
                "images": image,
                "production": other,
                "venv": str(installed.folder),
                "shipmark-image": "x",
            }
        )

        def run(**env: str) -> dict[str, str]:
            done = gitlab.run(workspace.path, tmp_path, CI_COMMIT_SHA=workspace.head, **_BRANCH | env)
            assert (done.returncode, taken.exists()) == (0, False), done.stderr
            report = (workspace.path / ".shipmark/result.env").read_text()
            return dict(line.split("=", 1) for line in report.splitlines())

        lines = run(CI_COMMIT_TAG="v1.4.2")
        assert (lines["SHIPMARK_VERSION"], lines["SHIPMARK_PUSHED"]) == ("1.4.2", "true")
        assert set(lines) == {f"SHIPMARK_{name.upper().replace('-', '_')}" for name in RESULT_NAMES}
        assert workspace.git("status", "--porcelain", "--untracked-files=no") == ""
        workspace.commit("two", {"hello": "two\n"})
        workspace.tag("v1.4.3")
        run(CI_COMMIT_TAG="v1.4.3")
        tags = registry_server.tags("acme/app")
        bait = tmp_path / "bait"
        by_hand = {"CI_PIPELINE_SOURCE": "web", "CI_COMMIT_BRANCH": "main"}
        by_hand |= {"SHIPMARK_REASON": f"it eats data; $(touch {bait}) `touch {bait}`"}
        run(SHIPMARK_CHANGE="rollback", SHIPMARK_CHANGE_VERSION="1.4.2", **by_hand)
        assert registry_server.tags("acme/app")["latest"] == tags["1.4.2"]
        run(SHIPMARK_CHANGE="restore", SHIPMARK_CHANGE_VERSION="1.4.3", **by_hand)
        assert registry_server.tags("acme/app")["latest"] == tags["1.4.3"]
        run(SHIPMARK_CHANGE="promote", SHIPMARK_CHANGE_VERSION="1.4.3", **by_hand)
        assert registry_server.tags("acme/production")["latest"] == tags["1.4.3"]
        assert not bait.exists()

    def test_gitlab_previews_a_forks_request_and_pushes_nothing(
        self, workspace: GitRepo, installed: Installed, tmp_path: Path, taken: Path
    ) -> None:
        gitlab = Gitlab(
            {"images": f"oci:{tmp_path / 'image'}", "venv": str(installed.folder), "shipmark-image": "x"}
        )
        done = gitlab.run(workspace.path, tmp_path, CI_COMMIT_SHA=workspace.head, **_FORK)
        assert (done.returncode, taken.exists(), (tmp_path / "image").exists()) == (0, False, False)

    def test_hostile_inputs_of_the_gitlab_template_are_passed_as_arguments_and_run_no_command(
        self, workspace: GitRepo, tmp_path: Path
    ) -> None:
        bait = tmp_path / "bait"
        venv = fake_venv(tmp_path / "venv")
        text = f"$(touch${{IFS}}{bait}) `touch {bait}` ;touch *"
        job = Gitlab({"images": text, "args": text, "venv": str(venv), "shipmark-image": "x"})
        done = job.run(workspace.path, tmp_path, **_MERGE)
        assert done.returncode == 0, done.stderr
        argv = (venv / "argv").read_text().split("\0")[:-1]
        words = text.split(" ")
        images = [f"--image={word}" for word in words]
        assert argv[2:] == ["preview", *images, *words, "--result-file", ".shipmark/result.env"]
        assert not bait.exists()

    @pytest.mark.parametrize(
        ("images", "source"), [("", "1.4.3"), (" a/b  c/d ", "a/b:1.4.3"), ("a/b\n\n c/d", "a/b:1.4.3")]
    )
    def test_gitlab_promotes_from_the_first_image_or_that_of_the_config(
        self, tmp_path: Path, images: str, source: str
    ) -> None:
        venv = fake_venv(tmp_path / "venv")
        gitlab = Gitlab({"images": images, "venv": str(venv), "production": "p/q", "shipmark-image": "x"})
        change = {"SHIPMARK_CHANGE": "promote", "SHIPMARK_CHANGE_VERSION": "1.4.3", "SHIPMARK_REASON": "r"}
        assert gitlab.run(tmp_path, tmp_path, job="change", **change).returncode == 0
        argv = (venv / "argv").read_text().split("\0")[2:-1]
        assert argv == [
            "promote",
            "--to=p/q",
            "--reason=r",
            "--result-file",
            ".shipmark/result.env",
            "--",
            source,
        ]

    @pytest.mark.parametrize("job", ["preview", "release"])
    def test_gitlab_takes_no_version_back_in_another_job_than_that_for_changes(
        self, tmp_path: Path, job: str
    ) -> None:
        venv = fake_venv(tmp_path / "venv")
        gitlab = Gitlab({"venv": str(venv), "images": "a/b", "shipmark-image": "x"})
        change = {"SHIPMARK_CHANGE": "rollback", "SHIPMARK_CHANGE_VERSION": "1.0.0", "SHIPMARK_REASON": "r"}
        assert gitlab.run(tmp_path, tmp_path, job=job, **change).returncode == 0
        assert (venv / "argv").read_text().split("\0")[2:4] == ["preview", "--image=a/b"]

    def test_gitlab_inputs_are_not_inserted_into_scripts(self) -> None:
        body = (ROOT / "ci" / "gitlab" / "shipmark.yml").read_text(encoding="utf-8").split("\n---\n")[1]
        script = body[body.index("  script:") : body.index("  artifacts:")]
        assert "$[[" not in script
        jobs = Gitlab({"shipmark-image": "x"}).jobs
        assert jobs["release"]["variables"]["GIT_DEPTH"] == "0"
        for name in ("release", "change"):
            assert (jobs[name]["interruptible"], jobs[name]["resource_group"]) == (False, "shipmark")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
class TestExamples:
    def test_each_ci_example_is_yaml_and_starts_shipmark_isolated(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert yaml.safe_load(text)
        starts = [line for line in text.splitlines() if "bin/shipmark" in line]
        assert starts
        assert all(re.search(r'bin/python"? -I \S*/bin/shipmark', line) for line in starts)
        assert "python -m release" not in text

    def test_ci_examples_install_from_a_clone_and_name_no_package(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert "pip install shipmark" not in text.replace("/", " ")
        assert "ci/install.sh" in text
        assert "SHIPMARK_SOURCE" in text

    def test_ci_example_has_a_job_that_takes_versions_back_or_prunes(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        if path.stem.endswith("-prune"):
            # A prune is planned first, and executes that plan.
            assert [re.search(f"prune .*{text_}", text) is not None for text_ in ("-o ", "--plan ")] == [
                True,
                True,
            ]
        elif "components" not in path.name:
            assert {
                word for word in ("rollback", "restore", "promote", "reason") if word not in text.lower()
            } == set()

    def test_each_ci_example_fetches_git_tags(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert re.search(r'--tags|fetchTags: "true"|tags: true|depth: full|fetch-depth: 0', text)


def test_six_ci_systems_without_a_template_have_an_example() -> None:
    releasing = [path for path in EXAMPLES if not path.stem.endswith(("-components", "-prune"))]
    names = {re.split(r"[-.]", path.name)[0] for path in releasing}
    assert names == {"azure", "bitbucket", "buildkite", "circleci", "drone", "woodpecker"}
