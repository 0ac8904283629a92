"""Contexts of clones that lack files or have others than the commit: sparse checkouts, submodules, LFS, settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.build_contexts import COPY_ALL, Notes, digest, dockerfile, paths, problem, read, refusal
from tests.support.releases.git import GitRepo
from tests.support.releases.incomplete import POINTER, add_submodule, check_out_submodules, make_sparse


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

    @pytest.mark.parametrize("copy", ["COPY now/ /", "COPY no* /", "COPY now/*.bin /x/", "COPY now/b.bin /"])
    def test_git_lfs_pointers_behind_a_symlink_of_the_context_are_refused(
        self, with_pointers: GitRepo, copy: str
    ) -> None:
        (with_pointers.path / "now").symlink_to("d")
        dockerfile(with_pointers, f"FROM scratch\n{copy}\n")
        assert str(refusal(with_pointers)).startswith(
            "`d/b.bin` is a Git LFS pointer without its content, and"
        )

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
