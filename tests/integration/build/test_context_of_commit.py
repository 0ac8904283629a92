"""The build context in a git repository: its files and modes, its digest, and files that a clone lacks."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ci.remedies import files_remedies
from release.build.context.contexts import Contexts, Read
from release.build.context.digest import context_digest, hashing
from release.control import Cancel
from release.errors import BuildError, GitError, IncompleteTree, Terminated
from release.events import Event, Note
from release.git.work_tree import WorkTree
from release.process import Processes
from tests.support.releases.builds import build_of
from tests.support.releases.git import GitRepo
from tests.support.releases.incomplete import POINTER, add_submodule, check_out_submodules, make_sparse

COPY_ALL = "FROM scratch\nCOPY . /app/\n"


class Notes:
    """Event sink that keeps the texts of notes."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note):
            self.notes.append(event)

    @property
    def texts(self) -> list[str]:
        return [note.text for note in self.notes]


def read(
    repo: GitRepo,
    notes: Notes | None = None,
    *,
    system: str = "none",
    outputs: tuple[str, ...] = (),
    judges_git: bool = True,
    **options: Any,
) -> Read:
    work_tree = WorkTree(Processes(Cancel()), repo.env)
    remedies = files_remedies(system)
    contexts = Contexts(sink=notes, work_tree=work_tree, remedies=remedies, judges_git=judges_git)
    wanted = build_of(repo.path, outputs=outputs, **options)
    return contexts.read(wanted.task, wanted.values)


def paths(repo: GitRepo, **options: Any) -> list[str]:
    return list(read(repo, **options).chosen.files.paths())


def digest(repo: GitRepo, **options: Any) -> str:
    return context_digest(read(repo, **options).chosen)


def refusal(repo: GitRepo, **options: Any) -> IncompleteTree:
    with pytest.raises(IncompleteTree) as caught:
        read(repo, **options)
    assert caught.value.exit_code == 3
    return caught.value


def problem(repo: GitRepo, **options: Any) -> BuildError:
    with pytest.raises(BuildError) as caught:
        read(repo, **options)
    assert caught.value.hint
    assert caught.value.exit_code == 4
    return caught.value


def dockerfile(repo: GitRepo, text: str, **files: str) -> GitRepo:
    repo.commit(files={"Dockerfile": text, **files})
    return repo


def test_changed_file_that_git_was_told_to_take_as_unchanged_is_refused(git_repo: GitRepo) -> None:
    dockerfile(
        git_repo,
        'FROM scratch\nCOPY ["a", "b c", "/"]\n',
        a="1",
        **{"b c": "1", "other": "1", ".gitattributes": "* text"},
    )
    git_repo.git("update-index", "--assume-unchanged", "a", "other")
    git_repo.git("update-index", "--skip-worktree", "b c")
    git_repo.write({"a": "1", "other": "2"})
    assert "a" in paths(git_repo)
    git_repo.write({"b c": "2"})
    assert "`b c` differs from the commit" in refusal(git_repo, allow_missing=("b c",)).message
    git_repo.write({"a": "2"})
    error = refusal(git_repo)
    assert "2 files differ from the commit" in error.message
    assert "--no-assume-unchanged" in (error.hint or "")


def test_ignore_file_that_only_podman_reads_is_named_in_a_warning(git_repo: GitRepo) -> None:
    dockerfile(git_repo, COPY_ALL, **{".containerignore": "secret"})
    notes = Notes()
    read(git_repo, notes)
    assert ["`.containerignore` is not read" in text for text in notes.texts] == [True]
    git_repo.commit(files={".dockerignore": "secret"})
    read(git_repo, notes)
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


class TestIncomplete:
    @pytest.fixture
    def sparse(self, git_repo: GitRepo) -> GitRepo:
        dockerfile(git_repo, COPY_ALL, **{"in/a": "", "out/b": "", "out/c": ""})
        make_sparse(git_repo, "in")
        return git_repo

    @pytest.fixture
    def without_submodule(
        self, git_repo: GitRepo, make_repo: Callable[[str], GitRepo], tmp_path: Path
    ) -> GitRepo:
        inner = make_repo("inner")
        inner.commit(files={"i": ""})
        dockerfile(git_repo, COPY_ALL, a="")
        add_submodule(git_repo, inner, "vendor/inner")
        return git_repo.clone(tmp_path / "clone")

    @pytest.fixture
    def with_pointers(self, git_repo: GitRepo) -> GitRepo:
        attributes = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
        files = {"a.bin": POINTER, "d/b.bin": POINTER, "c.txt": POINTER, ".gitattributes": attributes}
        return dockerfile(git_repo, COPY_ALL, **files)

    def test_files_missing_from_a_sparse_checkout_are_refused_if_the_build_reads_them(
        self, sparse: GitRepo
    ) -> None:
        error = refusal(sparse)
        assert str(error) == (
            "2 files of the commit are not in this sparse checkout (`out/b`, `out/c`), and Dockerfile:2 reads them: "
            "`COPY` of `.`"
        )
        assert error.hint == (
            "run `git sparse-checkout disable`; or, if the image can do without, "
            "`build: {allow_missing: [out/b]}`"
        )
        sparse.git("sparse-checkout", "disable")
        assert "out/b" in paths(sparse)

    def test_submodule_that_is_not_checked_out_is_refused_if_the_build_reads_it(
        self, without_submodule: GitRepo
    ) -> None:
        error = refusal(without_submodule)
        assert str(error) == (
            "the submodule `vendor/inner` is not checked out, and Dockerfile:2 reads it: `COPY` of `.`"
        )
        assert str(error.hint).startswith("run `git submodule update --init --recursive`; or")
        check_out_submodules(without_submodule)
        assert "vendor/inner/i" in paths(without_submodule)

    def test_git_lfs_pointers_are_refused_if_the_build_reads_them(self, with_pointers: GitRepo) -> None:
        error = refusal(with_pointers)
        assert str(error) == (
            "2 files are Git LFS pointers without their content (`a.bin`, `d/b.bin`), and Dockerfile:2 reads them: "
            "`COPY` of `.`"
        )
        assert str(error.hint).startswith("run `git lfs pull`; or")
        with_pointers.write({"a.bin": "content", "d/b.bin": "content"})
        assert "a.bin" in paths(with_pointers)

    @pytest.mark.parametrize(
        ("system", "sparse_line", "submodule_line", "lfs_line"),
        [
            ("github", "`sparse-checkout`", "`with: {submodules: recursive}`", "`with: {lfs: true}`"),
            (
                "gitlab",
                "git sparse-checkout disable",
                "GIT_SUBMODULE_STRATEGY: recursive",
                "GIT_LFS_SKIP_SMUDGE",
            ),
        ],
    )
    def test_hint_for_missing_files_is_the_setting_of_the_ci_system(
        self,
        make_repo: Callable[[str], GitRepo],
        tmp_path: Path,
        system: str,
        sparse_line: str,
        submodule_line: str,
        lfs_line: str,
    ) -> None:
        sparse = dockerfile(make_repo("sparse"), COPY_ALL, **{"out/b": ""})
        make_sparse(sparse, "in")
        inner, outer = make_repo("inner"), dockerfile(make_repo("outer"), COPY_ALL)
        inner.commit(files={"i": ""})
        add_submodule(outer, inner, "inner")
        lfs = dockerfile(make_repo("lfs"), COPY_ALL, **{"a": POINTER, ".gitattributes": "a filter=lfs\n"})
        assert sparse_line in str(refusal(sparse, system=system).hint)
        assert submodule_line in str(refusal(outer.clone(tmp_path / "c"), system=system).hint)
        assert lfs_line in str(refusal(lfs, system=system).hint)

    @pytest.mark.parametrize(
        ("text", "ignore"),
        [
            ("FROM scratch\nCOPY in /\n", ""),
            ("FROM scratch\nCOPY in/a Dockerfile /\n", ""),
            (COPY_ALL, "out\n"),
            (COPY_ALL, "**/b\n**/c\n"),
            (COPY_ALL, "out/*\n"),
            ("FROM scratch AS unused\nCOPY out /\nFROM scratch\nCOPY in /\n", ""),
            ("FROM scratch\nRUN --mount=target=/x,source=in true\n", ""),
        ],
    )
    def test_files_of_a_sparse_checkout_that_no_instruction_reads_may_be_missing(
        self, git_repo: GitRepo, text: str, ignore: str
    ) -> None:
        dockerfile(git_repo, text, **{"in/a": "", "out/b": "", "out/c": "", ".dockerignore": ignore})
        make_sparse(git_repo, "in")
        assert "in/a" in paths(git_repo)

    @pytest.mark.parametrize(
        "instruction", ["ADD out/b /", "RUN --mount=target=/x,source=out true", "COPY o*/b /"]
    )
    def test_add_and_mount_and_wildcards_require_their_files_in_a_sparse_checkout(
        self, git_repo: GitRepo, instruction: str
    ) -> None:
        dockerfile(git_repo, f"FROM scratch\nCOPY in /\n{instruction}\n", **{"in/a": "", "out/b": ""})
        make_sparse(git_repo, "in")
        assert "Dockerfile:3 reads it" in str(refusal(git_repo))

    def test_submodule_excluded_by_dockerignore_may_be_missing(self, without_submodule: GitRepo) -> None:
        for ignore in ("vendor\n", "vendor/inner/*\n"):
            without_submodule.write({".dockerignore": ignore})
            assert "a" in paths(without_submodule)

    def test_allow_missing_accepts_only_the_missing_files_that_it_names(self, sparse: GitRepo) -> None:
        for allowed in (("out/b", "out/c"), ("out",), ("./out/",)):
            assert paths(sparse, allow_missing=allowed) == ["Dockerfile", "in", "in/a"]
        assert "`out/c`" in str(refusal(sparse, allow_missing=("out/b",)))
        assert "`out/b`" in str(refusal(sparse, allow_missing=("ou", "out/b/x")))

    def test_allow_missing_accepts_submodules_and_lfs_pointers(
        self, without_submodule: GitRepo, make_repo: Callable[[str], GitRepo]
    ) -> None:
        assert "a" in paths(without_submodule, allow_missing=("vendor/inner",))
        lfs = dockerfile(make_repo("lfs"), COPY_ALL, **{"a": POINTER, ".gitattributes": "a filter=lfs\n"})
        assert "a" in paths(lfs, allow_missing=("a",))

    def test_missing_files_are_named_by_their_paths_in_the_repository(self, git_repo: GitRepo) -> None:
        git_repo.commit(files={"app/Dockerfile": COPY_ALL, "app/in/a": "", "app/out/b": ""})
        make_sparse(git_repo, "app/in")
        options = {"context": "app", "dockerfile": "app/Dockerfile"}
        assert "`app/out/b` is not in this sparse checkout" in str(refusal(git_repo, **options))
        assert "in/a" in paths(git_repo, allow_missing=("app/out/b",), **options)

    def test_skip_worktree_file_that_exists_is_accepted(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL, a="1")
        git_repo.git("update-index", "--skip-worktree", "a")
        assert "a" in paths(git_repo)

    @pytest.mark.parametrize(
        ("name", "stored"),
        [("git-crypt", b"\0GITCRYPT\0x"), ("git-crypt-ops", b"\0GITCRYPT\0x"), ("crypt", b"U2FsdGVkX1/+x")],
    )
    def test_encrypted_files_are_refused_if_the_build_reads_them(
        self, git_repo: GitRepo, name: str, stored: bytes
    ) -> None:
        (git_repo.path / "key").write_bytes(stored)
        (git_repo.path / "free").write_bytes(stored)
        dockerfile(git_repo, COPY_ALL, **{".gitattributes": f"key filter={name}\n"})
        error = refusal(git_repo)
        assert str(error).startswith("`key` is encrypted, as git stores it, and Dockerfile:2 reads it")
        assert "`git-crypt unlock`" in (error.hint or "")
        assert "key" in paths(git_repo, allow_missing=("key",))
        git_repo.write({"key": "plain"})
        assert "key" in paths(git_repo)

    def test_filter_that_the_clone_does_not_have_is_named_in_a_warning(self, git_repo: GitRepo) -> None:
        attributes = "*.x filter=unpack\n*.ipynb filter=nbstripout\nunread filter=unpack\n"
        files = {
            "app/a.x": "1",
            "app/b.ipynb": "1",
            "unread": "1",
            "app/Dockerfile": "FROM scratch\nCOPY *.* /\n",
        }
        git_repo.commit(files={".gitattributes": attributes, **files})
        options: dict[str, Any] = {"context": "app", "dockerfile": "app/Dockerfile"}
        notes = Notes()
        read(git_repo, notes, **options)
        (text,) = notes.texts
        assert text.startswith("the git filter `unpack` is not configured in this clone")
        assert text.endswith("git stores: `app/a.x`")
        git_repo.git("config", "filter.unpack.smudge", "cat")  # as the hint says
        read(git_repo, notes, **options)
        assert len(notes.texts) == 1

    def test_reading_git_attributes_runs_no_filter_program(self, git_repo: GitRepo, tmp_path: Path) -> None:
        dockerfile(git_repo, COPY_ALL, **{"a": POINTER, ".gitattributes": "a filter=lfs\n"})
        git_repo.git("config", "filter.lfs.clean", f"touch {tmp_path}/ran; cat")
        git_repo.git("config", "filter.lfs.smudge", f"touch {tmp_path}/ran; cat")
        git_repo.git("config", "filter.lfs.process", f"touch {tmp_path}/ran")
        refusal(git_repo)
        assert not (tmp_path / "ran").exists()


class TestSources:
    @pytest.mark.parametrize(
        ("copy", "files", "options", "said", "hint"),
        [
            ("gone", {}, {}, "the context has no `gone`", "check the path"),
            ("a/gone", {"a/b": ""}, {}, "the context has no `a/gone`", "check the path"),
            (
                "secret",
                {"secret": "", ".dockerignore": "# x\n\n*cret\n"},
                {},
                "the context has no `secret`: .dockerignore:3 hides `secret`",
                "remove that line, or write `!secret` behind it",
            ),
            (
                "d/x",
                {"d/x": "", "Dockerfile.dockerignore": "d\n", ".dockerignore": "\n\nd\n"},
                {},
                "the context has no `d/x`: Dockerfile.dockerignore:1 hides `d/x`",
                "remove that line",
            ),
            (
                "*.log",
                {"x.log": "", ".dockerignore": "*.log\n"},
                {},
                "nothing in the context matches `*.log`: .dockerignore:1 hides `x.log`",
                "remove that line",
            ),
            ("*.none", {}, {}, "nothing in the context matches `*.none`", "check the path"),
            (
                "dist/i",
                {"dist/i": ""},
                {"outputs": ("dist",)},
                "shipmark writes `dist` itself",
                "another folder",
            ),
            (
                "dist",
                {"dist/x/i": ""},
                {"outputs": ("dist/x",)},
                "the context has no `dist`: it holds only `dist/x`, which shipmark writes itself",
                "another folder",
            ),
            (".shipmark/x", {".shipmark/x": ""}, {}, "shipmark writes `.shipmark` itself", "another folder"),
        ],
    )
    def test_missing_copy_source_is_an_error_with_the_reason(
        self,
        git_repo: GitRepo,
        copy: str,
        files: Mapping[str, str],
        options: dict[str, Any],
        said: str,
        hint: str,
    ) -> None:
        dockerfile(git_repo, f"FROM scratch\nCOPY {copy} /\n", **files)
        error = problem(git_repo, **options)
        assert str(error).startswith("Dockerfile:2: ")
        assert said in str(error)
        assert hint in str(error.hint)

    def test_untracked_copy_source_is_an_error_with_files_tracked(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, "FROM scratch\nCOPY new /\n")
        git_repo.write({"new": ""})
        error = problem(git_repo, files="tracked")
        assert str(error) == "Dockerfile:2: the context has no `new`: git does not track `new`"
        assert "`build: {files: all}`" in str(error.hint)

    @pytest.mark.parametrize(
        "lines",
        [
            "COPY a b* /x/",
            "COPY d /",
            "COPY link/e /",
            "COPY $UNKNOWN/x /",
            "ARG N=a\nCOPY $N /",
            "ADD https://example.org/x /",
            "COPY inside /",
            "COPY --from=busybox /bin/sh /",
        ],
    )
    def test_copy_sources_that_a_builder_may_find_are_accepted(self, git_repo: GitRepo, lines: str) -> None:
        os.symlink("d", git_repo.path / "link")
        os.symlink("/d/e", git_repo.path / "inside")
        dockerfile(git_repo, f"FROM base\n{lines}\n", **{"a": "", "d/e": ""})
        assert "a" in paths(git_repo)

    def test_circular_symlink_as_a_copy_source_is_a_build_error(self, git_repo: GitRepo) -> None:
        os.symlink("two", git_repo.path / "one")
        os.symlink("one", git_repo.path / "two")
        dockerfile(git_repo, "FROM scratch\nCOPY one /\n")
        assert "leads in a circle" in str(problem(git_repo))

    def test_pipes_and_sockets_that_would_be_copied_are_refused(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL)
        os.mkfifo(git_repo.path / "pipe")
        error = problem(git_repo)
        assert str(error) == "Dockerfile:2: `pipe` is a device, pipe or socket, which an image cannot hold"
        git_repo.write({".dockerignore": "pipe\n"})
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(git_repo.path / "sock"))
            assert "`sock` is a device, pipe or socket" in str(problem(git_repo))
        assert paths(git_repo, files="tracked") == ["Dockerfile"]

    def test_names_that_mark_removed_files_are_refused(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, COPY_ALL, **{".wh.x": ""})
        assert str(problem(git_repo)).startswith("Dockerfile:2: `.wh.x` begins with `.wh.`")

    def test_pipe_that_no_instruction_copies_is_accepted(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, "FROM scratch\nCOPY a /\n", a="")
        os.mkfifo(git_repo.path / "pipe")
        assert digest(git_repo)

    def test_a_dockerfile_that_copies_the_git_folder_is_refused_unless_keep_git_is_set(
        self, git_repo: GitRepo
    ) -> None:
        dockerfile(git_repo, "FROM scratch\nCOPY .git /g\n")
        assert "`.git` is not part of the context" in str(problem(git_repo))
        assert ".git/HEAD" in paths(git_repo, keep_git=True)

    def test_copying_the_git_folder_is_not_refused_if_keep_git_was_not_read(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, "FROM scratch\nCOPY .git /g\n")
        assert paths(git_repo, judges_git=False) == ["Dockerfile"]
        git_repo.write({"Dockerfile": "FROM scratch\nCOPY .git /g\nCOPY gone /\n"})
        assert "Dockerfile:3: the context has no `gone`" in str(problem(git_repo, judges_git=False))

    def test_tool_that_needs_the_git_folder_causes_a_warning(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, "FROM base\nCOPY . /\nRUN git describe > /v\n")
        notes = Notes()
        read(git_repo, notes)
        assert [text.partition(",")[0] for text in notes.texts] == [
            "Dockerfile:3: `git describe` looks for `.git`"
        ]
        for is_judged in (True, False):
            quiet = Notes()
            read(git_repo, quiet, judges_git=is_judged, keep_git=is_judged)
            assert quiet.texts == []
        git_repo.write({".dockerignore": ".git\n"})
        quiet = Notes()
        read(git_repo, quiet)
        assert [text for text in quiet.texts if "looks for" in text] == []


class TestSettingsOfTheClone:
    """What `git clone -c` changes in the work tree, without a change that git shows."""

    def test_symlinks_that_were_checked_out_as_files_are_symlinks_in_the_context(
        self, git_repo: GitRepo, tmp_path: Path
    ) -> None:
        os.symlink("d/a", git_repo.path / "link")
        dockerfile(git_repo, COPY_ALL, **{"d/a": "1", "plain": "d/a"})
        clone = git_repo.clone(tmp_path / "clone", "-c", "core.symlinks=false")
        assert not (clone.path / "link").is_symlink()
        node = read(clone).chosen.files.get("link")
        assert node is not None
        assert (node.kind, node.target) == ("symlink", "d/a")
        assert digest(clone) == digest(git_repo)
        clone.git("config", "core.symlinks", "true")
        assert digest(clone) != digest(git_repo)

    def test_changed_executable_bit_that_git_ignores_is_named(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, "FROM scratch\nCOPY run.sh /\n", **{"run.sh": "1", "other.sh": "1"})
        for name in ("run.sh", "other.sh"):
            os.chmod(git_repo.path / name, 0o755)
        notes = Notes()
        read(git_repo, notes)
        assert notes.texts == []
        git_repo.git("config", "core.fileMode", "false")
        read(git_repo, notes)
        assert notes.texts == [
            "`core.fileMode=false` hides a changed executable bit: `run.sh`; images have the commit's"
        ]
        git_repo.git("update-index", "--chmod=+x", "run.sh")
        read(git_repo, notes)
        assert len(notes.texts) == 1
        git_repo.git("update-index", "--chmod=-x", "run.sh")
        for path in git_repo.path.iterdir():
            os.chmod(path, 0o777)
        read(git_repo, notes)
        assert len(notes.texts) == 1, "a file system that does not keep the bit says nothing"

    def test_line_ends_of_the_clone_that_are_not_the_commits_are_named(self, git_repo: GitRepo) -> None:
        dockerfile(git_repo, "FROM scratch\nCOPY a.txt /\n", **{"a.txt": "1\n2\n", "unread.txt": "1\n"})
        for setting, attributes, said in (
            ("core.autocrlf=true", "", True),
            ("core.autocrlf=input", "", False),
            ("core.autocrlf=false", "", False),
            ("core.eol=crlf", "* text", True),
            ("core.eol=crlf", "", False),
            ("core.autocrlf=true", "* text=auto eol=lf", False),
            ("core.autocrlf=true", "*.txt text eol=crlf", False),
        ):
            git_repo.write({".gitattributes": attributes})
            git_repo.git("rm", "--quiet", "--cached", "*.txt")
            git_repo.write({"a.txt": "1\n2\n", "unread.txt": "1\n"})
            git_repo.commit()
            name, _, value = setting.partition("=")
            git_repo.git("config", name, value)
            os.remove(git_repo.path / "a.txt")
            git_repo.git("checkout", "--quiet", "a.txt")
            notes = Notes()
            read(git_repo, notes)
            git_repo.git("config", "--unset", name)
            assert [": `a.txt`; another clone" in text for text in notes.texts] == [True] * said, setting


class TestWhatABuildIsReadFrom:
    def test_it_is_refused_if_a_sparse_checkout_left_it_out(self, git_repo: GitRepo) -> None:
        names = ("Dockerfile", "docker/Dockerfile", "lib/x", "app/D")
        rules = {".dockerignore": "secret", "app/D.dockerignore": "secret", "app/secret": ""}
        git_repo.commit(files={**dict.fromkeys(names, "FROM scratch\nCOPY D* /\n"), **rules})
        in_app = {"context": "app", "dockerfile": "app/D"}
        for options, kept, lacks in (
            ({}, ("/app/",), "Dockerfile"),
            ({"dockerfile": "docker/Dockerfile"}, ("/app/",), "docker/Dockerfile"),
            ({"context": "lib", "dockerfile": "lib/x"}, ("/app/", "/Dockerfile"), "lib"),
            ({}, ("/app/", "/Dockerfile"), ".dockerignore"),
            (in_app, ("/app/D",), "app/D.dockerignore"),
        ):
            git_repo.git("sparse-checkout", "set", "--no-cone", *kept)
            error = refusal(git_repo, **options)
            assert error.message == f"`{lacks}` is not in this sparse checkout, and the build is read from it"
            assert error.hint == "run `git sparse-checkout disable`"
        assert paths(git_repo, **in_app, allow_missing=("app/D.dockerignore",)) == ["D"]
        assert "there is no Dockerfile" in problem(git_repo, dockerfile="nowhere").message
        git_repo.git("sparse-checkout", "set", "--no-cone", "/app/D", "/app/D.dockerignore")
        assert paths(git_repo, **in_app) == ["D", "D.dockerignore"]

    def test_it_is_refused_if_its_submodule_is_not_checked_out(
        self, git_repo: GitRepo, make_repo: Callable[[str], GitRepo], tmp_path: Path
    ) -> None:
        inner = make_repo("inner")
        inner.commit(files={"Dockerfile": COPY_ALL})
        dockerfile(git_repo, COPY_ALL)
        add_submodule(git_repo, inner, "lib")
        error = refusal(git_repo.clone(tmp_path / "clone"), dockerfile="lib/Dockerfile", system="github")
        assert error.message == (
            "the submodule `lib` is not checked out, and the build is read from `lib/Dockerfile`"
        )
        assert "submodules: recursive" in str(error.hint)
        assert "Dockerfile" in paths(git_repo, context="lib", dockerfile="lib/Dockerfile")


def test_files_of_a_submodule_without_its_repository_are_refused(
    git_repo: GitRepo, make_repo: Callable[[str], GitRepo], tmp_path: Path
) -> None:
    inner = make_repo("inner")
    inner.commit(files={"i": "1"})
    dockerfile(git_repo, COPY_ALL)
    add_submodule(git_repo, inner, "lib")
    clone = git_repo.clone(tmp_path / "clone")
    clone.write({"lib/i": "another"})
    error = refusal(clone)
    assert error.message.startswith("the files of the submodule `lib` have no git repository that says")
    assert "lib/i" in paths(clone, allow_missing=("lib",))
    # as the hint says
    clone.git("submodule", "deinit", "--force", "lib")
    check_out_submodules(clone)
    assert digest(clone) == digest(git_repo)
