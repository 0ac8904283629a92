"""The build context in a git repository: its files and modes, its digest, and files that a clone lacks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.build.context.contexts import Contexts
from release.build.context.digest import hashing
from release.control import Cancel
from release.errors import BuildError, GitError, Terminated
from release.git.work_tree import WorkTree
from release.programs.processes import Processes
from tests.support.build_contexts import COPY_ALL, Notes, digest, dockerfile, paths, read
from tests.support.releases.builds import build_of
from tests.support.releases.git import GitRepo
from tests.support.releases.incomplete import add_submodule, check_out_submodules


def test_ignore_file_that_only_podman_reads_is_named_in_a_warning(git_repo: GitRepo) -> None:
    dockerfile(git_repo, COPY_ALL, **{".containerignore": "secret"})
    notes = Notes()
    read(git_repo, notes)
    assert ["`.containerignore` is not read" in text for text in notes.texts] == [True]
    git_repo.commit(files={".dockerignore": "secret"})
    read(git_repo, notes)
    assert len(notes.texts) == 1


def test_dockerfile_of_the_context_that_is_not_built_is_named_in_a_warning(git_repo: GitRepo) -> None:
    dockerfile(git_repo, COPY_ALL, **{"api/Dockerfile": COPY_ALL, "api/a": ""})
    notes = Notes()
    read(git_repo, notes, context="api")
    assert notes.texts == [
        "`Dockerfile` of the top folder is built, not `api/Dockerfile`, which other tools take for this context"
    ]
    read(git_repo, notes, context="api", dockerfile="api/Dockerfile")
    read(git_repo, notes, context="api", dockerfile="./Dockerfile")
    read(git_repo, notes)
    git_repo.commit(files={"web/a": ""})
    read(git_repo, notes, context="web")
    assert len(notes.texts) == 1


class TestFiles:
    def test_git_folder_of_the_clone_is_not_part_of_the_context(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL, a="1")
        nested = GitRepo(git_repo.path / "x/nested", home=Path(git_repo.env["HOME"]))
        nested.write({"n": ""})
        assert paths(git_repo) == ["Dockerfile", "a", "x", "x/nested", "x/nested/n"]

    def test_keep_git_adds_the_git_folder_to_the_context(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, "FROM scratch\nCOPY .git /g\n")
        assert ".git/HEAD" in paths(git_repo, keep_git=True)
        assert ".git/HEAD" in paths(git_repo, keep_git=True, files="tracked")

    def test_git_file_of_a_linked_work_tree_is_not_part_of_the_context(
        self, git_repo: GitRepo, tmp_path: Path
    ) -> None:
        dockerfile(git_repo, COPY_ALL)
        git_repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
        linked = GitRepo(tmp_path / "linked", home=Path(git_repo.env["HOME"]), init=False)
        assert paths(linked) == ["Dockerfile"]
        assert digest(linked) == digest(git_repo)

    def test_files_tracked_leaves_untracked_files_out_of_the_context(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL, **{"src/a": "", ".gitignore": "dist/\n"})
        git_repo.write({"dist/x": "", "stray": "", "src/new": ""})
        (git_repo.path / "empty").mkdir()
        notes = Notes()
        found = read(git_repo, notes, files="tracked").chosen
        assert list(found.files.paths()) == [".gitignore", "Dockerfile", "src", "src/a"]
        assert (found.untracked, notes.texts) == ((), [])

    def test_files_tracked_outside_of_a_repository_is_a_git_error(self, tmp_path: Path) -> None:
        (tmp_path / "plain").mkdir()
        repo = GitRepo(tmp_path / "plain", home=tmp_path, init=False)
        repo.write({"Dockerfile": COPY_ALL})
        with pytest.raises(GitError) as caught:
            read(repo, files="tracked")
        assert "`build: {files: all}`" in str(caught.value.hint)
        assert read(repo).chosen.untracked is None

    def test_output_folders_of_shipmark_are_not_part_of_the_context(self, git_repo: GitRepo) -> None:
        """If the context contained shipmark's output, the second image would contain the first."""
        dockerfile(git_repo, COPY_ALL)
        before = digest(git_repo)
        git_repo.write(
            {"dist/image/index.json": "{}", "out/deep/oci/blobs/x": "", ".shipmark/log": "", "r.jsonl": "1"}
        )
        outputs = ("dist/image", "./out/deep/oci", "r.jsonl")
        assert paths(git_repo, outputs=outputs) == ["Dockerfile"]
        assert digest(git_repo, outputs=outputs) == before
        git_repo.write({"dist/other": ""})
        assert paths(git_repo, outputs=outputs) == ["Dockerfile", "dist", "dist/other"]

    def test_output_folder_above_or_beside_the_context_does_not_change_the_context(
        self, git_repo: GitRepo
    ) -> None:
        git_repo.commit(files={"app/Dockerfile": COPY_ALL, "app/a": ""})
        options = {"context": "app", "dockerfile": "app/Dockerfile"}
        assert paths(git_repo, outputs=("dist", ".", "app", "../x"), **options) == ["Dockerfile", "a"]
        assert paths(git_repo, outputs=("app/a",), **options) == ["Dockerfile"]


class TestDigest:
    def test_context_of_a_git_tag_has_one_digest_in_every_clone(
        self, git_repo: GitRepo, make_repo: Callable[[str], GitRepo], tmp_path: Path
    ) -> None:
        """The clones differ in umask, time zone, folder, depth and file modes, and have a submodule."""
        inner = make_repo("inner")
        inner.commit(files={"lib.c": "x"})
        dockerfile(git_repo, COPY_ALL, a="1", run="2", **{"d/e": "3", "ü": ""})
        os.chmod(git_repo.path / "run", 0o755)
        os.symlink("a", git_repo.path / "link")
        git_repo.commit()
        add_submodule(git_repo, inner, "vendor/inner")
        found = {digest(git_repo)}
        for number, umask in enumerate((0o022, 0o077, 0o002)):
            before = os.umask(umask)
            try:
                clone = git_repo.clone(tmp_path / f"clone{number}", *(["--depth=1"] if number else []))
                check_out_submodules(clone)
            finally:
                os.umask(before)
            os.utime(clone.path / "a", (number, number))
            found.add(digest(clone))
        clone.git("config", "core.fileMode", "false")
        os.chmod(clone.path / "run", 0o600)
        os.chmod(clone.path / "a", 0o777)
        found.add(digest(clone))
        assert len(found) == 1

    @pytest.mark.parametrize(
        "change",
        [
            lambda root: (root / "a").write_text("2"),
            lambda root: (root / "a").rename(root / "b"),
            lambda root: (root / "new").write_text(""),
            lambda root: (root / "empty").mkdir(),
            lambda root: os.symlink("b", root / "new"),
            lambda root: os.replace(root / "link", root / "other"),
            lambda root: (root / "untracked").chmod(0o755),
        ],
    )
    def test_every_kind_of_change_to_a_file_changes_the_context_digest(
        self, git_repo: GitRepo, change: Callable[[Path], Any]
    ) -> None:
        os.symlink("a", git_repo.path / "link")
        dockerfile(git_repo, COPY_ALL, a="1")
        git_repo.write({"untracked": ""})
        before = digest(git_repo)
        change(git_repo.path)
        assert digest(git_repo) != before

    def test_files_outside_of_the_context_do_not_change_its_digest(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL, a="1", **{".dockerignore": "hidden\n"})
        before = digest(git_repo)
        assert digest(git_repo, keep_git=True) == before
        git_repo.write({"hidden/x": "", ".shipmark/x": ""})
        git_repo.git("tag", "new")
        assert digest(git_repo, keep_git=True) == before

    def test_context_digest_is_the_hash_of_the_documented_listing(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={"Dockerfile": COPY_ALL, "d/a": "1"})
        os.symlink("d/a", git_repo.path / "link")
        import hashlib

        def sha(data: bytes) -> str:
            return hashlib.sha256(data).hexdigest()

        lines = [
            ("file", "644", str(len(COPY_ALL)), sha(COPY_ALL.encode()), "Dockerfile"),
            ("dir", "755", "0", "", "d"),
            ("file", "644", "1", sha(b"1"), "d/a"),
            ("symlink", "777", "0", "d/a", "link"),
        ]
        listing = "shipmark.context/1\n" + "".join(f"{field}\0" for line in lines for field in line)
        assert digest(git_repo) == f"sha256:{sha(listing.encode())}"

    def test_file_that_grows_while_the_context_is_hashed_is_a_build_error(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL, a="1")
        chosen = read(git_repo).chosen
        git_repo.write({"a": "longer"})
        with (
            hashing(chosen, Cancel()) as context,
            pytest.raises(BuildError, match="changed while it was read"),
        ):
            context.built_from()

    def test_cancelled_run_does_not_wait_for_the_context_digest(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL, a="1")
        cancel = Cancel()
        with hashing(read(git_repo).chosen, cancel) as context:
            cancel.trip(Terminated("SIGTERM"))
            with pytest.raises(Terminated):
                context.built_from()


class TestUntracked:
    def test_untracked_files_in_the_context_are_named_in_one_warning(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL, **{".gitignore": "dist/\n", ".dockerignore": "hidden\n"})
        git_repo.write({"dist/app": "", "hidden": "", **{f"stray{n}": "" for n in range(7)}})
        notes = Notes()
        found = read(git_repo, notes).chosen
        assert found.untracked is not None
        assert len(found.untracked) == 8
        (note,) = notes.notes
        assert note.text == (
            "7 files in the build context are neither tracked nor ignored by git: "
            "`stray0`, `stray1`, `stray2`, `stray3`, `stray4`, …"
        )
        assert "`build: {files: tracked}`" in str(note.hint)

    def test_git_ignored_files_in_the_context_are_counted_without_a_warning(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL, **{".gitignore": "dist/\n"})
        git_repo.write({"dist/app": "x"})
        notes = Notes()
        assert read(git_repo, notes).chosen.untracked == ("dist/app",)
        assert notes.texts == []

    def test_files_of_a_nested_repository_are_named_as_untracked(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL)
        GitRepo(git_repo.path / "nested", home=Path(git_repo.env["HOME"])).commit(files={"n": ""})
        notes = Notes()
        read(git_repo, notes)
        assert notes.texts == [
            "1 file in the build context is neither tracked nor ignored by git: `nested/n`"
        ]

    def test_untracked_files_are_named_by_their_paths_in_the_repository(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={"app/Dockerfile": COPY_ALL, "b": ""})
        git_repo.write({"app/stray": "", "other": ""})
        notes = Notes()
        read(git_repo, notes, context="app", dockerfile="app/Dockerfile")
        assert notes.texts == [
            "1 file in the build context is neither tracked nor ignored by git: `app/stray`"
        ]

    def test_warning_about_untracked_files_is_given_once_for_all_builders(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL)
        git_repo.write({"stray": ""})
        notes = Notes()
        contexts = Contexts(sink=notes, work_tree=WorkTree(Processes(Cancel()), git_repo.env))
        for _ in range(2):
            wanted = build_of(git_repo.path)
            contexts.read(wanted.task, wanted.values)
        assert len(notes.notes) == 1
