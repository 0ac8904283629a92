"""Snapshots of real git repositories, odd and damaged ones included."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from release.git.snapshot import snapshot
from release.versions.git_tags import versions_in
from tests.support.programs.counting import Counting
from tests.support.releases.git import GitRepo
from tests.support.releases.snapshots import at_head, base, read


@pytest.fixture
def counting() -> Counting:
    return Counting()


class TestPosition:
    def test_snapshot_of_a_tagged_head_takes_four_processes(
        self, git_repo: GitRepo, counting: Counting
    ) -> None:
        head = git_repo.commit(when=1_700_000_000)
        git_repo.tag("v1.0.0")
        taken = snapshot(counting, str(git_repo.path), env=git_repo.env)
        assert len(counting.started) == 4
        assert (taken.head, taken.branch, taken.committed_at, taken.parents) == (
            head,
            "main",
            1_700_000_000,
            (),
        )
        assert (at_head(taken), taken.describe, taken.commit_count) == (["v1.0.0"], None, None)
        assert (taken.root, taken.common_dir) == (str(git_repo.path), str(git_repo.path / ".git"))

    def test_snapshot_counts_the_commits_after_a_release(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        parent = git_repo.commit()
        git_repo.commit(when=1_710_000_000)
        taken = read(git_repo)
        assert base(taken) == ("v1.0.0", 2)
        assert (taken.parents, taken.committed_at) == ((parent,), 1_710_000_000)

    def test_snapshot_counts_all_commits_if_there_is_no_release(self, git_repo: GitRepo) -> None:
        for _ in range(3):
            git_repo.commit()
        git_repo.tag("nightly")
        taken = read(git_repo)
        assert (taken.describe, taken.commit_count) == (None, 3)

    def test_snapshot_finds_annotated_and_lightweight_version_tags_at_head(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        git_repo.tag("v1.1.0", annotated=False)
        git_repo.tag("v1.1.0-rc.1")
        git_repo.tag("v1")
        assert at_head(read(git_repo)) == ["v1.1.0", "v1.1.0-rc.1"]

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            (["v1.1.0", "v1.0.9"], "v1.1.0"),  # the lower one is younger
            (["-v1.1.0", "v1.1.0-rc.1"], "v1.1.0"),  # an annotated candidate beside a lightweight release
            (["v1.2.3", "v1", "v1.2"], "v1.2.3"),  # moving tags of others
            (["-v1.0.0", "-v1.0.1"], "v1.0.1"),  # lightweight tags have no date
            (["v1.9.0", "v1.10.0"], "v1.10.0"),
            (["v1.2.3", "BASELINE_D2024-10-03"], "v1.2.3"),
            (["v1.2.3", "nightly-2024-10-03", "web/v9.0.0"], "v1.2.3"),
            (["v1.2.3-rc.10", "v1.2.3-rc.9"], "v1.2.3-rc.10"),
            (["v1.2.3-alpha.beta", "v1.2.3-alpha.1"], "v1.2.3-alpha.beta"),
        ],
    )
    def test_highest_version_tag_at_head_comes_first(
        self, git_repo: GitRepo, tags: list[str], expected: str
    ) -> None:
        git_repo.commit()
        for name in tags:
            git_repo.tag(name.removeprefix("-"), annotated=not name.startswith("-"))
        assert at_head(read(git_repo))[0] == expected
        git_repo.commit()
        assert base(read(git_repo)) == (expected, 1)

    def test_git_tag_of_a_git_tag_resolves_to_the_commit(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        git_repo.tag("inner")
        git_repo.tag("v1.0.0", "inner")
        assert at_head(read(git_repo)) == ["v1.0.0"]

    def test_version_is_read_from_the_ref_name_not_the_tag_object(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        git_repo.git("update-ref", "refs/tags/v1.0.1", git_repo.git("rev-parse", "v1.0.0"))
        git_repo.git("tag", "-d", "v1.0.0")
        assert at_head(read(git_repo)) == ["v1.0.1"]
        git_repo.commit()
        assert base(read(git_repo)) == ("v1.0.1", 1)

    def test_merged_hotfix_tag_does_not_lower_the_base(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        git_repo.branch("hotfix")
        git_repo.checkout("main")
        git_repo.commit()
        git_repo.tag("v2.0.0")
        for _ in range(3):
            git_repo.commit()
        git_repo.checkout("hotfix")
        git_repo.commit()
        git_repo.commit()
        git_repo.tag("v1.0.1")
        git_repo.checkout("main")
        git_repo.merge("hotfix")
        assert git_repo.git("describe", "--tags").startswith("v1.0.1-")
        assert base(read(git_repo)) == ("v2.0.0", 6)
        assert base(read(git_repo, base="nearest")) == ("v1.0.1", 5)

    def test_release_on_another_branch_is_not_the_base(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        git_repo.branch("maintenance")
        git_repo.commit()
        git_repo.checkout("main")
        git_repo.commit()
        git_repo.tag("v2.0.0")
        git_repo.checkout("maintenance")
        assert base(read(git_repo)) == ("v1.0.0", 1)
        git_repo.commit()
        git_repo.tag("v1.0.1")
        git_repo.commit()
        assert base(read(git_repo)) == ("v1.0.1", 1)

    def test_base_on_a_release_branch_is_its_own_release_until_a_higher_one_is_merged(
        self, git_repo: GitRepo
    ) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        for major in (2, 3):
            git_repo.commit()
            git_repo.tag(f"v{major}.0.0")
            git_repo.branch(f"{major}.x")
            git_repo.commit()
            git_repo.tag(f"v{major}.0.1")
            git_repo.checkout("main")
        git_repo.branch("1.x", "v1.0.0")
        git_repo.commit()
        assert base(read(git_repo)) == ("v1.0.0", 1)
        git_repo.tag("v1.0.1")
        git_repo.commit()
        assert base(read(git_repo)) == ("v1.0.1", 1)
        git_repo.git("merge", "--quiet", "-m", "forward", "2.x")
        assert base(read(git_repo)) == ("v2.0.1", 3)

    def test_commit_before_the_first_release_has_no_base(self, git_repo: GitRepo) -> None:
        first = git_repo.commit()
        git_repo.commit()
        git_repo.tag("v1.0.0")
        git_repo.checkout(first)
        taken = read(git_repo)
        assert (taken.branch, taken.describe, taken.commit_count) == (None, None, 1)
        assert taken.committed_at == int(git_repo.git("log", "-1", "--format=%ct"))

    def test_commit_between_two_releases_counts_from_the_earlier(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        middle = git_repo.commit()
        git_repo.commit()
        git_repo.tag("v1.1.0")
        git_repo.checkout(middle)
        assert base(read(git_repo)) == ("v1.0.0", 1)

    def test_distance_counts_commits_of_both_parents_of_a_merge(self, git_repo: GitRepo) -> None:
        first = git_repo.commit()
        git_repo.tag("v1.0.0")
        git_repo.branch("topic", first)
        topic = git_repo.commit()
        git_repo.checkout("main")
        main = git_repo.commit()
        git_repo.merge("topic")
        taken = read(git_repo)
        assert (base(taken), taken.parents) == (("v1.0.0", 3), (main, topic))

    def test_version_tag_on_a_blob_is_not_the_base(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={"a": "a"})
        git_repo.tag("v1.0.0")
        git_repo.commit()
        git_repo.tag("v9.9.9", "HEAD:a", annotated=False)
        assert base(read(git_repo)) == ("v1.0.0", 1)

    def test_sha_256_repository_has_base_and_parents(self, git_repo: GitRepo, tmp_path: Path) -> None:
        git_repo.git(
            "init", "--quiet", "--object-format=sha256", "--initial-branch=main", str(tmp_path / "long")
        )
        long = GitRepo(tmp_path / "long", home=Path(git_repo.env["HOME"]), init=False)
        first = long.commit()
        long.tag("v1.0.0")
        assert len(first) == 64
        assert at_head(read(long)) == ["v1.0.0"]
        long.commit()
        taken = read(long)
        assert (base(taken), taken.parents) == (("v1.0.0", 1), (first,))

    def test_submodule_is_dirty_only_if_a_tracked_file_changed(
        self, git_repo: GitRepo, make_repo: Callable[[str], GitRepo]
    ) -> None:
        library = make_repo("library")
        library.commit(files={"l": "l"})
        git_repo.git(
            "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib"
        )
        git_repo.commit()
        (git_repo.path / "lib" / "untracked").touch()
        assert read(git_repo).dirty_count == 0
        (git_repo.path / "lib" / "l").write_text("changed")
        assert read(git_repo).dirty == ("lib",)
        git_repo.git("config", "-f", ".gitmodules", "submodule.lib.ignore", "all")
        git_repo.git("config", "diff.ignoreSubmodules", "all")
        git_repo.commit("fix: hide changes")
        assert read(git_repo).dirty == ("lib",)

    def test_tags_with_another_prefix_are_not_the_base(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        git_repo.tag("api/v1.0.0")
        git_repo.commit()
        git_repo.tag("web/v3.0.0")
        assert base(read(git_repo, prefix="api/")) == ("api/v1.0.0", 1)

    @pytest.mark.parametrize("off_tag", [False, True])
    def test_snapshot_with_two_thousand_tags_takes_four_processes(
        self, git_repo: GitRepo, counting: Counting, off_tag: bool
    ) -> None:
        head = git_repo.commit()
        refs = (
            f"create refs/tags/v{n // 100}.{n % 100}.{kind} {head}\n" for n in range(1000) for kind in (0, 1)
        )
        git_repo.git("update-ref", "--stdin", stdin="".join(refs))
        if off_tag:
            git_repo.commit()
        taken = snapshot(counting, str(git_repo.path), env=git_repo.env)
        assert len(versions_in(taken.tag_listing).tags) == 2000
        assert len(counting.started) == 4
        assert base(taken) == (("v9.99.1", 1) if off_tag else None)


class TestPlaces:
    def test_snapshot_of_a_subfolder_has_the_root_of_the_work_tree(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={"a/b/c": "c"})
        taken = read(git_repo, git_repo.path / "a" / "b")
        assert (taken.root, taken.common_dir) == (str(git_repo.path), str(git_repo.path / ".git"))

    def test_snapshot_through_a_symlink_has_the_root_of_the_target(
        self, git_repo: GitRepo, tmp_path: Path
    ) -> None:
        git_repo.commit(files={"a/b": "b"})
        (tmp_path / "link").symlink_to(git_repo.path / "a")
        assert read(git_repo, tmp_path / "link").root == str(git_repo.path)

    def test_core_worktree_sets_the_root_of_the_snapshot(self, git_repo: GitRepo, tmp_path: Path) -> None:
        git_repo.commit(files={"a": "a"})
        (tmp_path / "elsewhere").mkdir()
        git_repo.git("config", "core.worktree", str(tmp_path / "elsewhere"))
        assert (
            read(git_repo).root == git_repo.git("rev-parse", "--show-toplevel") == str(tmp_path / "elsewhere")
        )

    def test_empty_dot_git_folder_in_a_subfolder_is_ignored(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={"sub/a": "a"})
        (git_repo.path / "sub" / ".git").mkdir()
        assert read(git_repo, git_repo.path / "sub").root == str(git_repo.path)

    def test_linked_worktree_has_its_own_root_and_branch_and_the_shared_git_folder(
        self, git_repo: GitRepo, tmp_path: Path
    ) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        git_repo.git("worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
        taken = read(git_repo, tmp_path / "linked")
        assert (taken.root, taken.common_dir) == (str(tmp_path / "linked"), str(git_repo.path / ".git"))
        assert (taken.branch, at_head(taken)) == ("topic", ["v1.0.0"])

    def test_snapshot_of_a_submodule_has_its_own_root_and_tags(
        self, git_repo: GitRepo, make_repo: Callable[[str], GitRepo]
    ) -> None:
        library = make_repo("library")
        library.commit(files={"l": "l"})
        library.tag("v3.0.0")
        git_repo.commit()
        git_repo.git(
            "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib"
        )
        git_repo.commit()
        git_repo.tag("v1.0.0")
        inner = read(git_repo, git_repo.path / "lib")
        assert (inner.root, at_head(inner)) == (str(git_repo.path / "lib"), ["v3.0.0"])
        assert at_head(read(git_repo)) == ["v1.0.0"]

    def test_snapshot_of_a_detached_head_has_no_branch(self, git_repo: GitRepo) -> None:
        git_repo.checkout(git_repo.commit())
        assert read(git_repo).branch is None

    def test_shallow_clone_has_neither_base_nor_commit_count(self, git_repo: GitRepo, tmp_path: Path) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        git_repo.commit()
        taken = read(git_repo.clone(tmp_path / "clone", "--depth=1"))
        assert (taken.shallow, taken.describe, taken.commit_count) == (True, None, None)

    def test_shallow_clone_finds_the_version_tag_at_head(self, git_repo: GitRepo, tmp_path: Path) -> None:
        git_repo.commit()
        git_repo.commit()
        git_repo.tag("v1.0.0")
        taken = read(git_repo.clone(tmp_path / "clone", "--depth=1", "--branch=v1.0.0"))
        assert (taken.shallow, at_head(taken), taken.branch) == (True, ["v1.0.0"], None)

    def test_remote_url_in_a_snapshot_has_no_credentials(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        assert read(git_repo).remote_url is None
        git_repo.git("remote", "add", "origin", "https://user:s3cret@git.example/acme/app.git")
        assert read(git_repo).remote_url == "https://git.example/acme/app.git"

    def test_remote_url_in_a_snapshot_is_the_first_one_from_which_git_fetches(
        self, git_repo: GitRepo
    ) -> None:
        git_repo.commit()
        git_repo.git("remote", "add", "origin", "https://git.example/acme/app.git")
        git_repo.git("remote", "set-url", "--add", "origin", "https://mirror.example/acme/app.git")
        assert read(git_repo).remote_url == "https://git.example/acme/app.git"

    def test_snapshots_tag_listing_contains_branches_too(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        git_repo.branch("feature/x")
        assert b" refs/heads/feature/x\n" in read(git_repo).tag_listing


class TestDirty:
    def test_dirty_paths_of_a_snapshot_are_changed_and_deleted_tracked_files_only(
        self, git_repo: GitRepo
    ) -> None:
        git_repo.commit(files={"a b": "1", "ü": "1", "same": "1", "gone": "1"})
        git_repo.write({"a b": "2", "ü": "2", "new": "1"})
        (git_repo.path / "gone").unlink()
        taken = read(git_repo)
        assert (taken.dirty, taken.dirty_count) == (("a b", "gone", "ü"), 3)

    def test_renamed_and_conflicting_files_are_dirty(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={"a": "1\n", "old": "same content\n"})
        git_repo.branch("topic")
        git_repo.commit(files={"a": "2\n"})
        git_repo.checkout("main")
        git_repo.commit(files={"a": "3\n"})
        git_repo.git("merge", "topic", check=False)
        git_repo.git("mv", "old", "new name")
        assert read(git_repo).dirty == ("a", "new name", "old")

    def test_ten_dirty_paths_are_kept_and_all_are_counted(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={f"f{n:02}": "1" for n in range(15)})
        git_repo.write({f"f{n:02}": "2" for n in range(15)})
        taken = read(git_repo)
        assert (len(taken.dirty), taken.dirty_count) == (10, 15)

    def test_untracked_file_in_dot_shipmark_is_not_dirty(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={"a": "1"})
        git_repo.write({".shipmark/log.jsonl": "1"})
        assert read(git_repo).dirty_count == 0

    def test_changed_tracked_file_in_dot_shipmark_is_dirty(self, git_repo: GitRepo) -> None:
        # `release/git/own_folder.py` refuses such a folder before a release, so the snapshot makes no exception.
        git_repo.commit(files={".shipmark/log.jsonl": "1"})
        git_repo.write({".shipmark/log.jsonl": "2"})
        assert read(git_repo).dirty == (".shipmark/log.jsonl",)

    def test_touched_file_is_not_dirty_and_the_index_is_not_written(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={"a": "1"})
        os.utime(git_repo.path / "a", (1, 1))
        before = (git_repo.path / ".git" / "index").read_bytes()
        assert read(git_repo).dirty_count == 0
        assert (git_repo.path / ".git" / "index").read_bytes() == before


class TestEnvironment:
    def test_git_variables_set_by_a_hook_are_ignored(
        self, git_repo: GitRepo, make_repo: Callable[[str], GitRepo]
    ) -> None:
        other = make_repo("other")
        other.commit()
        other.tag("v9.9.9")
        git_repo.commit(files={"a": "a"})
        hook = {
            "GIT_DIR": str(other.path / ".git"),
            "GIT_WORK_TREE": str(other.path),
            "GIT_INDEX_FILE": str(other.path / ".git" / "index"),
            "GIT_OBJECT_DIRECTORY": str(other.path / ".git" / "objects"),
            "GIT_NAMESPACE": "x",
        }
        taken = read(git_repo, env=hook)
        assert (taken.head, taken.dirty_count, taken.root) == (git_repo.head, 0, str(git_repo.path))

    @pytest.mark.parametrize(
        "env",
        [
            {"GIT_TRACE": "1"},
            {"GIT_PAGER": "false", "PAGER": "false"},
            {"LANGUAGE": "de", "LC_ALL": "de_DE.UTF-8"},
        ],
    )
    def test_variables_that_change_the_output_of_git_are_ignored(
        self, git_repo: GitRepo, env: dict[str, str]
    ) -> None:
        git_repo.commit()
        git_repo.tag("v1.0.0")
        assert at_head(read(git_repo, env=env)) == ["v1.0.0"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("log.showSignature", "true"),
            ("log.excludeDecoration", "refs/tags/"),
            ("core.fsmonitor", "/nonexistent/monitor"),
            ("status.showUntrackedFiles", "all"),
            ("color.ui", "always"),
            ("core.quotePath", "true"),
            ("log.follow", "true"),
            ("format.pretty", "oneline"),
            ("core.abbrev", "4"),
        ],
    )
    def test_git_configuration_does_not_change_the_snapshot(
        self, git_repo: GitRepo, name: str, value: str
    ) -> None:
        git_repo.commit(files={"ü": "1"})
        git_repo.tag("v1.0.0")
        git_repo.commit()
        git_repo.write({"ü": "2", "untracked": ""})
        plain = read(git_repo)
        git_repo.git("config", name, value)
        assert read(git_repo) == plain

    def test_git_configuration_from_the_environment_is_kept(self, git_repo: GitRepo) -> None:
        git_repo.commit()
        env = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "remote.origin.url",
            "GIT_CONFIG_VALUE_0": "https://h.example/a",
        }
        assert read(git_repo, env=env).remote_url == "https://h.example/a"


def test_every_deleted_tracked_file_is_dirty(git_repo: GitRepo) -> None:
    git_repo.commit(files={"a": "a", "d/b": "b"})
    shutil.rmtree(git_repo.path / "d")
    (git_repo.path / "a").unlink()
    assert read(git_repo).dirty_count == 2
