"""Tables over real git repositories: tags by rules and their guard, builds of one commit, branch tags, annotations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import shipmark
from release.app.releases.request import RunRequest
from release.app.releases.run import run
from release.app.session import Session
from release.app.workspace import open_workspace
from release.cli.main import run as command
from release.layout.layout import Layout
from tests.support.releases.git import GitRepo

FILES = {"Dockerfile": "FROM scratch\nCOPY a /a\n", "a": "1", ".gitignore": "dist/\n.shipmark/\n"}


def github(repo: GitRepo, ref: str, event: str = "push") -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_EVENT_NAME": event,
        "GITHUB_REF": ref,
        "GITHUB_SHA": repo.head,
    }


def opened(repo: GitRepo, env: Mapping[str, str], image: str = "oci:dist/image") -> Session:
    return open_workspace(str(repo.path), env={**repo.env, **env}, images=[image])


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """Give a repository with v2.0.0, web/v9.0.0 and api/v1.1.0, and HEAD at v1.3.9 and api/v1.2.0 on a branch."""
    folder = tmp_path_factory.mktemp("releases")
    repo = GitRepo(folder / "repo", home=folder)
    repo.commit("feat: one", FILES)
    repo.tag("v1.3.8")
    repo.tag("api/v1.1.0")
    repo.commit("feat: two")
    repo.tag("v2.0.0", annotated=False)
    repo.tag("web/v9.0.0")
    repo.branch("release/1.3", "v1.3.8")
    repo.commit("fix: three")
    for name in ("v1.3.9", "api/v1.2.0", "cal/2024.10"):
        repo.tag(name)
    return repo


class Guarded(NamedTuple):
    """`metadata` for a git tag. `gives`, `withholds`: names of tags."""

    git_tag: str
    rules: str
    gives: set[str]
    withholds: set[str]
    flavor: str = ""


API = "\n".join(
    f"type=semver,pattern={one},match=api/v(.*)"
    for one in ("{{version}}", "{{major}}.{{minor}}", "{{major}}")
)
GUARDED = {
    "another line has a higher version": Guarded("api/v1.2.0", API, {"1.2.0", "1.2", "1", "latest"}, set()),
    "a backport": Guarded(
        "v1.3.9", "type=semver,pattern={{version}}\ntype=semver,pattern={{major}}", {"1.3.9", "1"}, {"latest"}
    ),
    "a run's number": Guarded("v1.3.9", "type=raw,value=run-55", {"run-55"}, set(), "latest=false"),
    "a date": Guarded("v1.3.9", "type=raw,value={{date 'YYYY'}}0131", set(), set(), "latest=false"),
    "a cache": Guarded("v1.3.9", "type=raw,value=cache-main", {"cache-main"}, set(), "latest=false"),
    "a build number as suffix": Guarded(
        "v1.3.9", "type=semver,pattern={{major}},suffix=-20240131", {"1-20240131"}, set(), "latest=false"
    ),
    "a name that moves": Guarded("v1.3.9", "type=raw,value=stable", set(), {"stable"}, "latest=false"),
    "a name that moves, of another line": Guarded(
        "api/v1.2.0", f"{API}\ntype=raw,value=stable", {"1.2.0", "1.2", "1", "stable", "latest"}, set()
    ),
    "match without semver": Guarded(
        "api/v1.2.0", "type=match,pattern=api/v(.*),group=1", {"1.2.0", "latest"}, set()
    ),
    "a calendar version": Guarded(
        "cal/2024.10", "type=calver,match=cal/(.*)", {"2024.10", "latest"}, set()
    ),
    "a build cache": Guarded("v1.3.9", "type=raw,value=buildcache", {"buildcache"}, set(), "latest=false"),
    "a job of Jenkins": Guarded("v1.3.9", "type=raw,value=1-j7", {"1-j7"}, set(), "latest=false"),
}  # fmt: skip


def test_metadata_compares_with_the_releases_of_its_own_line(releases: GitRepo) -> None:
    wrong: list[tuple[object, ...]] = []
    for name, row in GUARDED.items():
        request = shipmark.MetadataRequest(images="a/b", tags=row.rules, flavor=row.flavor)
        made = shipmark.metadata(opened(releases, github(releases, f"refs/tags/{row.git_tag}")), request)
        given, withheld = set(made.tag_names), {one.name for one in made.withheld}
        dated = name == "a date" and len(given) == 1 and not withheld
        if not dated and (given, withheld) != (row.gives, row.withholds):
            wrong.append((name, given, withheld))
    assert wrong == []


class Ruled(NamedTuple):
    """Rules in `shipmark.yml` and a run. `gives`: names of tags, or a part of the error (exit code 2)."""

    rules: list[str]
    ref: str
    gives: set[str] | str
    event: str = "push"
    flavor: str = ""
    env: Mapping[str, str] = {}


MAIN = "refs/heads/main"
TAG = "refs/tags/v1.4.2"
RULED = {
    "flavor latest and a branch": Ruled(["type=ref,event=branch"], MAIN, {"main", "latest"}, flavor="latest=true"),
    "a push to a branch at a tagged commit": Ruled(
        ["type=semver,pattern={{version}}", "type=ref,event=branch"], MAIN, {"main"}
    ),
    "a schedule at a tagged commit": Ruled(
        ["type=semver,pattern={{version}}", "type=schedule"], MAIN, {"nightly"}, "schedule"
    ),
    "no fixed tag": Ruled(["type=raw,value=next"], MAIN, {"next"}),
    "a variable of the shell": Ruled(["type=raw,value=1-j${BUILD_NUMBER}"], MAIN, "`${…}` is not replaced in rules"),
    "a variable that is not set": Ruled(["type=raw,value={{env.X}}"], MAIN, "env.X"),
    "a variable that is set": Ruled(["type=raw,value=1-j{{env.X}}"], MAIN, {"1-j7"}, env={"X": "7"}),
    "only the version's line": Ruled(["type=semver,pattern={{major}}.{{minor}}"], TAG, {"1.4", "latest"}),
    "no rule for a branch": Ruled(["type=semver,pattern={{version}}"], MAIN, set()),
    "a manual run on a git tag": Ruled(
        ["type=semver,pattern={{version}}"], TAG, {"1.4.2", "latest"}, "workflow_dispatch"
    ),
    "the commit alone": Ruled(["type=sha,prefix=git-"], MAIN, {"git-SHA"}),
    "the default branch's latest": Ruled(
        ["type=raw,value=latest,enable={{is_default_branch}}", "type=ref,event=branch"], MAIN, {"main", "latest"}
    ),
    "flavor without latest": Ruled(["type=semver,pattern={{version}}"], TAG, {"1.4.2"}, flavor="latest=false"),
    "flavor with prefix": Ruled(["type=ref,event=branch"], MAIN, {"p-main"}, flavor="prefix=p-"),
}  # fmt: skip


@pytest.fixture(scope="module")
def at_tag(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """Give a repository whose main is at v1.4.2."""
    folder = tmp_path_factory.mktemp("at_tag")
    repo = GitRepo(folder / "repo", home=folder)
    repo.commit("feat: one", FILES)
    repo.tag("v1.4.2")
    return repo


def test_rules_in_the_config_give_the_tags_that_the_action_gives_and_no_others(
    at_tag: GitRepo, tmp_path: Path
) -> None:
    wrong: list[tuple[object, ...]] = []
    for name, row in RULED.items():
        config = tmp_path / "config.yml"
        config.write_text(json.dumps({"tags": row.rules, "flavor": row.flavor}))
        env = {**at_tag.env, **github(at_tag, row.ref, row.event), **row.env}
        workspace = open_workspace(str(at_tag.path), env=env, images=["a/b"], config=str(config))
        try:
            made = shipmark.tags(workspace, shipmark.TagsRequest())
        except shipmark.ConfigError as error:
            if not isinstance(row.gives, str) or row.gives not in error.message:
                wrong.append((name, error.message))
            continue
        names = {tag.name.replace(at_tag.head[:7], "SHA") for tag in made.tags}
        if names != row.gives:
            wrong.append((name, sorted(names)))
    assert wrong == []


#: What the second job's build differs in from the first, and whether its image is another one.
BUILDS: dict[str, tuple[dict[str, Any], bool]] = {
    "the same": ({}, False),
    "another way to write the same": ({"dockerfile": "./Dockerfile", "context": "./"}, False),
    "another Dockerfile": ({"dockerfile": "Dockerfile.fat"}, True),
    "another context": ({"context": "sub"}, True),
    "another stage": ({"target": "other"}, True),
    "a build argument": ({"args": {"A": "1"}}, True),
    "tracked files only": ({"files": "tracked"}, True),
}


def test_a_second_job_never_adopts_the_image_of_another_build_without_a_log(
    at_tag: GitRepo, tmp_path: Path
) -> None:
    """Each job has a clone of its own, and the layout is all that the jobs share."""
    more = {
        "Dockerfile": "FROM scratch AS other\nCOPY a /b\nFROM scratch\nARG A\nCOPY a /a\n",
        "Dockerfile.fat": "FROM scratch\nCOPY a /fat\n",
        "sub/Dockerfile": "FROM scratch\nCOPY a /a\n",
        "sub/a": "2",
    }
    repo = copied(at_tag, tmp_path / "source")
    repo.commit("feat: builds", more)
    repo.tag("v1.5.0")
    first = tmp_path / "first"
    assert refusal_of(repo, tmp_path / "clone", first, {}) is None
    wrong: list[tuple[object, ...]] = []
    for number, (name, (build, differs)) in enumerate(BUILDS.items()):
        layout = tmp_path / f"layout{number}"
        shutil.copytree(first, layout)
        before = Layout(str(layout)).resolve("1.5.0")
        error = refusal_of(repo, tmp_path / f"clone{number}", layout, build)
        refused = error is not None and error.exit_code == 6 and "other inputs" in error.message
        after = Layout(str(layout)).resolve("1.5.0")
        if refused != differs or (error is not None and not refused) or after != before:
            wrong.append((name, error and error.message))
    assert wrong == []


def copied(template: GitRepo, path: Path) -> GitRepo:
    shutil.copytree(template.path, path, symlinks=True)
    copy = GitRepo(path, home=Path(template.env["HOME"]), init=False)
    copy._clock = template._clock
    return copy


def refusal_of(
    repo: GitRepo, path: Path, layout: Path, build: dict[str, Any]
) -> shipmark.ReleaseError | None:
    try:
        job(repo, path, layout, build)
    except shipmark.ReleaseError as error:
        return error
    return None


def job(repo: GitRepo, path: Path, layout: Path, build: dict[str, Any]) -> None:
    clone = repo.clone(path, "--branch=v1.5.0")
    config = path.with_suffix(".yml")
    config.write_text(json.dumps({"project": "acme/app", "build": {"builder": "layers", **build}}))
    env = {**clone.env, "SHIPMARK_CACHE_DIR": str(path.with_name(f"{path.name}-cache"))}
    workspace = open_workspace(str(path), env=env, images=[f"oci:{layout}"], config=str(config))
    result = run(workspace, RunRequest())
    if result.error is not None:
        raise result.error


class Second(NamedTuple):
    """The second job for main. `change`: of the origin in between. `moves`: whether `main` is the second's image."""

    options: tuple[str, ...]
    change: Callable[[GitRepo], object]
    moves: bool = True


def pushed(repo: GitRepo) -> str:
    return repo.commit("fix: next", {"a": "next"})


def merged(repo: GitRepo) -> None:
    repo.branch("topic")
    repo.commit("feat: topic", {"b": "1"})
    repo.checkout("main")
    repo.commit("docs: x", {"c": "1"})
    repo.merge("topic")


def rewritten(repo: GitRepo) -> None:
    repo.git("commit", "--quiet", "--amend", "--message=feat: rewritten", "--allow-empty")


def reset(repo: GitRepo) -> None:
    repo.git("reset", "--quiet", "--hard", "HEAD~1")


def reset_beside(repo: GitRepo) -> None:
    repo.git("branch", "kept")
    reset(repo)


SECONDS = {
    "depth 1": Second(("--depth=1",), pushed),
    "depth 1, two commits later": Second(("--depth=1",), lambda repo: (pushed(repo), repo.commit("x", {"a": "x"}))),
    "depth 2": Second(("--depth=2",), pushed),
    "depth 1, a merge": Second(("--depth=1",), merged),
    "depth 1, blobs left out": Second(("--depth=1", "--filter=blob:none"), pushed),
    "depth 1, no tags": Second(("--depth=1", "--no-tags"), pushed),
    "depth 1, the branch was rewritten": Second(("--depth=1",), rewritten),
    "depth 1, the branch was reset, which its commit on the remote shows": Second(("--depth=1",), reset),
    "the branch was reset, and another has its commit": Second((), reset_beside, moves=False),
    "depth 1, the same commit": Second(("--depth=1",), lambda repo: repo),
}  # fmt: skip


def test_the_second_push_of_a_branch_moves_its_tag_from_shallow_clones(
    at_tag: GitRepo, tmp_path: Path
) -> None:
    source = copied(at_tag, tmp_path / "source")
    source.git("config", "uploadpack.allowFilter", "true")
    source.commit("fix: first", {"a": "first"})
    kept = tmp_path / "kept"
    first = source.clone(tmp_path / "first", "--depth=1")
    assert run(opened(first, github(first, MAIN), f"oci:{kept}"), RunRequest()).error is None
    wrong: list[tuple[object, ...]] = []
    for number, (name, row) in enumerate(SECONDS.items()):
        origin, layout = copied(source, tmp_path / f"origin{number}"), tmp_path / f"layout{number}"
        shutil.copytree(kept, layout)
        row.change(origin)
        clone = origin.clone(tmp_path / f"clone{number}", *row.options)
        result = run(opened(clone, github(clone, MAIN), f"oci:{layout}"), RunRequest())
        images = Layout(str(layout))
        main, own = images.resolve("main"), images.resolve(f"sha-{clone.head[:12]}")
        moved = main is not None and own is not None and main.digest == own.digest
        if result.error is not None or moved != row.moves:
            wrong.append((name, result.error and result.error.message, moved))
    assert wrong == []


#: Variables of CI systems whose logs have commands. The last is a system without any.
VOICES: dict[str, tuple[dict[str, str], str]] = {
    "GitHub": ({"GITHUB_ACTIONS": "true", "GITHUB_REF": MAIN}, "::error::"),
    "Gitea": ({"GITEA_ACTIONS": "true", "GITHUB_ACTIONS": "true", "GITHUB_REF": MAIN}, "::error::"),
    "Forgejo": ({"FORGEJO_ACTIONS": "true", "GITHUB_ACTIONS": "true", "GITHUB_REF": MAIN}, "::error::"),
    "Azure": ({"TF_BUILD": "True", "BUILD_SOURCEBRANCH": MAIN}, "##vso[task.logissue"),
    "GitLab": ({"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "main"}, ""),
    "Buildkite": ({"BUILDKITE": "true", "BUILDKITE_BRANCH": "main"}, ""),
}


def test_ci_none_keeps_the_commands_of_every_ci_system_out_of_the_output(
    at_tag: GitRepo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong: list[tuple[object, ...]] = []
    monkeypatch.chdir(at_tag.path)
    for name, (env, marker) in VOICES.items():
        with monkeypatch.context() as context:
            for variable, text in {**at_tag.env, **env}.items():
                context.setenv(variable, text)
            bad = ["run", "--image", "not a name"]
            for way, argv in {
                "": bad,
                "before": ["--ci", "none", *bad],
                "after": [*bad, "--ci", "none"],
            }.items():
                code = command(argv)
                said = "".join(capsys.readouterr())
                loud = any(one in said for one in ("::error", "##vso[", "\x1b[0Ksection_", "^^^ +++"))
                if code != 2 or (way and loud) or (not way and marker not in said):
                    wrong.append((name, way, code, said))
    assert wrong == []


#: Runs without a tag, by the variables of the CI system, and a part of the warning.
NO_TAG: dict[str, tuple[dict[str, str], str]] = {
    "a request without a number": (
        {"SHIPMARK_CI": "tekton", "SHIPMARK_REF": "main", "SHIPMARK_EVENT": "pull_request"},
        "does not say which repository the pull request comes from",
    ),
    "a request whose number is no number": (
        {"SHIPMARK_CI": "tekton", "SHIPMARK_REF": "main", "SHIPMARK_PR": "12;id"}, "no request number",
    ),
    "a fork's branch called main": (
        {"SHIPMARK_CI": "tekton", "SHIPMARK_REF": "main", "SHIPMARK_PR": "12", "SHIPMARK_PR_FORK": "true"},
        "comes from another repository",
    ),
    "a request of the repository": (
        {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "7",
         "CI_MERGE_REQUEST_PROJECT_ID": "1", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
         "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "x"},
        "only with `pull_requests: true`",
    ),
    "a branch that is deleted": (
        {"SHIPMARK_CI": "tekton", "SHIPMARK_REF": MAIN, "SHIPMARK_EVENT": "delete"}, "releases nothing",
    ),
    "a git tag that is no version": (
        {"SHIPMARK_CI": "tekton", "SHIPMARK_REF": "refs/tags/nightly", "SHIPMARK_EVENT": "push"}, "nightly",
    ),
}  # fmt: skip


def test_tags_prints_nothing_but_the_reason_where_a_run_has_no_tag(
    at_tag: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = copied(at_tag, tmp_path / "repo")
    repo.tag("nightly")
    monkeypatch.chdir(repo.path)
    wrong: list[tuple[object, ...]] = []
    for name, (env, says) in NO_TAG.items():
        with monkeypatch.context() as context:
            for variable, text in {**repo.env, **env}.items():
                context.setenv(variable, text)
            code = command(["tags", "--image", "a/b"])
        out, err = capsys.readouterr()
        if (code, out) != (0, "") or "warning: " not in err or says not in err:
            wrong.append((name, code, out, err))
    assert wrong == []


@pytest.mark.parametrize("left", [".git/short_ref", ".git/resource/metadata.json", ".git/base_sha"])
def test_a_clone_that_concourse_made_is_no_laptop(
    left: str,
    at_tag: GitRepo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A task has no variable of Concourse; its commit may be a fork's."""
    repo = copied(at_tag, tmp_path / "repo")
    (repo.path / left).parent.mkdir(exist_ok=True)
    (repo.path / left).write_text("1\n")
    monkeypatch.chdir(repo.path)
    for variable, text in repo.env.items():
        monkeypatch.setenv(variable, text)
    assert (command(["tags", "--image", "a/b"]), capsys.readouterr().out) == (0, "")
    monkeypatch.setenv("SHIPMARK_REF", "refs/tags/v1.4.2")
    assert command(["tags", "--image", "a/b"]) == 0
    of_request = left == ".git/base_sha"
    assert ("a/b:1.4.2\n" in capsys.readouterr().out) != of_request


def test_a_command_in_a_folder_that_was_deleted_is_an_error_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert command(["tags"]) == 2
    assert "does not exist any more" in capsys.readouterr().err
