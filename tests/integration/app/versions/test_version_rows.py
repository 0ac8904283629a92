"""Tables over real git repositories: the next version by messages, branches and the log; events of CI systems."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import shipmark
from release.app.releases.request import RunRequest
from release.app.releases.run import run
from release.app.session import Session
from release.app.workspace import open_workspace
from release.versions.semver import parse
from tests.support.conformance import table
from tests.support.events_page import rows
from tests.support.releases.git import GitRepo

IMAGE = "oci:dist/image"
Next = tuple[str | None, str]


def opened(repo: GitRepo, **env: str) -> Session:
    return open_workspace(str(repo.path), env={**repo.env, **env}, images=[IMAGE])


def following(repo: GitRepo, part: str = "auto") -> Next:
    """Return the next version, or None, and its reason."""
    request = shipmark.NextVersionRequest(part=part)  # type: ignore[arg-type]  # a literal
    found = shipmark.next_version(opened(repo), request)
    return (None, "") if found is None else (found.version, str(found.reason))


def copied(template: GitRepo, path: Path) -> GitRepo:
    """Return a copy of a repository with everything that lies beside its commits, such as a version log."""
    shutil.copytree(template.path, path, symlinks=True)
    copy = GitRepo(path, home=Path(template.env["HOME"]), init=False)
    copy._clock = template._clock
    return copy


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """Give a repository whose main has v1.2.3, tagged at a feature, which every row starts from."""
    folder = tmp_path_factory.mktemp("tagged")
    repo = GitRepo(folder / "repo", home=folder)
    repo.commit(
        "feat: first",
        {"Dockerfile": "FROM scratch\nCOPY a /a\n", "a": "1", ".gitignore": "dist/\n.shipmark/\n"},
    )
    repo.tag("v1.2.3")
    return repo


#: Commits after v1.2.3, oldest first, and the next version. `{n}`: the id of commit n; `{released}`: v1.2.3's.
MESSAGES: dict[str, tuple[list[str], str | None]] = {
    "breaking text on the next line": (["fix: a\n\nBREAKING CHANGE:\nthe API is gone"], "2.0.0"),
    "two blanks before the breaking text": (["fix: a\n\nBREAKING CHANGE:  gone"], "2.0.0"),
    "two blanks after the type": (["feat:  x"], "1.3.0"),
    "a squash with a breaking line": (["Shop (#12)\n\n* feat: a\n* fix!: b"], "2.0.0"),
    "a breaking change, reverted": (["feat!: a", 'Revert "feat!: a"\n\nThis reverts commit {0}.'], None),
    "capitals in the type": (["FIX: x"], "1.2.4"),
    "a scope, `!` and three blanks": (["feat(core)!:   x"], "2.0.0"),
    "a hyphen in the footer": (["chore: x\n\nBREAKING-CHANGE: y"], "2.0.0"),
    "the footer in small letters": (["fix: x\n\nbreaking change: y"], "1.2.4"),
    "the footer without a text": (["fix: x\n\nBREAKING CHANGE:"], "1.2.4"),
    "the footer between others": (["fix: x\n\nReviewed-by: Z\nBREAKING CHANGE: y\nRefs: #1"], "2.0.0"),
    "the footer without a colon": (["docs: x\n\nBREAKING CHANGE #12"], None),
    "a blank before the colon": (["feat : x"], None),
    "no blank after the colon": (["feat:x"], None),
    "an emoji before the type": ([":sparkles: feat: x"], None),
    "a scope with other letters": (["feat(äö/x y): z"], "1.3.0"),
    "a squash of GitLab": (["Topic (!7)\n\n- feat: a\n- fix: b"], "1.3.0"),
    "a squash of Azure Repos": (["Merged PR 12: feat: x"], "1.3.0"),
    "the log of a squash": (
        ["Squashed commit of the following:\n\ncommit {released}\nAuthor: A <a@b.c>\n\n    feat: a"], "1.3.0",
    ),
    "a reverted revert": (
        ["feat: a", 'Revert "feat: a"\n\nThis reverts commit {0}.',
         'Revert "Revert "feat: a""\n\nThis reverts commit {1}.'],
        "1.3.0",
    ),
    "the revert of a release's commit": (['Revert "feat: first"\n\nThis reverts commit {released}.'], "1.2.4"),
    "a revert that is conventional": (["feat!: a", "fix: b", "revert: feat!: a\n\nRefs: {0}"], "1.2.4"),
    "a revert of one of two": (["feat!: a", "feat: b", 'Revert "feat!: a"\n\nThis reverts commit {0}.'], "1.3.0"),
    "no commit": ([], None),
}  # fmt: skip


def test_next_version_follows_the_messages_of_real_commits(tagged: GitRepo) -> None:
    found = {}
    for name, (messages, _) in MESSAGES.items():
        tagged.git("checkout", "--quiet", "--detach", "v1.2.3")
        ids: list[str] = []
        for message in messages:
            ids.append(
                tagged.commit(message.format(*ids, released=tagged.git("rev-parse", "v1.2.3^{commit}")))
            )
        found[name] = following(tagged)[0]
    tagged.checkout("main")
    assert found == {name: expected for name, (_, expected) in MESSAGES.items()}


class Elsewhere(NamedTuple):
    """Tags outside of main's history. `gives`: the next version of the part, and a part of its reason."""

    change: Callable[[GitRepo], object]
    part: str
    gives: Next


def release(branch: str, *git_tags: str) -> Callable[[GitRepo], None]:
    """Return a function that makes a branch with one commit for each of these tags, and never merges it."""

    def made(repo: GitRepo) -> None:
        repo.branch(branch, "v1.2.3")
        for name in git_tags:
            repo.commit("chore: release")
            repo.tag(name)
        repo.checkout("main")

    return made


def merged_back(repo: GitRepo) -> None:
    release("release/1.4", "v1.4.0")(repo)
    repo.merge("release/1.4")
    repo.commit("fix: later")


def without_branch(repo: GitRepo) -> None:
    release("release/1.4", "v1.4.0")(repo)
    repo.git("branch", "-D", "release/1.4")


def packed(repo: GitRepo) -> None:
    release("release/1.4", "v1.4.0")(repo)
    repo.git("pack-refs", "--all")


def on_the_branch(repo: GitRepo) -> None:
    release("release/1.4", "v1.4.0")(repo)
    repo.checkout("release/1.4")
    repo.commit("fix: here")


HIGHER = "is higher, from a commit outside of HEAD's history"
ELSEWHERE = {
    "a release branch that is never merged": Elsewhere(
        release("release/1.4", "v1.4.0"), "auto", ("1.2.4", f"1.4.0 (git tag) {HIGHER}")
    ),
    "the same, minor": Elsewhere(release("release/1.4", "v1.3.0"), "minor", ("1.4.0", "1.3.0 (git tag) is taken")),
    "its branch is deleted": Elsewhere(without_branch, "auto", ("1.2.4", HIGHER)),
    "packed refs": Elsewhere(packed, "auto", ("1.2.4", HIGHER)),
    "several releases on it": Elsewhere(
        release("release/1.3", "v1.3.0", "v1.4.0", "1.5.0"), "minor",
        ("1.6.0", "1.3.0 (git tag), 1.4.0 (git tag), 1.5.0 (git tag) are taken"),
    ),
    "the patch is taken on it": Elsewhere(
        release("hotfix", "v1.2.4", "v1.2.5"), "auto", ("1.2.6", "1.2.4 (git tag), 1.2.5 (git tag) are taken")
    ),
    "a prerelease on it": Elsewhere(release("next", "v1.3.0-rc.1"), "minor", ("1.3.0", "")),
    "a lower version on it": Elsewhere(release("old", "v1.1.9"), "auto", ("1.2.4", "fix: on main")),
    "another prefix on it": Elsewhere(release("web", "web/v9.0.0"), "minor", ("1.3.0", "")),
    "major is taken on it": Elsewhere(release("two", "v2.0.0"), "major", ("3.0.0", "2.0.0 (git tag) is taken")),
    "it was merged back": Elsewhere(merged_back, "auto", ("1.4.1", "fix: later")),
    "HEAD is on it": Elsewhere(on_the_branch, "auto", ("1.4.1", "fix: here")),
}  # fmt: skip


@pytest.fixture(scope="module")
def fixed(tagged: GitRepo, tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """Give the repository with a fix on main after v1.2.3."""
    repo = copied(tagged, tmp_path_factory.mktemp("fixed") / "repo")
    repo.commit("fix: on main")
    return repo


def test_releases_outside_of_heads_history_are_passed_over_and_named(fixed: GitRepo, tmp_path: Path) -> None:
    wrong: list[tuple[object, ...]] = []
    for number, (name, row) in enumerate(ELSEWHERE.items()):
        repo = copied(fixed, tmp_path / str(number))
        row.change(repo)
        version, reason = following(repo, row.part)
        if version != row.gives[0] or row.gives[1] not in reason:
            wrong.append((name, version, reason))
    assert wrong == []


class Logged(NamedTuple):
    """What follows 1.4.0, which only the log has. `next_`: of `auto`, `counted`: the version without its commit."""

    change: Callable[[GitRepo], object]
    next_: str | None
    counted: str
    warns: bool = True


def from_before(repo: GitRepo) -> None:
    repo.git("checkout", "--quiet", "-b", "other", "v1.2.3")
    repo.commit("fix: x")


def tagged_later(repo: GitRepo) -> None:
    repo.tag("v1.4.0")
    repo.commit("fix: x")


def higher_tag(repo: GitRepo) -> None:
    repo.commit("fix: x")
    repo.tag("v1.5.0")
    repo.commit("fix: y")


def without_log(repo: GitRepo) -> None:
    shutil.rmtree(repo.path / ".shipmark")
    repo.commit("fix: x")


LOGGED = {
    "a fix since": Logged(lambda repo: repo.commit("fix: x"), "1.4.1", "1.4.1-dev.1"),
    "a feature and a fix since": Logged(
        lambda repo: (repo.commit("feat: x"), repo.commit("fix: y")), "1.5.0", "1.4.1-dev.2"
    ),
    "a break since": Logged(lambda repo: repo.commit("feat!: x"), "2.0.0", "1.4.1-dev.1"),
    "nothing since": Logged(lambda repo: repo, None, "1.4.0"),
    "no commit that asks for a release": Logged(lambda repo: repo.commit("docs: x"), None, "1.4.1-dev.1"),
    "HEAD is detached": Logged(
        lambda repo: (repo.commit("fix: x"), repo.git("checkout", "--quiet", "--detach")), "1.4.1", "1.4.1-dev.1"
    ),
    "packed refs": Logged(lambda repo: (repo.commit("fix: x"), repo.git("pack-refs", "--all")), "1.4.1", "1.4.1-dev.1"),
    "HEAD is on another branch": Logged(from_before, "1.2.4", "1.2.4-dev.1", warns=False),
    "the git tag came later": Logged(tagged_later, "1.4.1", "1.4.1-dev.1", warns=False),
    "a higher git tag since": Logged(higher_tag, "1.5.1", "1.5.1-dev.1", warns=False),
    "the log is lost": Logged(without_log, "1.3.0", "1.2.4-dev.2", warns=False),
}  # fmt: skip


@pytest.fixture(scope="module")
def logged(tagged: GitRepo, tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """Give the repository with a feature after v1.2.3 that is released as 1.4.0, without a git tag."""
    repo = copied(tagged, tmp_path_factory.mktemp("logged") / "repo")
    repo.commit("feat: second", {"a": "2"})
    assert run(opened(repo), RunRequest(version=parse("1.4.0"), reason="no tag")).error is None
    return repo


def test_versions_count_from_a_release_that_only_the_log_has(logged: GitRepo, tmp_path: Path) -> None:
    wrong: list[tuple[object, ...]] = []
    for number, (name, row) in enumerate(LOGGED.items()):
        repo = copied(logged, tmp_path / str(number))
        row.change(repo)
        report = shipmark.version(opened(repo), shipmark.VersionRequest())
        warned = any("1.4.0, which only the version log has" in text for text in report.warnings)
        found = (following(repo)[0], report.version.partition(".g")[0], warned)
        if found != (row.next_, row.counted, row.warns):
            wrong.append((name, found))
    assert wrong == []


#: The systems of the event table whose rows run here: those with requests, forks and words of other systems.
SYSTEMS = ("github", "gitlab", "jenkins", "tekton")


@pytest.fixture(scope="module")
def refs(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """Give the repository that the event table describes: branches and git tags at one commit, in packed refs."""
    folder = tmp_path_factory.mktemp("refs")
    repo = GitRepo(folder / "repo", home=folder)
    repo.commit("feat: one")
    repo.branch("feature/login")
    for name in ("nightly", "v1.4.2"):
        repo.tag(name)
    repo.git("pack-refs", "--all")
    repo.git("checkout", "--quiet", "--detach")
    return repo


def test_events_give_tags_in_a_real_repository_only_where_the_event_table_permits_it(
    refs: GitRepo, tmp_path: Path
) -> None:
    old, wrong = table("ci-events")["head"], []
    path = tmp_path / "event.json"
    chosen = [row for row in rows() if row["system"] in SYSTEMS and "branch" not in row]
    for row in chosen:
        env = json.loads(json.dumps(row["env"]).replace(old, refs.head))
        path.write_text(json.dumps(row.get("event") or {}).replace(old, refs.head))
        if row["system"] == "github":
            env["GITHUB_EVENT_PATH"] = str(path)
        made = shipmark.tags(opened(refs, **env), shipmark.TagsRequest())
        may, names = row["may"], [tag.name for tag in made.tags]
        is_release = "1.4.2" in names
        if (is_release, bool(names)) != (
            may == "release" and row["ref"] == "v1.4.2",
            may in ("release", "branch", "commit") and row["ref"] != "nightly",
        ):
            wrong.append((row["system"], row["title"], may, names))
    assert len(chosen) >= 100
    assert wrong == []
