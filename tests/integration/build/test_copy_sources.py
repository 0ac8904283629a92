"""Sources of COPY and ADD: what is missing, what cannot be copied, and what needs the git folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.build_contexts import COPY_ALL, Notes, digest, dockerfile, paths, problem, read
from tests.support.releases.git import GitRepo


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
