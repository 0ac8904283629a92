"""Making, pushing and fetching git tags in real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import GitError, ShallowClone, TagConflict
from release.git import remote_tags, snapshot
from release.git.history import history
from release.git.write import create_tag, deepen, push_tag
from release.process import Processes
from tests.support.releases.git import GitRepo

PERSON = {
    "GIT_AUTHOR_NAME": "Ada Tester",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Tester",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


@pytest.fixture
def process() -> Processes:
    return Processes(Cancel())


@pytest.fixture
def clone(git_repo: GitRepo, tmp_path: Path) -> GitRepo:
    git_repo.commit()
    git_repo.tag("v1.0.0")
    git_repo.commit("feat: a")
    return git_repo.clone(tmp_path / "clone")


class TestCreate:
    def test_the_tag_is_annotated_and_on_the_commit(self, clone: GitRepo) -> None:
        create_tag(str(clone.path), "v1.1.0", clone.head, "Release 1.1.0", clone.env | PERSON)
        assert clone.git("cat-file", "-t", "v1.1.0") == "tag"
        assert clone.git("rev-parse", "v1.1.0^{commit}") == clone.head
        assert clone.git("for-each-ref", "--format=%(subject)", "refs/tags/v1.1.0") == "Release 1.1.0"

    def test_an_existing_tag_is_a_conflict(self, clone: GitRepo) -> None:
        with pytest.raises(TagConflict, match=r"`v1\.0\.0` exists already"):
            create_tag(str(clone.path), "v1.0.0", clone.head, "x", clone.env | PERSON)

    def test_a_name_that_git_refuses_is_told(self, clone: GitRepo) -> None:
        with pytest.raises(GitError, match="could not be made"):
            create_tag(str(clone.path), "bad..name", clone.head, "x", clone.env | PERSON)

    def test_from_a_linked_worktree(self, clone: GitRepo, tmp_path: Path) -> None:
        clone.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
        create_tag(str(tmp_path / "linked"), "v1.1.0", clone.head, "x", clone.env | PERSON)
        push_tag(str(tmp_path / "linked"), "v1.1.0", clone.env)
        assert clone.git("rev-parse", "v1.1.0^{commit}") == clone.head

    def test_a_hook_of_another_repository_does_not_lead_astray(
        self, clone: GitRepo, git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_DIR", str(git_repo.path / ".git"))
        monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(git_repo.path / ".git" / "objects"))
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        assert clone.git("tag", "--list", "v1.1.0") == "v1.1.0"
        assert git_repo.git("tag", "--list", "v1.1.0") == ""


class TestPush:
    def test_the_remote_has_the_tag_afterwards(self, clone: GitRepo, git_repo: GitRepo) -> None:
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        push_tag(str(clone.path), "v1.1.0", clone.env)
        assert git_repo.git("rev-parse", "v1.1.0") == clone.git("rev-parse", "v1.1.0")

    def test_another_tag_of_that_name_stays_and_ours_goes(self, clone: GitRepo, git_repo: GitRepo) -> None:
        theirs = git_repo.tag("v1.1.0", "HEAD~1")
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        with pytest.raises(TagConflict, match=r"another git tag `v1\.1\.0`"):
            push_tag(str(clone.path), "v1.1.0", clone.env)
        assert git_repo.git("rev-parse", "v1.1.0") == theirs
        assert clone.git("tag", "--list", "v1.1.0") == ""

    def test_a_remote_that_is_gone_leaves_nothing_behind(self, clone: GitRepo, tmp_path: Path) -> None:
        clone.git("remote", "set-url", "origin", f"https://user:s3cret@127.0.0.1:1/{tmp_path.name}")
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        with pytest.raises(GitError, match="could not be pushed") as caught:
            push_tag(str(clone.path), "v1.1.0", clone.env)
        assert "s3cret" not in str(caught.value)
        assert clone.git("tag", "--list", "v1.1.0") == ""


class TestDeepen:
    def test_a_shallow_clone_gets_its_history_and_tags(
        self, clone: GitRepo, git_repo: GitRepo, tmp_path: Path, process: Processes
    ) -> None:
        shallow = git_repo.clone(tmp_path / "shallow", "--depth=1")
        assert snapshot(process, str(shallow.path), env=shallow.env).shallow
        deepen(str(shallow.path), shallow.env, shallow=True)
        taken = snapshot(process, str(shallow.path), env=shallow.env)
        assert (taken.shallow, taken.describe and taken.describe.git_tag) == (False, "v1.0.0")

    def test_stale_tags_are_replaced(self, clone: GitRepo, git_repo: GitRepo, process: Processes) -> None:
        git_repo.git("tag", "--force", "v1.0.0", "HEAD")
        deepen(str(clone.path), clone.env, shallow=False)
        assert remote_tags(process, str(clone.path), clone.env) == {
            "v1.0.0": clone.git("rev-parse", "v1.0.0^{commit}")
        }

    def test_a_remote_that_is_gone_is_told(self, clone: GitRepo, tmp_path: Path) -> None:
        clone.git("remote", "set-url", "origin", str(tmp_path / "none"))
        with pytest.raises(GitError, match="could not be fetched"):
            deepen(str(clone.path), clone.env, shallow=False)


class TestHistory:
    def test_messages_since_the_highest_stable_release(self, git_repo: GitRepo, process: Processes) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        git_repo.commit("feat: ä\n\nBREAKING CHANGE: b")
        git_repo.tag("v2.0.0-rc.1")
        git_repo.commit("fix: c")
        taken = snapshot(process, str(git_repo.path), env=git_repo.env)
        found = history(process, taken, "", git_repo.env)
        assert (found.stable and found.stable.git_tag, found.highest and found.highest.git_tag) == (
            "v1.0.0",
            "v2.0.0-rc.1",
        )
        assert found.messages == ("fix: c", "feat: ä\n\nBREAKING CHANGE: b")

    def test_a_release_at_head_has_nothing_after_it(self, git_repo: GitRepo, process: Processes) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        taken = snapshot(process, str(git_repo.path), env=git_repo.env)
        found = history(process, taken, "", git_repo.env)
        assert (found.stable and found.stable.git_tag, found.messages) == ("v1.0.0", ())

    def test_all_messages_without_a_release(self, git_repo: GitRepo, process: Processes) -> None:
        git_repo.commit("feat: a")
        taken = snapshot(process, str(git_repo.path), env=git_repo.env)
        found = history(process, taken, "", git_repo.env)
        assert (found.stable, found.highest, found.messages) == (None, None, ("feat: a",))

    def test_a_shallow_clone_does_not_tell(
        self, clone: GitRepo, git_repo: GitRepo, tmp_path: Path, process: Processes
    ) -> None:
        shallow = git_repo.clone(tmp_path / "shallow", "--depth=1")
        taken = snapshot(process, str(shallow.path), env=shallow.env)
        with pytest.raises(ShallowClone):
            history(process, taken, "", shallow.env)
