"""Versions and tags from every kind of clone: what the clone says alone, and what `preview` learns from its remote."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from release.app.releases.request import RunRequest
from release.app.releases.results import RunResult
from release.app.releases.run import preview, run
from release.app.releases.tags import TagsRequest, tags
from release.app.report import DecisionReport
from release.app.session import Session
from release.app.workspace import open_workspace
from release.errors import ShallowClone
from release.layout.layout import Layout
from release.tagging.model import KnownFrom
from tests.support.releases import git_daemon
from tests.support.releases.git import GitRepo
from tests.support.releases.git_http import CREDENTIAL, served

IMAGE = "oci:dist/image"
BELOW = "is below 2.0.0"
NO_TAG = "this clone has no version tag"
SHALLOW = "this clone is shallow"


class Origin(NamedTuple):
    """A repository whose main has v1.4.1, v1.4.2 and two commits more; v2.0.0 is on a branch that is not merged.

    `after`: the two commits after v1.4.2, the older first.
    """

    repo: GitRepo
    after: tuple[str, str]


@pytest.fixture
def origin(git_repo: GitRepo) -> Origin:
    """Give the repository that every row of the table clones."""
    git_repo.commit(
        "one", files={"Dockerfile": "FROM scratch\nCOPY a /a\n", "a": "1", ".gitignore": "dist/\n"}
    )
    git_repo.tag("v1.4.1")
    git_repo.commit("two")
    git_repo.tag("v1.4.2")
    older = git_repo.commit("three")
    git_repo.branch("release/2")
    git_repo.commit("four")
    git_repo.tag("v2.0.0", annotated=False)
    git_repo.checkout("main")
    newer = git_repo.commit("five")
    git_repo.git("config", "uploadpack.allowFilter", "true")
    return Origin(git_repo, (older, newer))


Prepare = Callable[[Origin, Path], GitRepo]


def cloned(*options: str) -> Prepare:
    """Return a function that makes a clone of the origin with these options of `git clone`."""
    return lambda origin, path: origin.repo.clone(path, *options)


def then(prepare: Prepare, change: Callable[[Origin, GitRepo], object]) -> Prepare:
    """Return a function that makes a clone and then applies `change` to the clone or its origin."""

    def made(origin: Origin, path: Path) -> GitRepo:
        clone = prepare(origin, path)
        change(origin, clone)
        return clone

    return made


def worktree(origin: Origin, path: Path) -> GitRepo:
    """Make a linked worktree of a shallow clone."""
    first = origin.repo.clone(path.with_name("first"), "--depth=1")
    first.git("worktree", "add", "--quiet", "--detach", str(path))
    return GitRepo(path, home=Path(first.env["HOME"]), init=False)


def two_remotes(origin: Origin, clone: GitRepo) -> None:
    """Make two remotes, neither called `origin`; the branch follows the one that has the releases."""
    clone.git("remote", "rename", "origin", "company")
    clone.git("remote", "add", "friend", str(clone.path / "nowhere"))


def forked(origin: Origin, clone: GitRepo) -> None:
    """Make `origin` a fork without tags; the branch follows the remote `upstream`."""
    fork = origin.repo.clone(clone.path.with_name("fork"), "--bare", "--no-tags")
    clone.git("remote", "rename", "origin", "upstream")
    clone.git("remote", "add", "origin", f"file://{fork.path}")


def graft(origin: Origin, clone: GitRepo) -> None:
    """Write a file `info/grafts` by which HEAD has no parents."""
    (clone.path / ".git/info").mkdir(exist_ok=True)
    (clone.path / ".git/info/grafts").write_text(f"{clone.head}\n")


def merged_side(origin: Origin, clone: GitRepo) -> None:
    """Make HEAD a merge whose second parent's history is cut before it meets the release."""
    origin.repo.branch("side", "v1.4.1")
    for number in range(4):
        origin.repo.commit(f"side {number}")
    origin.repo.checkout("main")
    origin.repo.merge("side")
    clone.git("fetch", "--quiet", "--depth=4", "origin", "main")
    clone.git("reset", "--quiet", "--hard", "FETCH_HEAD")


def lose_history(origin: Origin, clone: GitRepo) -> None:
    """Take a commit from the remote, so that it lists its tags and cannot give the history of any."""
    lost = origin.repo.git("rev-parse", "v1.4.1^{commit}")
    (origin.repo.path / ".git" / "objects" / lost[:2] / lost[2:]).unlink()


class Row(NamedTuple):
    """`alone`, `asked`: what the version counts up to (`1.4.3` after `v1.4.2`) and its distance, offline and by
    `preview`; None: the version is unknown.

    `git`: how much of git is known offline. `warning`: a part of the offline warnings, or none of this kind.
    `told`: a part of what `preview` warns.
    """

    prepare: Prepare
    alone: tuple[str, int] | None
    git: str
    warning: str
    asked: tuple[str, int]
    told: str = BELOW


COUNTED = ("1.4.3", 2)
ROWS = {
    "full": Row(cloned(), COUNTED, "complete", BELOW, COUNTED),
    "without tags": Row(cloned("--no-tags"), ("0.0.0", 4), "partial", NO_TAG, COUNTED),
    "one branch": Row(cloned("--single-branch"), COUNTED, "complete", "", COUNTED),
    "one branch without tags": Row(cloned("--single-branch", "--no-tags"), ("0.0.0", 4), "partial", NO_TAG, COUNTED),
    "only a tag that is no version": Row(
        then(cloned("--no-tags"), lambda o, c: c.tag("nightly")), ("0.0.0", 4), "partial", NO_TAG, COUNTED
    ),
    "depth 1": Row(cloned("--depth=1"), None, "partial", SHALLOW, COUNTED),
    "depth 1 of all branches": Row(cloned("--depth=1", "--no-single-branch"), None, "partial", SHALLOW, COUNTED),
    "depth 1 without tags": Row(cloned("--depth=1", "--no-tags"), None, "partial", SHALLOW, COUNTED),
    "depth 2, the commit before the tag": Row(cloned("--depth=2"), None, "partial", SHALLOW, COUNTED),
    "depth 3, which reaches the tag": Row(cloned("--depth=3"), COUNTED, "partial", "may lack other", COUNTED),
    "depth 3 without tags": Row(cloned("--depth=3", "--no-tags"), None, "partial", SHALLOW, COUNTED),
    "depth 3, and a tag of another branch": Row(
        then(cloned("--depth=3"), lambda o, c: c.git("fetch", "--quiet", "--depth=1", "origin", "tag", "v2.0.0")),
        COUNTED, "partial", "`main`, as far as this clone has it:", COUNTED,
    ),
    "shallow by an excluded tag": Row(cloned("--shallow-exclude=v1.4.1"), COUNTED, "partial", "may lack", COUNTED),
    "a merge whose side is cut": Row(
        then(cloned("--depth=3"), merged_side), None, "partial", SHALLOW, ("1.4.3", 7)
    ),
    "depth beyond the history": Row(cloned("--depth=50"), COUNTED, "complete", "", COUNTED),
    "blobs left out": Row(cloned("--filter=blob:none"), COUNTED, "complete", BELOW, COUNTED),
    "trees left out": Row(cloned("--filter=tree:0"), COUNTED, "complete", BELOW, COUNTED),
    "blobs, tags and branches left out": Row(
        cloned("--filter=blob:none", "--no-tags", "--single-branch"), ("0.0.0", 4), "partial", NO_TAG, COUNTED
    ),
    "blobs left out, depth 1": Row(cloned("--filter=blob:none", "--depth=1"), None, "partial", SHALLOW, COUNTED),
    "borrowed objects": Row(cloned("--no-tags", "--shared"), ("0.0.0", 4), "partial", NO_TAG, COUNTED),
    "a worktree of a shallow clone": Row(worktree, None, "partial", SHALLOW, COUNTED, ""),
    "a remote with another name": Row(cloned("--origin=company", "--depth=1"), None, "partial", SHALLOW, COUNTED),
    "another name, no tags": Row(
        cloned("--origin=company", "--no-tags"), ("0.0.0", 4), "partial", "its remote `company`", COUNTED
    ),
    "two remotes": Row(then(cloned("--no-tags"), two_remotes), ("0.0.0", 4), "partial", "`company`", COUNTED),
    "a fork and its upstream": Row(then(cloned("--no-tags"), forked), ("0.0.0", 4), "partial", "`upstream`", COUNTED),
    "a relative remote": Row(
        then(cloned("--depth=1"), lambda o, c: c.git("remote", "set-url", "origin", "../repo")),
        None, "partial", SHALLOW, COUNTED,
    ),
    "a remote with a second URL, to which git only pushes": Row(
        then(cloned("--depth=1"), lambda o, c: c.git("remote", "set-url", "--add", "origin", "/nowhere")),
        None, "partial", SHALLOW, COUNTED,
    ),
    "a local commit on a shallow clone": Row(
        then(cloned("--depth=1"), lambda o, c: c.commit("mine")), None, "partial", SHALLOW, ("1.4.3", 3)
    ),
    "a kept workspace, a release since": Row(
        then(cloned(), lambda o, c: o.repo.tag("v1.5.0", o.after[0])), COUNTED, "complete", BELOW, ("1.5.1", 1)
    ),
    "a kept workspace, a tag moved since": Row(
        then(cloned(), lambda o, c: o.repo.git("tag", "--force", "v1.4.2", o.after[0])),
        COUNTED, "complete", BELOW, ("1.4.3", 1), "git tag `v1.4.2` names",
    ),
    "a higher prerelease behind the edge": Row(
        then(cloned("--depth=3"), lambda o, c: o.repo.tag("v1.5.0-rc.1", "v1.4.1")),
        COUNTED, "partial", "may lack", ("1.5.0-rc.1", 3),
    ),
    "a higher release behind the edge": Row(
        then(cloned("--depth=3", "--no-tags"), lambda o, c: o.repo.tag("v1.9.0", "v1.4.1")),
        None, "partial", SHALLOW, ("1.9.1", 3),
    ),
    "a higher release behind the edge, and its history is lost": Row(
        then(then(cloned("--depth=3"), lambda o, c: o.repo.tag("v1.9.0", "v1.4.1")), lose_history),
        COUNTED, "partial", "may lack", COUNTED,
    ),
    "a kept shallow workspace, a release since": Row(
        then(cloned("--depth=3"), lambda o, c: o.repo.tag("v1.4.3", o.after[0])),
        COUNTED, "partial", "may lack", ("1.4.4", 1),
    ),
    "a tag that was never pushed": Row(
        then(cloned(), lambda o, c: c.tag("v1.6.0", o.after[0])), ("1.6.1", 1), "complete", BELOW, ("1.6.1", 1)
    ),
    "grafted": Row(then(cloned(), graft), COUNTED, "complete", BELOW, COUNTED),
    "replaced": Row(
        then(cloned(), lambda o, c: c.git("replace", "--graft", "HEAD")), COUNTED, "complete", BELOW, COUNTED
    ),
    "the remote is gone": Row(
        then(cloned("--no-tags"), lambda o, c: c.git("remote", "set-url", "origin", "/nowhere")),
        ("0.0.0", 4), "partial", NO_TAG, ("0.0.0", 4), "the remote `origin` could not be asked for git tags: fatal:",
    ),
    "no remote": Row(
        then(cloned(), lambda o, c: c.git("remote", "remove", "origin")), COUNTED, "complete", BELOW, COUNTED
    ),
}  # fmt: skip


def content(clone: GitRepo) -> dict[str, str]:
    """Return every file of the clone's git folder with the hash of its bytes."""
    folder = clone.path / clone.git("rev-parse", "--git-common-dir")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def opened(clone: GitRepo, **env: str) -> Session:
    return open_workspace(str(clone.path), env={**clone.env, **env}, images=[IMAGE])


def version_at(counted: tuple[str, int] | None, commit: str) -> str | None:
    if counted is None:
        return None
    version, distance = counted
    return f"{version}{'.' if '-' in version else '-'}dev.{distance}.g{commit[:12]}"


@pytest.mark.parametrize("name", ROWS)
def test_tags_warns_of_what_a_clone_lacks_and_preview_reads_that_from_the_remote(
    origin: Origin, tmp_path: Path, name: str
) -> None:
    row = ROWS[name]
    clone = row.prepare(origin, tmp_path / "clone")
    before, head = content(clone), clone.head

    said = tags(opened(clone), TagsRequest())
    assert (said.version, said.known_from.git) == (version_at(row.alone, head), row.git)
    told = "\n".join(said.warnings)
    assert row.warning in told if row.warning else not told

    result = preview(opened(clone), RunRequest())
    decision = result.report.releases[0].decision
    assert decision.version == version_at(row.asked, head), decision.warnings
    assert row.told in "\n".join(decision.warnings)
    answered = row.told.startswith("the remote")
    assert decision.known_from == KnownFrom(
        git="partial" if answered else "complete", log="complete", registry="complete"
    )
    assert content(clone) == before


def test_preview_fetches_the_history_of_a_shallow_clone_whose_objects_have_sha256(
    git_repo: GitRepo, tmp_path: Path
) -> None:
    other = GitRepo(tmp_path / "other", home=Path(git_repo.env["HOME"]), init=False)
    git_repo.git("init", "--quiet", "--object-format=sha256", "--initial-branch=main", str(other.path))
    origins = {"sha1": git_repo, "sha256": other}
    for repo in origins.values():
        repo.commit(files={"Dockerfile": "FROM scratch\nCOPY a /a\n", "a": "1"})
        repo.tag("v1.4.2")
        repo.commit()
    # A clone that was made anew in the same folder uses the same folder of the cache.
    for objects in ("sha1", "sha256", "sha1"):
        clone = origins[objects].clone(tmp_path / "clone", "--depth=1")
        found = tags_asked(clone)
        assert found.version == version_at(("1.4.3", 1), clone.head), found.warnings
        shutil.rmtree(clone.path)


COUNTING = """\
image: oci:dist/image
tags: ["type=raw,value=n-{{commit_count}}", type=sha]
labels: {count: "{{commit_count}}", version: "{{version}}"}
"""


@pytest.mark.parametrize("option", [(), ("--depth=1",), ("--depth=2",), ("--filter=tree:0",)])
@pytest.mark.parametrize("config", [COUNTING, COUNTING.replace("tags: ", "# ")])
def test_commits_are_counted_over_the_whole_history_which_a_shallow_clone_gets_from_its_remote(
    origin: Origin, tmp_path: Path, option: tuple[str, ...], config: str
) -> None:
    head = origin.repo.commit("six", files={"shipmark.yml": config})
    clone = origin.repo.clone(tmp_path / "clone", *option)

    def decided(act: Callable[[Session], DecisionReport]) -> tuple[str | None, str | None, bool]:
        report = act(open_workspace(str(clone.path), env=clone.env))
        names = [tag.name for tag in report.tags]
        counted = next((name for name in names if name.startswith("n-")), None)
        lacks = any("`commit_count` is not known here" in text for text in report.warnings)
        return counted, report.labels["count"], lacks

    known = ("n-5" if config == COUNTING else None, "5", False)
    assert decided(lambda session: preview(session, RunRequest()).report.releases[0].decision) == known
    alone = decided(lambda session: tags(session, TagsRequest()))
    # `tags` opens no connection. A rule whose value is not known gives no tag: `n-` would name many commits.
    assert alone == ((None, "", True) if "--depth" in "".join(option) else known)
    assert head == clone.head


CI: dict[str, dict[str, str]] = {
    "GitHub": {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "push"},
    "GitLab": {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "main", "CI_PIPELINE_SOURCE": "push"},
    "Jenkins": {"JENKINS_URL": "https://ci.example/", "BRANCH_NAME": "main"},
}


SYSTEMS = [("GitHub", "fetch-depth: 0"), ("GitLab", "GIT_DEPTH"), ("Jenkins", "cloneOption")]


@pytest.mark.parametrize(("system", "line"), SYSTEMS)
def test_warning_about_a_detached_shallow_checkout_names_the_setting_of_its_ci_system(
    origin: Origin, tmp_path: Path, system: str, line: str
) -> None:
    clone = origin.repo.clone(tmp_path / "clone", "--depth=1")
    clone.git("checkout", "--quiet", "--detach")
    names = {"GitHub": "GITHUB_SHA", "GitLab": "CI_COMMIT_SHA", "Jenkins": "GIT_COMMIT"}
    env = {**CI[system], names[system]: clone.head}
    said = tags(opened(clone, **env), TagsRequest())
    assert any(line in text for text in said.warnings)
    decision = preview(opened(clone, **env), RunRequest()).report.releases[0].decision
    assert decision.version == version_at(COUNTED, clone.head)
    assert "main" in [tag.name for tag in decision.tags]


def test_preview_of_a_shallow_clone_connects_to_the_remote_three_times_at_first_and_then_twice(
    origin: Origin, tmp_path: Path
) -> None:
    clone = origin.repo.clone(tmp_path / "clone", "--depth=1")
    traces = tmp_path / "trace"

    def counted(act: Callable[[Session], Any]) -> int:
        shim = tmp_path / "bin"
        shim.mkdir(exist_ok=True)
        script = f'#!/bin/sh\necho "$*" >> {traces}\nPATH={clone.env["PATH"]} exec git "$@"\n'
        (shim / "git").write_text(script)
        (shim / "git").chmod(0o755)
        traces.write_text("")
        act(opened(clone, PATH=f"{shim}:{clone.env['PATH']}"))
        lines = traces.read_text().splitlines()
        return sum(" ls-remote " in line or " fetch " in line for line in lines)

    assert counted(lambda session: tags(session, TagsRequest())) == 0
    assert counted(lambda session: preview(session, RunRequest(offline=True))) == 0
    # `git ls-remote` for the decision, a fetch into the cache, `git ls-remote` when the move of `main` is judged.
    assert counted(lambda session: preview(session, RunRequest())) == 3
    assert counted(lambda session: preview(session, RunRequest())) == 2  # the history is in the cache by now


def test_the_clones_own_credential_fetches_its_history_and_stays_out_of_the_cache(
    origin: Origin, tmp_path: Path
) -> None:
    with served(tmp_path, origin.repo.env) as base:
        clone = origin.repo.clone(tmp_path / "clone", "--depth=1")
        clone.git("remote", "set-url", "origin", f"{base}/repo/.git")
        refused = tags_asked(clone, **CI["GitHub"], GITHUB_SHA=clone.head)
        assert refused.version is None
        (told,) = [text for text in refused.warnings if "could not be asked for git tags" in text]
        assert "take `persist-credentials: false` out of `with:` of `actions/checkout`" in told
        clone.git("config", f"http.{base}/.extraheader", f"Authorization: {CREDENTIAL}")
        before = content(clone)
        found = tags_asked(clone)
    assert found.version == version_at(COUNTED, clone.head), found.warnings
    assert content(clone) == before
    cache = Path(clone.env["SHIPMARK_CACHE_DIR"])
    texts = [path.read_bytes() for path in cache.rglob("*") if path.is_file()]
    assert texts
    assert not any(CREDENTIAL.encode() in text or base.encode() in text for text in texts)


@pytest.mark.parametrize("options", [("--depth=1",), ("--no-tags",), ()])
def test_a_version_is_found_with_a_remote_over_the_git_protocol(
    origin: Origin, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with git_daemon.served(tmp_path, origin.repo.env) as base:
        clone = origin.repo.clone(tmp_path / "clone", *options)
        clone.git("remote", "set-url", "origin", f"{base}/repo")
        before = content(clone)
        found = tags_asked(clone)
    assert found.version == version_at(COUNTED, clone.head), found.warnings
    assert found.known_from.git == "complete"
    assert content(clone) == before


def tags_asked(clone: GitRepo, **env: str) -> DecisionReport:
    return preview(opened(clone, **env), RunRequest()).report.releases[0].decision


class TestBranchTag:
    """The image tag `main` in a target that several clones release to, one after another."""

    @pytest.fixture
    def target(self, tmp_path: Path) -> str:
        return f"oci:{tmp_path / 'target'}"

    def released(self, clone: GitRepo, target: str, **env: str) -> RunResult:
        return run(open_workspace(str(clone.path), env={**clone.env, **env}, images=[target]), RunRequest())

    def held(self, target: str, commits: Mapping[str, str]) -> str | None:
        """Return the name of the commit whose image the tag `main` in the target points to."""
        layout = Layout(target.removeprefix("oci:"))
        found = layout.resolve("main")
        named = {
            image.digest: name
            for name, commit in commits.items()
            if (image := layout.resolve(f"sha-{commit[:12]}")) is not None
        }
        return None if found is None else named.get(found.digest)

    @pytest.mark.parametrize("options", [["--depth=1"], ["--depth=1", "--filter=blob:none"], []])
    def test_branch_tag_moves_to_the_next_commit_from_every_kind_of_clone(
        self, origin: Origin, tmp_path: Path, target: str, options: list[str]
    ) -> None:
        first = origin.repo.clone(tmp_path / "first", *options)
        assert self.released(first, target).error is None
        second = origin.repo.commit("six", files={"a": "6"})
        again = origin.repo.clone(tmp_path / "second", *options)
        assert self.released(again, target).error is None
        assert self.held(target, {"first": first.head, "second": second}) == "second"

    def test_branch_tag_moves_forward_although_the_remote_branch_went_on_and_never_back(
        self, origin: Origin, tmp_path: Path, target: str
    ) -> None:
        clones = {}
        for name in ("first", "second", "third"):
            clones[name] = origin.repo.clone(tmp_path / name, "--depth=1")
            if name == "first":
                assert self.released(clones[name], target).error is None
            origin.repo.commit(name, files={"a": name})
        commits = {name: clone.head for name, clone in clones.items()}
        seen = []
        for name in ("second", "third", "second", "first"):  # the branch on the remote is at a fourth commit
            assert self.released(clones[name], target).error is None
            seen.append(self.held(target, commits))
        assert seen == ["second", "third", "third", "third"]

    def test_branch_tag_is_withheld_if_the_history_that_a_shallow_clone_lacks_cannot_be_fetched(
        self, origin: Origin, tmp_path: Path, target: str
    ) -> None:
        first = origin.repo.clone(tmp_path / "first", "--depth=1")
        self.released(first, target)
        second = origin.repo.commit("six", files={"a": "6"})
        clone = origin.repo.clone(tmp_path / "second", "--depth=1")
        clone.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
        env = {**CI["GitHub"], "GITHUB_SHA": second}
        session = open_workspace(str(clone.path), env={**clone.env, **env}, images=[target])
        shown = preview(session, RunRequest())
        assert [one.name for one in shown.report.releases[0].decision.withheld] == ["main"]
        result = self.released(clone, target, **env)
        for error in (shown.error, result.error):
            assert isinstance(error, ShallowClone)
            assert "fetch-depth: 0" in str(error.hint)
        assert self.held(target, {"first": first.head, "second": second}) == "first"

    def test_branch_tag_moves_from_a_complete_clone_without_a_remote(
        self, origin: Origin, tmp_path: Path, target: str
    ) -> None:
        first = origin.repo.clone(tmp_path / "first")
        self.released(first, target)
        second = origin.repo.commit("six", files={"a": "6"})
        clone = origin.repo.clone(tmp_path / "second")
        clone.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
        assert self.released(clone, target).error is None
        assert self.held(target, {"first": first.head, "second": second}) == "second"


@pytest.mark.parametrize("options", [["--depth=1"], ["--no-tags"], []])
def test_registry_tags_withhold_moving_tags_if_the_git_remote_refuses(
    origin: Origin, tmp_path: Path, options: list[str]
) -> None:
    target = f"oci:{tmp_path / 'target'}"
    origin.repo.checkout("v2.0.0")
    assert (
        run(open_workspace(str(origin.repo.path), env=origin.repo.env, images=[target]), RunRequest()).error
        is None
    )
    origin.repo.checkout("main")
    origin.repo.tag("v1.5.0")
    clone = origin.repo.clone(tmp_path / "clone", *options)
    clone.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
    env = {**clone.env, **CI["GitHub"], "GITHUB_REF": "refs/tags/v1.5.0", "GITHUB_SHA": clone.head}
    result = run(open_workspace(str(clone.path), env=env, images=[target]), RunRequest())
    assert result.error is None
    decision = result.report.releases[0].decision
    assert [tag.name for tag in decision.tags][-2:] == ["1.5", "1"]
    assert [(one.name, one.reason) for one in decision.withheld] == [("latest", "2.0.0 is higher")]
    assert any("judged by the registry's list of tags" in text for text in decision.warnings)


def test_branch_of_a_workflow_run_is_known_from_the_last_fetch_of_a_detached_clone(
    origin: Origin, tmp_path: Path
) -> None:
    origin.repo.git("branch", "release-1.2")
    clone = origin.repo.clone(tmp_path / "clone")
    clone.checkout(clone.head)
    pushed = {
        "event": "push",
        "head_branch": "release-1.2",
        "head_sha": clone.head,
        "head_repository": {"full_name": "acme/app"},
    }
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"full_name": "acme/app"}, "workflow_run": pushed}))
    run_of = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REPOSITORY": "acme/app"}
    env = {**clone.env, **run_of, "GITHUB_EVENT_PATH": str(event)}
    said = tags(open_workspace(str(clone.path), env=env, images=[IMAGE]), TagsRequest())
    assert "release-1.2" in [tag.name for tag in said.tags]


@pytest.mark.parametrize("name", ["origin", "upstream"])
def test_default_branch_is_that_of_the_remote_whatever_its_name(
    git_repo: GitRepo, tmp_path: Path, name: str
) -> None:
    git_repo.commit(files={"shipmark.yml": "latest: default-branch\n"})
    git_repo.git("branch", "--move", "trunk")
    clone = git_repo.clone(tmp_path / "clone", "--origin", name)
    assert has_latest(clone)
    clone.branch("side", "HEAD")
    assert not has_latest(clone)


def test_default_branch_is_that_of_origin_where_the_remote_of_the_branch_names_none(
    git_repo: GitRepo, tmp_path: Path
) -> None:
    git_repo.commit(files={"shipmark.yml": "latest: default-branch\n"})
    clone = git_repo.clone(tmp_path / "clone")
    clone.git("remote", "add", "fork", str(git_repo.path))
    clone.git("config", "branch.main.remote", "fork")
    assert has_latest(clone)


def has_latest(clone: GitRepo) -> bool:
    return "latest" in {one.name for one in tags(opened(clone), TagsRequest()).tags}
