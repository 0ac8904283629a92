"""`version --next` and its git tag: which versions are taken, and what a remote has that the clone lacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import shipmark
from release.app.releases.request import RunRequest
from release.app.releases.run import run
from release.app.session import Session
from release.app.versions.next_step import NextPart
from release.app.versions.next_version import NextVersionRequest, next_version
from release.app.versions.version import VersionReport
from release.app.workspace import open_workspace
from release.errors import ConfigError, GitError, RefusedError, ReleaseError
from release.events import Event, Note
from release.versions.semver import parse
from tests.support.releases.git import GitRepo

PERSON = {
    "GIT_AUTHOR_NAME": "Ada Tester",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Tester",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


class Notes:
    """Event sink that keeps the texts of notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note):
            self.texts.append(event.text)


@pytest.fixture
def origin(git_repo: GitRepo) -> GitRepo:
    """Give a repository whose main has v0.2.0, v0.3.0 and a fix after it; v0.4.0 is on an unmerged release branch."""
    git_repo.commit(
        "feat: one", files={"Dockerfile": "FROM scratch\nCOPY a /a\n", "a": "1", ".gitignore": "dist/\n"}
    )
    git_repo.tag("v0.2.0")
    git_repo.commit("feat: two")
    git_repo.tag("v0.3.0")
    git_repo.branch("release/0.4")
    git_repo.commit("chore: release")
    git_repo.tag("v0.4.0")
    git_repo.checkout("main")
    git_repo.commit("fix: three")
    return git_repo


@pytest.fixture
def remote(origin: GitRepo, tmp_path: Path) -> GitRepo:
    """Give the bare repository that clones are made of, and that tags are pushed to."""
    return origin.clone(tmp_path / "remote.git", "--bare")


def opened(clone: GitRepo, notes: Notes | None = None, *, image: str = "") -> Session:
    env = {**clone.env, **PERSON}
    return open_workspace(str(clone.path), env=env, images=[image] if image else [], sink=notes)


def asked(clone: GitRepo, part: NextPart, notes: Notes | None = None, **more: object) -> VersionReport:
    found = next_version(opened(clone, notes), NextVersionRequest(part=part, **more))  # type: ignore[arg-type]
    assert found is not None
    return found


#: A calendar version later than today, the config's pattern, and the git tag above it that the hint names.
LATER: list[tuple[str, str, str]] = [
    ("v2099.11.1", "", "v2099.11.2"),
    ("2099.11", "", "2099.11.1"),
    ("v2099.01.09", "YYYY.0M.0D", "v2099.01.10"),
]


@pytest.mark.parametrize(("later", "pattern", "above"), LATER, ids=[row[0] for row in LATER])
def test_hint_for_a_calendar_version_later_than_today_gives_a_version_when_followed(
    git_repo: GitRepo, tmp_path: Path, later: str, pattern: str, above: str
) -> None:
    bump = f"bump: {{calver: {pattern}}}\n" if pattern else ""
    git_repo.commit("feat: one", {"shipmark.yml": f"image: oci:dist/x\nversions: calver\n{bump}"})
    git_repo.tag(later)
    git_repo.commit("feat: two")
    remote = git_repo.clone(tmp_path / "remote.git", "--bare")
    clone = remote.clone(tmp_path / "clone")
    for part in ("auto", "prerelease"):
        with pytest.raises(ConfigError, match="is not lower") as caught:
            next_version(opened(clone), NextVersionRequest(part=part))
        made, *deleting = re.findall("`git ([^`]+)`", caught.value.hint or "")
        assert made == f"tag {above}"
    for command in deleting:
        clone.git(*command.split())
    assert asked(clone, "auto").version.startswith("20")
    clone.git(*made.split())
    tags = shipmark.tags(opened(clone, image="oci:dist/x"), shipmark.TagsRequest())
    assert tags.version == above.removeprefix("v")


def test_tag_that_was_created_and_not_pushed_is_told_where_no_version_is_due(
    remote: GitRepo, tmp_path: Path
) -> None:
    clone, notes = remote.clone(tmp_path / "clone"), Notes()
    clone.tag("v9.0.0")
    assert next_version(opened(clone, notes), NextVersionRequest()) is None
    assert any("`git push origin v9.0.0` if it was not pushed yet" in text for text in notes.texts)


def test_hint_for_a_prerelease_that_would_sort_below_its_predecessor_gives_versions_when_followed(
    git_repo: GitRepo,
) -> None:
    git_repo.commit("feat: one")
    git_repo.tag("v1.5.0-rc9")
    git_repo.commit("fix: two")
    with pytest.raises(ConfigError, match=r"1\.5\.0-rc10 would sort below") as caught:
        asked(git_repo, "prerelease")
    assert "`--next auto` ends these prereleases with 1.5.0" in (caught.value.hint or "")
    assert asked(git_repo, "auto").version == "1.5.0"
    git_repo.tag("v1.5.0")
    git_repo.commit("fix: three")
    assert asked(git_repo, "prerelease").version == "1.5.1-rc.1"


@pytest.mark.parametrize("existing", ["v2024.53.1", "2025-1-2-3", "23.40"])
def test_hint_for_calendar_versions_of_unclear_form_gives_a_version_when_followed(
    git_repo: GitRepo, existing: str
) -> None:
    git_repo.commit("feat: one", {"shipmark.yml": "image: oci:dist/x\nversions: calver\n"})
    git_repo.tag(existing)
    git_repo.commit("feat: two")
    for part in ("auto", "prerelease"):
        with pytest.raises(ConfigError, match="do not show what") as caught:
            next_version(opened(git_repo), NextVersionRequest(part=part))
    line = (caught.value.hint or "").split("`")[1]
    git_repo.write({"shipmark.yml": f"image: oci:dist/x\nversions: calver\n{line}\n"})
    assert asked(git_repo, "auto").version[:2] in ("20", "26")


def test_hint_for_a_calendar_pattern_that_gives_lower_versions_gives_a_version_when_followed(
    git_repo: GitRepo,
) -> None:
    git_repo.commit("feat: one", {"shipmark.yml": "versions: calver\nbump: {calver: YY.MM.MICRO}\n"})
    git_repo.tag("v2024.10.3")
    git_repo.commit("feat: two")
    with pytest.raises(ConfigError) as caught:
        next_version(opened(git_repo, image="oci:dist/x"), NextVersionRequest(part="auto"))
    hint = caught.value.hint or ""
    assert hint.startswith("take `bump.calver: YY.MM.MICRO` out of shipmark.yml")
    git_repo.write({"shipmark.yml": "versions: calver\n"})
    version = asked(git_repo, "auto").version
    assert hint.endswith(f"give {version}") or version.startswith("20")  # the month may have just ended


FREE: list[tuple[str, str, NextPart, str, str]] = [
    # What the last commit says, the part, the next version, a part of the reason.
    ("a fix on main", "fix: x", "auto", "0.3.1", "0.4.0 (git tag) is higher"),
    ("a feature on main", "feat: x", "auto", "0.5.0", "0.4.0 (git tag) is taken"),
    ("a breaking change on main", "feat!: x", "auto", "0.5.0", "0.4.0 (git tag) is taken"),
    ("patch", "docs: x", "patch", "0.3.1", "0.4.0 (git tag) is higher"),
    ("minor", "docs: x", "minor", "0.5.0", "0.4.0 (git tag) is taken"),
    ("major", "docs: x", "major", "1.0.0", ""),
]


@pytest.mark.parametrize(
    ("message", "part", "expected", "why"), [row[1:] for row in FREE], ids=[row[0] for row in FREE]
)
def test_next_version_is_the_next_free_one_with_its_reason(
    origin: GitRepo, message: str, part: NextPart, expected: str, why: str
) -> None:
    origin.commit(message)
    notes = Notes()
    found = asked(origin, part, notes)
    assert (found.version, found.known_from.git) == (expected, "complete")
    assert why in (found.reason or "")
    assert not any("maintenance" in text for text in notes.texts)


def test_hint_where_no_remote_is_chosen_lets_a_version_be_tagged_when_followed(
    origin: GitRepo, tmp_path: Path
) -> None:
    clone = origin.clone(tmp_path / "clone")
    clone.git("remote", "rename", "origin", "a")
    clone.git("remote", "add", "b", clone.git("remote", "get-url", "a"))
    clone.git("branch", "--unset-upstream")
    with pytest.raises(GitError, match="none of the remotes `a`, `b` is called `origin`") as caught:
        asked(clone, "minor", git_tag="local")
    command = re.findall("`git ([^`]+)`", caught.value.hint or "")[0]
    clone.git(*command.replace("BRANCH", "main").split())
    assert asked(clone, "minor", git_tag="local").version == "0.5.0"


@pytest.mark.parametrize(
    "options", [["--no-tags"], ["--depth=1"], ["--depth=2", "--no-tags"], ["--single-branch"]]
)
def test_next_version_in_an_incomplete_clone_is_that_of_the_remotes_history_and_tags(
    origin: GitRepo, tmp_path: Path, options: list[str]
) -> None:
    clone = origin.clone(tmp_path / "clone", *options)
    assert asked(clone, "auto").version == "0.3.1"
    found = asked(clone, "minor")
    assert (found.version, found.known_from.git) == ("0.5.0", "complete")


def test_next_version_passes_over_several_taken_versions(origin: GitRepo) -> None:
    origin.git("tag", "v0.5.0", "release/0.4")
    origin.git("tag", "0.6.0", "release/0.4")
    origin.git("tag", "v0.7.0-rc.1", "release/0.4")
    origin.git("tag", "v0.6.1+build", "release/0.4")
    found = asked(origin, "minor")
    assert found.version == "0.7.0"
    assert "0.4.0 (git tag), 0.5.0 (git tag), 0.6.0 (git tag) are taken" in (found.reason or "")
    assert asked(origin, "patch").version == "0.3.1"


class Lack(NamedTuple):
    """A case in which no git tag is made. `prepare`: changes clone and remote. `told`: a part of the error message."""

    options: tuple[str, ...]
    prepare: Callable[[GitRepo, GitRepo], object]
    told: str


def nothing(clone: GitRepo, remote: GitRepo) -> None:
    """Leave clone and remote as they are."""


def hidden(clone: GitRepo, remote: GitRepo) -> None:
    clone.git("remote", "set-url", "origin", str(remote.path.with_name("nowhere")))


def on_a_new_branch(clone: GitRepo, remote: GitRepo) -> None:
    clone.branch("topic")
    clone.commit("fix: mine")


LACKS = {
    "no tags": Lack(("--no-tags",), nothing, "`v0.2.0`"),
    "depth 1": Lack(("--depth=1",), nothing, "`v0.2.0`"),
    "one branch": Lack(("--single-branch",), nothing, "`v0.4.0`"),
    "blobs left out, no tags": Lack(("--filter=blob:none", "--no-tags"), nothing, "`v0.2.0`"),
    "a release since": Lack((), lambda c, r: r.git("tag", "v0.9.0", "main"), "`v0.9.0`"),
    "a release since, of a commit in HEAD's history": Lack(
        (), lambda c, r: r.git("tag", "v0.3.1", "v0.3.0"), "`v0.3.1`"
    ),
    "a prerelease since": Lack((), lambda c, r: r.git("tag", "v0.5.0-rc.1", "main"), "`v0.5.0-rc.1`"),
    "a tag moved since": Lack((), lambda c, r: r.git("tag", "--force", "v0.3.0", "main"), "`v0.3.0`"),
    "the remote is gone": Lack((), hidden, "could not be asked"),
    "the remote is gone, no tags": Lack(("--no-tags",), hidden, "could not be asked"),
    "two remotes, none chosen": Lack(
        ("--origin=a",),
        lambda c, r: (c.git("remote", "add", "b", "/nowhere"), c.git("checkout", "--quiet", "--detach")),
        "could not be asked",
    ),
    "a commit that was not pushed": Lack(
        (), lambda c, r: c.commit("fix: mine"), "no branch of the remote `origin`"
    ),
    "a branch that was not pushed": Lack((), on_a_new_branch, "no branch of the remote `origin`"),
    "a commit that was rewritten on the remote": Lack(
        (), lambda c, r: r.git("branch", "--force", "main", "main~1"), "no branch of the remote `origin`"
    ),
    "a dirty tree": Lack((), lambda c, r: c.write({"a": "2"}), "tracked files differ"),
}


@pytest.mark.parametrize(("number", "name"), list(enumerate(LACKS)), ids=LACKS)
def test_next_version_makes_no_git_tag_if_clone_and_remote_do_not_agree(
    remote: GitRepo, tmp_path: Path, number: int, name: str
) -> None:
    row, push = LACKS[name], number % 2 == 1
    remote.git("config", "uploadpack.allowFilter", "true")
    clone = remote.clone(tmp_path / "clone", *row.options)
    row.prepare(clone, remote)
    before = (clone.git("show-ref", check=False), remote.git("show-ref"))
    with pytest.raises(GitError) as failure:
        asked(clone, "patch", git_tag="pushed" if push else "local")
    assert failure.value.exit_code == 3
    assert row.told in failure.value.message
    assert failure.value.hint
    assert (clone.git("show-ref", check=False), remote.git("show-ref")) == before


def on_a_branch_that_went_on(clone: GitRepo, remote: GitRepo) -> None:
    """Push a commit to the remote's main that the clone does not have."""
    other = remote.clone(clone.path.with_name("other"))
    other.commit("docs: later")
    other.git("push", "--quiet", "origin", "main")


MAY: dict[str, tuple[tuple[str, ...], Callable[[GitRepo, GitRepo], object], bool, str]] = {
    "as it is": ((), nothing, False, "origin"),
    "detached": ((), lambda c, r: c.git("checkout", "--quiet", "--detach"), False, "origin"),
    "the branch went on": ((), on_a_branch_that_went_on, False, "origin"),
    "another name of the remote": (("--origin=company",), nothing, False, "company"),
    "blobs left out": (("--filter=blob:none",), nothing, False, "origin"),
    "shallow with all tags": (
        ("--depth=1",), lambda c, r: c.git("fetch", "--quiet", "--depth=1", "--tags"), False, "origin",
    ),
    "unpushed, by force": ((), lambda c, r: c.commit("fix: mine"), True, "origin"),
    "a tag of another component": ((), lambda c, r: r.git("tag", "web/v9.0.0", "main"), False, "origin"),
    "a tag that is no version": ((), lambda c, r: r.git("tag", "nightly", "main"), False, "origin"),
}  # fmt: skip


@pytest.mark.parametrize("name", MAY)
def test_next_version_makes_the_git_tag_and_pushes_it_to_the_remote_that_it_read(
    remote: GitRepo, tmp_path: Path, name: str
) -> None:
    options, prepare, force, pushed_to = MAY[name]
    remote.git("config", "uploadpack.allowFilter", "true")
    clone = remote.clone(tmp_path / "clone", *options)
    prepare(clone, remote)
    notes = Notes()
    found = asked(clone, "patch", notes, git_tag="pushed", force_unpushed=force)
    assert (found.version, found.git_tag) == ("0.3.1", "v0.3.1")
    assert remote.git("rev-parse", "v0.3.1^{commit}") == clone.head
    (told,) = [text for text in notes.texts if "git tag `v0.3.1` names" in text]
    assert f"here and on `{pushed_to}`" in told
    assert "`shipmark run --release v0.3.1`" in told


def test_next_version_makes_no_second_prerelease_of_a_channel_on_one_commit(origin: GitRepo) -> None:
    assert asked(origin, "prerelease", git_tag="local").version == "0.3.1-rc.1"
    with pytest.raises(RefusedError, match=r"released as `v0\.3\.1-rc\.1` already"):
        asked(origin, "prerelease", git_tag="local")
    assert asked(origin, "prerelease", channel="rd", git_tag="local").version == "0.3.1-rd.1"
    assert asked(origin, "patch", git_tag="local").version == "0.3.1"


def test_next_version_warns_if_the_remote_lacks_the_git_tag_that_it_follows(
    remote: GitRepo, tmp_path: Path
) -> None:
    clone, notes = remote.clone(tmp_path / "clone"), Notes()
    remote.git("tag", "--delete", "v0.3.0")
    assert asked(clone, "patch", notes).version == "0.3.1"
    (told,) = [text for text in notes.texts if "not on the remote" in text]
    assert "`git tag -d v0.3.0` if it was deleted there" in told


class TestTaken:
    """Versions that only the version log or a registry has."""

    @pytest.fixture
    def clone(self, origin: GitRepo) -> GitRepo:
        """Give the repository with 0.3.1 released without a git tag, and a fix after it."""
        given = RunRequest(version=parse("0.3.1"), reason="no tag")
        assert run(opened(origin, image="oci:dist/image"), given).error is None
        origin.commit("fix: four", files={"a": "4"})
        return origin

    def test_next_version_passes_over_a_version_that_only_the_log_has(self, clone: GitRepo) -> None:
        found = next_version(opened(clone, image="oci:dist/image"), NextVersionRequest(part="auto"))
        assert found is not None
        assert (found.version, found.known_from.log) == ("0.3.2", "complete")
        assert "it follows 0.3.1, which only the version log has" in (found.reason or "")

    def test_next_version_passes_over_a_version_that_only_the_registry_has(self, clone: GitRepo) -> None:
        (clone.path / ".shipmark" / "log.jsonl").unlink()
        request = NextVersionRequest(part="auto", git_tag="local")
        found = next_version(opened(clone, image="oci:dist/image"), request)
        assert found is not None
        assert (found.version, clone.git("tag", "--list", "v0.3.*").splitlines()) == (
            "0.3.2",
            ["v0.3.0", "v0.3.2"],
        )
        assert "0.3.1 (registry) is taken" in (found.reason or "")

    def test_next_version_passes_over_a_version_that_only_the_registry_has_under_a_tag_by_rules(
        self, origin: GitRepo
    ) -> None:
        rules = {"shipmark.yml": 'tags: ["type=semver,pattern=v{{version}}-alpine"]\n'}
        origin.commit("fix: rules", files=rules)
        origin.tag("v0.3.1")
        assert run(opened(origin, image="oci:dist/image"), RunRequest()).error is None
        origin.git("tag", "--delete", "v0.3.1")
        (origin.path / ".shipmark" / "log.jsonl").unlink()
        origin.commit("fix: four")
        request = NextVersionRequest(part="auto", git_tag="local")
        found = next_version(opened(origin, image="oci:dist/image"), request)
        assert found is not None
        assert (found.version, "0.3.1 (registry) is taken" in (found.reason or "")) == ("0.3.2", True)

    def test_next_version_is_refused_for_a_commit_that_the_log_has_as_released(self, clone: GitRepo) -> None:
        clone.checkout("HEAD~1")
        with pytest.raises(ReleaseError, match=r"released as 0\.3\.1") as failure:
            next_version(
                opened(clone, image="oci:dist/image"), NextVersionRequest(part="patch", git_tag="local")
            )
        assert failure.value.exit_code == 6

    def test_next_version_pushes_no_git_tag_while_a_registry_does_not_answer(
        self, clone: GitRepo, tmp_path: Path
    ) -> None:
        remote = clone.clone(tmp_path / "remote.git", "--bare")
        clone.git("remote", "add", "origin", str(remote.path))
        request = NextVersionRequest(part="auto", git_tag="pushed")
        with pytest.raises(ReleaseError) as failure:
            next_version(opened(clone, image="127.0.0.1:9/acme/app"), request)
        assert failure.value.exit_code == 5
        assert clone.git("tag", "--list", "v0.3.2") == ""
        notes = Notes()
        session = opened(clone, notes, image="127.0.0.1:9/acme/app")
        local = next_version(session, NextVersionRequest(part="auto", git_tag="local"))
        assert local is not None
        assert (local.git_tag, local.known_from.registry) == ("v0.3.1", "unknown")
        assert any("only `127.0.0.1:9/acme/app` has are not known" in text for text in notes.texts)
