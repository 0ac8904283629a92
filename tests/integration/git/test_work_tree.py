"""Which files of a folder git tracks or ignores, and their modes, read with the real git."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import GitError
from release.git.model import GitFiles
from release.git.work_tree import WorkTree
from release.programs.processes import Processes
from tests.support.releases.git import GitRepo
from tests.support.releases.incomplete import POINTER, add_submodule, check_out_submodules, make_sparse


@pytest.fixture
def asked(git_repo: GitRepo) -> WorkTree:
    return WorkTree(Processes(Cancel()), git_repo.env)


def files(asked: WorkTree, folder: Path) -> GitFiles:
    found = asked.files(str(folder))
    assert found is not None
    return found


def test_tracked_files_have_the_modes_of_the_git_index(asked: WorkTree, git_repo: GitRepo) -> None:
    git_repo.write({"a": "1", "run": "2", "odd \n'\"ü": "3"})
    os.symlink("a", git_repo.path / "link")
    os.chmod(git_repo.path / "run", 0o755)
    git_repo.commit()
    git_repo.git("config", "core.fileMode", "false")
    os.chmod(git_repo.path / "run", 0o600)
    os.chmod(git_repo.path / "a", 0o777)
    git_repo.write({"new": "4"})
    found = files(asked, git_repo.path)
    assert found.modes == {"a": 0o100644, "run": 0o100755, "odd \n'\"ü": 0o100644, "link": 0o120000}
    assert (found.skipped, found.missing, found.repositories) == ((), (), ("",))


def test_tracked_file_name_that_is_not_utf8_equals_the_listed_name(
    asked: WorkTree, git_repo: GitRepo
) -> None:
    (git_repo.path / os.fsdecode(b"\xff")).write_text("x")
    git_repo.commit()
    assert list(files(asked, git_repo.path).modes) == ["\udcff"]
    assert "\udcff" in os.listdir(git_repo.path)


def test_paths_of_tracked_files_are_relative_to_the_given_folder(asked: WorkTree, git_repo: GitRepo) -> None:
    git_repo.commit(files={"a": "", "app/b": "", "app/c/d": "", "application": ""})
    assert set(files(asked, git_repo.path / "app").modes) == {"b", "c/d"}


def test_staged_files_are_tracked(asked: WorkTree, git_repo: GitRepo) -> None:
    git_repo.write({"a": ""})
    git_repo.git("add", "a")
    assert set(files(asked, git_repo.path).modes) == {"a"}


def test_folder_outside_of_a_repository_has_no_git_files(asked: WorkTree, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert asked.files(str(tmp_path / "plain")) is None


def test_files_outside_of_a_sparse_checkout_are_listed_as_skipped_and_with_their_modes(
    asked: WorkTree, git_repo: GitRepo
) -> None:
    git_repo.commit(files={"top": "", "in/a": "", "out/b": "", "out/c/d": ""})
    make_sparse(git_repo, "in")
    found = files(asked, git_repo.path)
    assert found.skipped == ("out/b", "out/c/d")
    assert set(found.modes) == {"top", "in/a", "out/b", "out/c/d"}


class TestSubmodules:
    @pytest.fixture
    def repo(self, git_repo: GitRepo, make_repo: Callable[[str], GitRepo]) -> GitRepo:
        deep, inner = make_repo("deep"), make_repo("inner")
        deep.commit(files={"d": ""})
        inner.commit(files={"i": "", "run": ""})
        add_submodule(inner, deep, "deep")
        git_repo.commit(files={"a": ""})
        add_submodule(git_repo, inner, "vendor/inner")
        return git_repo

    def test_files_of_checked_out_submodules_are_tracked(self, asked: WorkTree, repo: GitRepo) -> None:
        check_out_submodules(repo)
        found = files(asked, repo.path)
        assert found.missing == ()
        assert found.repositories == ("", "vendor/inner", "vendor/inner/deep")
        assert {path for path in found.modes if path.startswith("vendor")} == {
            "vendor/inner/.gitmodules",
            "vendor/inner/i",
            "vendor/inner/run",
            "vendor/inner/deep/d",
        }

    def test_submodule_that_is_not_checked_out_is_listed_as_missing(
        self, asked: WorkTree, repo: GitRepo, tmp_path: Path
    ) -> None:
        clone = repo.clone(tmp_path / "clone")
        assert files(asked, clone.path).missing == ("vendor/inner",)
        os.rmdir(clone.path / "vendor/inner")
        assert files(asked, clone.path).missing == ("vendor/inner",)

    def test_nested_submodule_that_is_not_checked_out_is_listed_as_missing(
        self, asked: WorkTree, repo: GitRepo
    ) -> None:
        assert files(asked, repo.path).missing == ("vendor/inner/deep",)

    def test_folder_of_a_submodule_has_the_files_of_that_submodule(
        self, asked: WorkTree, repo: GitRepo
    ) -> None:
        assert set(files(asked, repo.path / "vendor/inner").modes) == {".gitmodules", "i", "run"}

    def test_symlink_in_place_of_a_submodule_is_not_followed(
        self, asked: WorkTree, repo: GitRepo, make_repo: Callable[[str], GitRepo]
    ) -> None:
        other = make_repo("other")
        other.commit(files={"secret": ""})
        (repo.path / "vendor/inner").rename(repo.path / "aside")
        os.symlink(other.path, repo.path / "vendor/inner")
        found = files(asked, repo.path)
        assert found.repositories == ("",)
        assert not [path for path in found.modes if "secret" in path]

    def test_ignore_rules_and_attributes_of_a_submodule_apply_to_its_own_files(
        self, asked: WorkTree, repo: GitRepo
    ) -> None:
        inner = repo.path / "vendor/inner"
        (inner / ".gitignore").write_text("*.o\n")
        for name in ("x.o", "new"):
            (inner / name).write_text("")
        (repo.path / "x.o").write_text("")
        found = files(asked, repo.path)
        assert set(asked.unignored(str(repo.path), found)) == {
            "x.o",
            "vendor/inner/.gitignore",
            "vendor/inner/new",
        }
        (inner / ".gitattributes").write_text("i filter=lfs\n")
        wanted = ["a", "vendor/inner/i", "vendor/inner/run"]
        filters = asked.filters(str(repo.path), found, wanted)
        assert filters == {"vendor/inner/i": "lfs"}
        repo.git("config", "filter.lfs.smudge", "cat")  # of the outer repository only
        assert asked.without_filter(str(repo.path), found, {**filters, "a": "lfs"}) == filters


def test_git_ignored_files_are_not_listed_as_unignored(asked: WorkTree, git_repo: GitRepo) -> None:
    git_repo.commit(files={".gitignore": "dist/\n*.tmp\n", "a": ""})
    git_repo.write({"dist/x": "", "y.tmp": "", "new/z": "", "ü": ""})
    nested = GitRepo(git_repo.path / "nested", home=Path(git_repo.env["HOME"]))
    nested.commit(files={"n": ""})
    found = files(asked, git_repo.path)
    assert set(asked.unignored(str(git_repo.path), found)) == {"new/z", "ü", "nested/"}


def test_filters_of_files_are_found_by_their_attributes(asked: WorkTree, git_repo: GitRepo) -> None:
    git_repo.commit(
        files={
            ".gitattributes": "[attr]large filter=lfs -text\n*.bin large\n*.txt filter=other\nno.bin !filter\n",
            "a.bin": POINTER,
            "app/b.bin": POINTER,
            "no.bin": POINTER,
            "c.txt": POINTER,
        }
    )
    wanted = ["a.bin", "app/b.bin", "no.bin", "c.txt"]
    found = files(asked, git_repo.path)
    filters = asked.filters(str(git_repo.path), found, wanted)
    assert filters == {"a.bin": "lfs", "app/b.bin": "lfs", "c.txt": "other"}
    git_repo.git("config", "filter.other.clean", "cat")
    assert set(asked.without_filter(str(git_repo.path), found, filters)) == {"a.bin", "app/b.bin"}
    below = files(asked, git_repo.path / "app")
    assert asked.filters(str(git_repo.path / "app"), below, ["b.bin"]) == {"b.bin": "lfs"}


def test_a_damaged_git_index_is_a_git_error_with_a_hint(asked: WorkTree, git_repo: GitRepo) -> None:
    git_repo.commit(files={"a": ""})
    (git_repo.path / ".git/index").write_bytes(b"nonsense")
    with pytest.raises(GitError) as caught:
        asked.files(str(git_repo.path))
    assert caught.value.hint
