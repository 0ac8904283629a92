"""Making, pushing and fetching git tags in real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import GitError, ShallowClone, TagConflict
from release.git.command import Git
from release.git.history import history
from release.git.remote import remote_refs
from release.git.repository import find_places
from release.git.snapshot import snapshot
from release.git.write import create_tag, deepen, push_tag
from release.programs.processes import Processes
from tests.support.releases.git import GitRepo
from tests.support.services.required import program

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
    def test_created_tag_is_annotated_and_names_the_commit(self, clone: GitRepo) -> None:
        create_tag(str(clone.path), "v1.1.0", clone.head, "Release 1.1.0", clone.env | PERSON)
        assert clone.git("cat-file", "-t", "v1.1.0") == "tag"
        assert clone.git("rev-parse", "v1.1.0^{commit}") == clone.head
        assert clone.git("for-each-ref", "--format=%(subject)", "refs/tags/v1.1.0") == "Release 1.1.0"

    def test_creating_an_existing_git_tag_is_a_conflict(self, clone: GitRepo) -> None:
        with pytest.raises(TagConflict, match=r"`v1\.0\.0` exists already"):
            create_tag(str(clone.path), "v1.0.0", clone.head, "x", clone.env | PERSON)

    def test_creating_a_git_tag_with_an_invalid_name_is_a_git_error(self, clone: GitRepo) -> None:
        with pytest.raises(GitError, match="could not be made"):
            create_tag(str(clone.path), "bad..name", clone.head, "x", clone.env | PERSON)

    @pytest.mark.parametrize(
        ("settings", "env", "hint"),
        [
            ({"user.useConfigOnly": "true"}, {}, "`git config user.name"),
            ({"tag.gpgSign": "true", "gpg.program": "false"}, PERSON, "`git config tag.gpgSign false`"),
            ({}, PERSON, "no tag is a folder of the other"),
        ],
    )
    def test_git_tag_that_git_does_not_make_has_a_hint_for_the_cause(
        self, clone: GitRepo, settings: dict[str, str], env: dict[str, str], hint: str
    ) -> None:
        for name, value in settings.items():
            clone.git("config", name, value)
        if not settings:
            clone.tag("v1.1.0/x")
        with pytest.raises(GitError, match=r"`v1\.1\.0` could not be made") as caught:
            create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | env)
        assert hint in (caught.value.hint or "")

    @pytest.mark.parametrize("password", ["", "s3cret"])
    def test_git_tag_that_has_to_be_signed_is_made_with_a_signature_or_not_at_all(
        self, clone: GitRepo, tmp_path: Path, password: str
    ) -> None:
        keygen = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", password, "-f", str(tmp_path / "key")]
        subprocess.run(keygen, check=True)
        for name, value in (
            ("gpg.format", "ssh"),
            ("user.signingKey", f"{tmp_path / 'key'}.pub"),
            ("tag.gpgSign", "true"),
        ):
            clone.git("config", name, value)
        if password:
            # Nobody can answer for the password: git 2.39 leaves the signature out and exits 0.
            env = clone.env | PERSON | {"SSH_ASKPASS_REQUIRE": "force", "SSH_ASKPASS": "false"}
            with pytest.raises(GitError, match=r"`v1\.1\.0` could not be made") as caught:
                create_tag(str(clone.path), "v1.1.0", clone.head, "x", env)
            assert "`git config tag.gpgSign false`" in (caught.value.hint or "")
            assert clone.git("tag", "--list", "v1.1.0") == ""
        else:
            create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
            assert "-----BEGIN SSH SIGNATURE-----" in clone.git("cat-file", "tag", "v1.1.0")

    def test_tag_is_created_and_pushed_from_a_linked_worktree(self, clone: GitRepo, tmp_path: Path) -> None:
        clone.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
        create_tag(str(tmp_path / "linked"), "v1.1.0", clone.head, "x", clone.env | PERSON)
        push_tag(str(tmp_path / "linked"), "v1.1.0", clone.env)
        assert clone.git("rev-parse", "v1.1.0^{commit}") == clone.head

    def test_git_variables_of_a_hook_do_not_move_the_tag_to_another_repository(
        self, clone: GitRepo, git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_DIR", str(git_repo.path / ".git"))
        monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(git_repo.path / ".git" / "objects"))
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        assert clone.git("tag", "--list", "v1.1.0") == "v1.1.0"
        assert git_repo.git("tag", "--list", "v1.1.0") == ""


class TestPush:
    def test_pushed_tag_is_the_same_object_on_the_remote(self, clone: GitRepo, git_repo: GitRepo) -> None:
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        push_tag(str(clone.path), "v1.1.0", clone.env)
        assert git_repo.git("rev-parse", "v1.1.0") == clone.git("rev-parse", "v1.1.0")

    def test_push_sends_no_other_tag_whatever_the_user_configured(
        self, clone: GitRepo, git_repo: GitRepo
    ) -> None:
        clone.git("config", "push.followTags", "true")
        clone.tag("v1.0.1-mine", "HEAD~1")
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        push_tag(str(clone.path), "v1.1.0", clone.env)
        assert git_repo.git("tag", "--list").split() == ["v1.0.0", "v1.1.0"]

    def test_push_works_with_a_remote_that_knows_no_atomic_pushes(
        self, clone: GitRepo, git_repo: GitRepo
    ) -> None:
        git_repo.git("config", "receive.advertiseAtomic", "false")
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        push_tag(str(clone.path), "v1.1.0", clone.env)
        assert git_repo.git("rev-parse", "v1.1.0") == clone.git("rev-parse", "v1.1.0")

    @pytest.mark.parametrize(
        ("refuse", "told", "hint"),
        [
            (
                "hook",
                "(pre-receive hook declined): no tags today / by rule 7",
                "a rule, a hook or another ref",
            ),
            ("ref", "'refs/tags/v1.1.0/x' exists", "a rule, a hook or another ref"),
            ("push.gpgSign", "does not support --signed push", "`git config push.gpgSign if-asked`"),
            ("push.pushOption", "does not support push options", "`git config --unset-all push.pushOption`"),
        ],
    )
    def test_refused_push_says_what_the_remote_said_and_what_helps(
        self, clone: GitRepo, git_repo: GitRepo, refuse: str, told: str, hint: str
    ) -> None:
        if refuse == "hook":
            hook = git_repo.path / ".git/hooks/pre-receive"
            hook.parent.mkdir(exist_ok=True)
            hook.write_text("#!/bin/sh\necho no tags today\necho\necho by rule 7 >&2\nexit 1\n")
            hook.chmod(0o755)
        elif refuse == "ref":
            git_repo.tag("v1.1.0/x")
        else:
            clone.git("config", refuse, "true")
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        with pytest.raises(GitError, match="could not be pushed") as caught:
            push_tag(str(clone.path), "v1.1.0", clone.env)
        assert told in str(caught.value)
        assert hint in (caught.value.hint or "")
        assert clone.git("tag", "--list", "v1.1.0") == ""

    def test_push_over_an_existing_remote_tag_is_a_conflict_and_deletes_the_local_tag(
        self, clone: GitRepo, git_repo: GitRepo
    ) -> None:
        theirs = git_repo.tag("v1.1.0", "HEAD~1")
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        with pytest.raises(TagConflict, match=r"another git tag `v1\.1\.0`"):
            push_tag(str(clone.path), "v1.1.0", clone.env)
        assert git_repo.git("rev-parse", "v1.1.0") == theirs
        assert clone.git("tag", "--list", "v1.1.0") == ""

    def test_failed_push_deletes_the_local_tag_and_shows_no_password(
        self, clone: GitRepo, tmp_path: Path
    ) -> None:
        clone.git("remote", "set-url", "origin", f"https://user:s3cret@127.0.0.1:1/{tmp_path.name}")
        create_tag(str(clone.path), "v1.1.0", clone.head, "x", clone.env | PERSON)
        with pytest.raises(GitError, match="could not be pushed") as caught:
            push_tag(str(clone.path), "v1.1.0", clone.env)
        assert "s3cret" not in str(caught.value)
        assert clone.git("tag", "--list", "v1.1.0") == ""


class TestDeepen:
    def test_deepen_fetches_the_history_and_tags_that_a_shallow_clone_lacks(
        self, clone: GitRepo, git_repo: GitRepo, tmp_path: Path, process: Processes
    ) -> None:
        shallow = git_repo.clone(tmp_path / "shallow", "--depth=1")
        assert snapshot(process, str(shallow.path), env=shallow.env).shallow
        deepen(str(shallow.path), shallow.env, shallow=True)
        taken = snapshot(process, str(shallow.path), env=shallow.env)
        assert (taken.shallow, taken.describe and taken.describe.git_tag) == (False, "v1.0.0")

    def test_deepen_replaces_local_tags_by_those_of_the_remote(
        self, clone: GitRepo, git_repo: GitRepo, process: Processes
    ) -> None:
        git_repo.git("tag", "--force", "v1.0.0", "HEAD")
        deepen(str(clone.path), clone.env, shallow=False)
        assert remote_refs(process, str(clone.path), clone.env, "origin").tags == {
            "v1.0.0": clone.git("rev-parse", "v1.0.0^{commit}")
        }

    @pytest.mark.parametrize("section", ["fetch", "remote.origin"])
    def test_deepen_deletes_no_tag_and_no_branch_that_only_the_clone_has(
        self, clone: GitRepo, section: str
    ) -> None:
        clone.git("config", f"{section}.prune", "true")
        clone.git("config", f"{section}.pruneTags", "true")
        clone.git("update-ref", "refs/remotes/origin/gone", "HEAD")
        clone.tag("v1.1.0")
        deepen(str(clone.path), clone.env, shallow=False)
        assert clone.git("tag", "--list").split() == ["v1.0.0", "v1.1.0"]
        assert clone.git("rev-parse", "refs/remotes/origin/gone") == clone.head

    def test_deepen_from_a_missing_remote_is_a_git_error(self, clone: GitRepo, tmp_path: Path) -> None:
        clone.git("remote", "set-url", "origin", str(tmp_path / "none"))
        with pytest.raises(GitError, match="could not be fetched"):
            deepen(str(clone.path), clone.env, shallow=False)


class TestHistory:
    def test_unreleased_history_has_the_commit_messages_since_the_highest_stable_release(
        self, git_repo: GitRepo, process: Processes
    ) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        git_repo.commit("feat: ä\n\nBREAKING CHANGE: b")
        git_repo.tag("v2.0.0-rc.1")
        git_repo.commit("fix: c")
        taken = snapshot(process, str(git_repo.path), env=git_repo.env)
        found = history(Git(process, taken.root, git_repo.env), taken, "")
        assert (found.stable and found.stable.git_tag, found.highest and found.highest.git_tag) == (
            "v1.0.0",
            "v2.0.0-rc.1",
        )
        assert [one.message for one in found.commits] == ["fix: c", "feat: ä\n\nBREAKING CHANGE: b"]

    def test_unreleased_history_of_a_release_at_head_has_no_messages(
        self, git_repo: GitRepo, process: Processes
    ) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        taken = snapshot(process, str(git_repo.path), env=git_repo.env)
        found = history(Git(process, taken.root, git_repo.env), taken, "")
        assert (found.stable and found.stable.git_tag, found.commits) == ("v1.0.0", ())

    def test_unreleased_history_without_a_release_has_all_messages(
        self, git_repo: GitRepo, process: Processes
    ) -> None:
        git_repo.commit("feat: a")
        taken = snapshot(process, str(git_repo.path), env=git_repo.env)
        found = history(Git(process, taken.root, git_repo.env), taken, "")
        assert (found.stable, found.highest, [one.message for one in found.commits]) == (
            None,
            None,
            ["feat: a"],
        )

    def test_unreleased_history_of_a_shallow_clone_is_an_error(
        self, clone: GitRepo, git_repo: GitRepo, tmp_path: Path, process: Processes
    ) -> None:
        shallow = git_repo.clone(tmp_path / "shallow", "--depth=1")
        taken = snapshot(process, str(shallow.path), env=shallow.env)
        edge = find_places(taken.root, shallow.env).shallow_edge()
        with pytest.raises(ShallowClone):
            history(Git(process, taken.root, shallow.env), taken, "", edge=edge)
