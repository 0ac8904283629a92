"""Executes the actions as GitHub's runner does, in a workspace whose Python modules must not be imported."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.programs.composite import ActionRun, Composite
from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT, Installed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo
from tests.support.services.required import MARK, required

pytestmark = pytest.mark.xdist_group("wheel")

DOCKERFILE = "FROM scratch\nCOPY hello /hello\n"


@pytest.fixture
def workspace(git_repo: GitRepo, tmp_path: Path) -> GitRepo:
    """Give a commit with the git tag v1.4.2 and Python packages that write the file `taken` when they are imported."""
    code = f"open({str(tmp_path / 'taken')!r}, 'a').write(__name__ + '\\n')\n"
    files = {
        f"{name}/__init__.py": code for name in ("release", "ci", "pip", "venv", "hatchling", "click", "json")
    }
    files |= {f"{name}/__main__.py": code for name in ("release", "ci", "pip", "venv")}
    git_repo.commit("one", {**files, "Dockerfile": DOCKERFILE, "hello": "hello\n"})
    git_repo.tag("v1.4.2")
    return git_repo


class Job:
    """A job on a runner: its workspace, its temporary folder, its environment. It starts for the push of `v1.4.2`."""

    def __init__(self, workspace: GitRepo, folder: Path) -> None:
        self.workspace, self.folder, self.taken = workspace, folder, folder / "taken"
        self.temp = folder / "runner-temp"
        home = folder / "job-home"
        home.mkdir()
        self.env = {
            **scrubbed(home),
            "CI": "true",
            "PYTHONPATH": ".",
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "77",
            "GITHUB_SHA": workspace.head,
        }
        self.on("push", "refs/tags/v1.4.2")

    def on(self, name: str, ref: str, event: dict[str, Any] | None = None) -> None:
        """Let the job run for this event."""
        kind = "tag" if ref.startswith("refs/tags/") else "branch"
        path = self.folder / "event.json"
        path.write_text(json.dumps({"repository": {"default_branch": "main"}, **(event or {})}))
        self.env |= {
            "GITHUB_EVENT_NAME": name,
            "GITHUB_REF": ref,
            "GITHUB_REF_TYPE": kind,
            "GITHUB_REF_NAME": ref.split("/", 2)[2],
            "GITHUB_EVENT_PATH": str(path),
        }

    def use(self, installed: Installed) -> None:
        """Let the action find shipmark installed, as its second use in a job does."""
        self.temp.mkdir()
        (self.temp / "shipmark-venv").symlink_to(installed.folder)
        (installed.folder / "shipmark.stamp").write_text(str(ROOT))

    def run(self, inputs: dict[str, str] | None = None, *, action: str = "", **more: str) -> ActionRun:
        """Use the action once. `more`: inputs, with `working_directory` for `working-directory`."""
        named = {**(inputs or {}), **{name.replace("_", "-"): value for name, value in more.items()}}
        used = {"python": {"python-path": sys.executable}}
        composite = Composite(ROOT / action, used=used, caches=self.folder / "caches")
        return composite.run(named, workspace=self.workspace.path, temp=self.temp, env=self.env)


@pytest.fixture
def job(workspace: GitRepo, tmp_path: Path) -> Job:
    return Job(workspace, tmp_path)


@pytest.fixture
def ready(job: Job, installed: Installed) -> Job:
    """Give a job in which shipmark is installed."""
    job.use(installed)
    return job


def test_action_that_releases_into_a_layout_sets_its_outputs(ready: Job, tmp_path: Path) -> None:
    target = f"oci:{tmp_path / 'image'}"
    done = ready.run(command="run", image=f"{target}\n", args="--color=never\n")
    assert (done.code, ready.taken.exists()) == (0, False), done.stderr
    outputs = done.outputs
    assert outputs["version"] == outputs["primary-tag"] == "1.4.2"
    assert (outputs["channel"], outputs["pushed"]) == ("release", "true")
    assert set(outputs["tag-names"].split("\n")) >= {"1.4.2", "1.4", "1", "latest"}
    assert f"{target}:1.4.2" in outputs["tags"].split("\n")
    assert outputs["digest"].startswith("sha256:")
    assert re.fullmatch(r"[1-9][0-9]*:[0-9a-f]{64}", outputs["log-entry"])
    assert json.loads(outputs["json"])["schema"] == "shipmark.run/1"
    assert "| latest | moving |" in done.summary
    index = json.loads((tmp_path / "image" / "index.json").read_text())
    assert outputs["digest"] in {manifest["digest"] for manifest in index["manifests"]}


def test_action_runs_preview_by_default_and_pushes_nothing(ready: Job, tmp_path: Path) -> None:
    done = ready.run(images=f"oci:{tmp_path / 'image'}")
    assert (done.code, ready.taken.exists()) == (0, False), done.stderr
    assert "1.4.2" in done.stdout
    assert not (tmp_path / "image").exists()
    assert done.steps == ("Find shipmark and Python", "Run shipmark")


def test_two_previews_in_one_job_have_a_comment_file_each(ready: Job, tmp_path: Path) -> None:
    names = ("api", "web")
    files = [ready.run(image=f"oci:{tmp_path / name}").outputs["comment-file"] for name in names]
    texts = [Path(file).read_text() for file in files]
    assert [[name in text for name in names] for text in texts] == [[True, False], [False, True]]


def test_action_sets_the_next_version_as_an_output(ready: Job) -> None:
    ready.workspace.commit("feat: two", {"hello": "two\n"})
    ready.env["GITHUB_SHA"] = ready.workspace.head
    ready.on("push", "refs/heads/main")
    done = ready.run(command="version", args="--next\nauto")
    assert (done.code, done.outputs["version"], done.outputs["tags"]) == (0, "1.5.0", ""), done.stderr


def test_one_job_builds_previews_releases_promotes_takes_back_and_restores(
    ready: Job, registry_server: RegistryServer
) -> None:
    image, other = f"{registry_server.host}/acme/actions", f"{registry_server.host}/acme/production"
    inputs = {"image": image, "build-args": "VERSION=x", "labels": "org.opencontainers.image.vendor=ACME"}

    def run(**more: str) -> ActionRun:
        done = ready.run({**(inputs if "source" not in more else {}), **more})
        assert done.code == 0, (more, done.stdout, done.stderr)
        return done

    assert run(command="tags").outputs["tags"].splitlines()[0] == f"{image}:1.4.2"
    assert run(command="version").outputs["version"] == "1.4.2"
    built = run(command="build", output="oci:dist/image").outputs
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", built["digest"])
    released = run(command="run", **{"from": "oci:dist/image"}).outputs
    assert released["digest"] == registry_server.tags("acme/actions")["latest"]
    ready.workspace.commit("two", {"hello": "two\n"})
    ready.workspace.tag("v1.4.3")
    ready.env["GITHUB_SHA"] = ready.workspace.head
    ready.on("push", "refs/tags/v1.4.3")
    assert run(command="run").outputs["version"] == "1.4.3"
    ready.on("workflow_dispatch", "refs/heads/main", {"inputs": {"reason": "it eats data"}})
    back = run(command="rollback", to="1.4.2", reason="it eats data")
    assert "it eats data" in back.summary
    assert registry_server.tags("acme/actions")["latest"] == released["digest"]
    again = run(command="restore", version="1.4.3", reason="it does not").outputs
    assert registry_server.tags("acme/actions")["latest"] == again["digest"] != released["digest"]
    run(command="promote", source=f"{image}:1.4.2", to=other)
    assert registry_server.tags("acme/production")["1.4.2"] == released["digest"]
    assert "entries" in run(command="log verify").stdout
    assert not ready.taken.exists()


_HEAD = {"sha": "", "ref": "x", "repo": {"full_name": "acme/app"}}
_BASE = {"ref": "main", "repo": {"full_name": "acme/app"}}
_ASKED = {"number": 12, "state": "open", "head": _HEAD, "base": _BASE}
_REQUEST = {"number": 12, "action": "opened", "pull_request": _ASKED}
_FORK = json.loads(json.dumps(_REQUEST).replace("acme/app", "mallory/app", 1))
_RELEASE = {"action": "published", "release": {"tag_name": "v1.4.2", "draft": False, "prerelease": False}}
_BEFORE = {"action": "prereleased", "release": {"tag_name": "v1.4.2", "draft": False, "prerelease": True}}


@pytest.mark.parametrize(
    ("name", "ref", "event", "tags"),
    [
        ("push", "refs/heads/main", {}, {"sha", "main"}),
        ("push", "refs/heads/feature/$(touch bait)", {}, {"sha", "feature-touch-bait"}),
        ("push", "refs/tags/v1.4.2", {}, {"1.4.2", "1.4", "1", "latest", "sha"}),
        ("push", "refs/tags/nightly", {}, set()),
        ("pull_request", "refs/pull/12/merge", _REQUEST, set()),
        ("pull_request", "refs/pull/12/merge", _FORK, set()),
        ("schedule", "refs/heads/main", {"schedule": "0 4 * * *"}, {"sha", "main"}),
        ("workflow_dispatch", "refs/heads/main", {"inputs": {}}, {"sha", "main"}),
        ("workflow_dispatch", "refs/tags/v1.4.2", {"inputs": {}}, {"1.4.2", "1.4", "1", "latest", "sha"}),
        ("release", "refs/tags/v1.4.2", _RELEASE, {"1.4.2", "1.4", "1", "latest", "sha"}),
        ("release", "refs/tags/v1.4.2", _BEFORE, {"1.4.2", "sha"}),
        ("merge_group", "refs/heads/gh-readonly-queue/main/pr-12-abc", {"merge_group": {}}, {"sha"}),
    ],
    ids=[
        *("branch", "hostile-branch", "tag", "other-tag", "request", "fork", "schedule"),
        *("manual", "manual-tag", "release", "pre-release", "merge-queue"),
    ],
)
def test_each_event_releases_what_the_table_of_events_says(
    ready: Job, tmp_path: Path, name: str, ref: str, event: dict[str, Any], tags: set[str]
) -> None:
    ready.on(name, ref, event)
    if ref == "refs/tags/nightly":
        ready.workspace.tag("nightly")
    done = ready.run(command="run", image=f"oci:{tmp_path / 'image'}")
    assert done.code == 0, done.stderr
    path = tmp_path / "image" / "index.json"
    manifests = json.loads(path.read_text())["manifests"] if path.exists() else []
    names = {
        one["annotations"]["org.opencontainers.image.ref.name"] for one in manifests if "annotations" in one
    }
    assert {"sha" if one.startswith("sha-") else one for one in names} - {"shipmark-status"} == tags
    assert not list(ready.workspace.path.glob("*bait*"))
    assert not ready.taken.exists()


def test_unknown_input_fails_the_step_and_names_the_nearest_input(ready: Job) -> None:
    done = ready.run({"command": "run", "imag": "ghcr.io/acme/app"})
    assert done.code == 2
    assert "the action has no input `imag`" in done.stderr
    assert "hint: did you mean `image`?" in done.stderr


@pytest.mark.parametrize("name", ["summary", "cache", "wait", "as-commit", "allow-backward", "sbom"])
@pytest.mark.parametrize("text", ["True", "yes", "null", "1"])
def test_input_that_is_neither_true_nor_false_is_refused(ready: Job, name: str, text: str) -> None:
    done = ready.run({"command": "run", "image": "oci:image", "reason": "r", name: text})
    assert done.code == 2
    assert f"error: the input `{name}` is `{text}`\nhint: write `true` or `false`\n" in done.stderr
    assert not (ready.workspace.path / "image").exists()


def test_empty_inputs_count_as_not_given(ready: Job, tmp_path: Path) -> None:
    declared = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    given = {"command": "run", "image": f"oci:{tmp_path / 'image'}"}
    for text in ("", " \n"):
        done = ready.run({**dict.fromkeys(declared, text), **given})
        assert (done.code, done.outputs["version"]) == (0, "1.4.2"), done.stderr


def test_hostile_inputs_of_the_action_run_no_command(ready: Job, tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    names = ("images", "config", "working-directory", "args", "summary", "build-args", "tags", "labels")
    for start in (f"$(touch {bait})", f"`touch {bait}`", f"x; touch {bait}", f"' && touch {bait} '"):
        text = f'{start}\n" || touch {bait} "'
        for inputs in ({"command": text}, {"command": "tags", **dict.fromkeys(names, text)}):
            done = ready.run(inputs)
            assert not bait.exists(), (inputs, text)
            assert done.code == 2, (inputs, text, done.stderr)


def test_secrets_given_as_inputs_are_neither_printed_nor_recorded(ready: Job, tmp_path: Path) -> None:
    done = ready.run(
        command="run",
        image=f"oci:{tmp_path / 'image'}",
        secrets="npm=s3cr3t-of-npm",
        build_args="TOKEN=s3cr3t-argument",
        args="-v",
    )
    assert done.code == 4  # the builder `layers` has no secrets, and `scratch` needs none
    log = ready.workspace.path / ".shipmark" / "log.jsonl"
    said = done.stdout + done.stderr + done.summary + str(done.outputs)
    assert "s3cr3t" not in said + (log.read_text() if log.exists() else "")


def test_action_writes_no_summary_if_the_input_summary_is_false(ready: Job, tmp_path: Path) -> None:
    done = ready.run(command="run", images=f"oci:{tmp_path / 'image'}", summary="false")
    assert (done.code, done.summary) == (0, ""), done.stderr
    assert done.outputs["version"] == "1.4.2"


def test_failed_release_fails_the_action_with_the_exit_code(ready: Job) -> None:
    ready.workspace.write({"hello": "changed\n"})
    done = ready.run(command="run", images="oci:image")
    assert done.code == 3
    assert "hint: " in done.stderr


def test_drop_in_writes_the_outputs_of_the_metadata_action(ready: Job) -> None:
    inputs = {
        "images": "ghcr.io/acme/app\nacme/app",
        "tags": "type=semver,pattern={{version}}\ntype=sha",
        "labels": "a=b",
        "sep-tags": ",",
        "github-token": "x",
        "nope": "x",
    }
    done = ready.run(inputs, action="ci/github/metadata")
    assert (done.code, ready.taken.exists()) == (0, False), done.stderr
    sha = f"sha-{ready.workspace.head[:7]}"
    names = ["1.4.2", sha, "latest"]
    outputs = done.outputs
    assert outputs["version"] == "1.4.2"
    assert outputs["tags"] == ",".join(
        f"{image}:{name}" for image in ("ghcr.io/acme/app", "acme/app") for name in names
    )
    assert outputs["tag-names"] == ",".join(names)
    assert "a=b" in outputs["labels"].splitlines()
    assert json.loads(outputs["json"])["tags"] == outputs["tags"].split(",")
    bake = json.loads(Path(outputs["bake-file"]).read_text())["target"]["docker-metadata-action"]
    assert bake["tags"] == outputs["tags"].split(",")
    assert set(json.loads(Path(outputs["bake-file-labels"]).read_text())["target"]) == {
        "docker-metadata-action"
    }
    assert "::warning::there is no input `nope`" in done.stderr + done.stdout


def test_action_sets_up_a_python_where_that_of_the_machine_is_newer_than_its_packages(
    job: Job, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    newer = (
        "import sys\nsys.version_info = (3, 15, 0, 'final', 0)\ncode, *sys.argv = sys.argv[1:]\nexec(code)"
    )
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} -I -c "{newer}" "$3" -c "$4"\n')
        (programs / name).chmod(0o755)
    job.env["PATH"] = f"{programs}{os.pathsep}{job.env['PATH']}"
    job.env |= {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}
    found = ("Find shipmark and Python", "Set up Python", "Look at the Python that was set up")
    assert job.run(command="version", cache="false").steps == (*found, "Install shipmark")


def test_action_installs_itself_once_and_later_jobs_take_its_packages_from_the_cache(job: Job) -> None:
    index = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT"))}
    # A job that installs packages of its own may say how, for itself.
    own = job.folder / "own.txt"
    own.write_text("click==8.0.0\nattrs\n")
    job.env |= {**index, "PIP_USER": "1", "PYTHONSTARTUP": "release/__init__.py"}
    job.env |= {"PIP_CONSTRAINT": str(own), "PIP_REQUIREMENT": str(own), "PIP_REQUIRE_VIRTUALENV": "true"}
    done = job.run(command="version")
    if done.code != 0 and "Could not find a version" in done.stderr and not required():
        pytest.skip(f"{MARK}package index (no package index answers)")
    assert (done.code, done.stdout) == (0, "1.4.2\n"), done.stderr
    assert not job.taken.exists()
    assert "Install shipmark" in done.steps
    venv = job.temp / "shipmark-venv"
    assert (venv / "shipmark.stamp").read_text() == str(ROOT)
    again = job.run(command="version")
    assert (again.code, again.stdout, again.stderr) == (0, "1.4.2\n", "")
    assert again.steps == ("Find shipmark and Python", "Run shipmark")

    # Another job, without an index: everything comes from the cache.
    shutil.rmtree(job.temp)
    job.env |= {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}
    cached = job.run(command="version")
    assert (cached.code, cached.stdout, cached.stderr) == (0, "1.4.2\n", "")
    assert job.run(action="ci/github/metadata", images="a/b").steps == again.steps

    # A wheel that the lock file does not know is not unpacked.
    (folder,) = (job.folder / "caches").iterdir()
    wheel = next(folder.glob("click-*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"more")
    shutil.rmtree(job.temp)
    refused = job.run(command="version")
    assert refused.code != 0
    assert f"the lock file has no hash for {wheel.name}" in refused.stderr
    assert not (venv / "shipmark.stamp").exists()
