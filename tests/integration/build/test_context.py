from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from release.build.context import Context, open_context, walk
from release.compression.entries import HostFile, Node
from release.compression.tar_stream import read_content
from release.errors import BuildError
from tests.support.releases.builds import build_of


def write(folder: Path, **files: str) -> Path:
    for name, text in {"Dockerfile": "FROM scratch\nCOPY . /\n", **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def opened(root: Path, context: Path | None = None, dockerfile: Path | None = None) -> Context:
    context = context or root
    wanted = build_of(root, context=str(context), dockerfile=str(dockerfile or context / "Dockerfile"))
    return open_context(wanted.task)


def listed(path: Path, size: int) -> HostFile:
    found = path.stat()
    return HostFile(path=str(path), size=size, root=str(path.parent), inode=(found.st_dev, found.st_ino))


def paths(context: Context) -> list[str]:
    return list(walk(context).paths())


def refusal(root: Path, **more: Any) -> BuildError:
    with pytest.raises(BuildError) as caught:
        opened(root, **more)
    assert caught.value.hint
    return caught.value


def test_context_files_are_sorted_by_bytes_and_modes_keep_only_the_executable_bit(tmp_path: Path) -> None:
    write(tmp_path, **{"b/x": "1", "b-c": "22", "B": "", "ü": "", "z": ""})
    os.chmod(tmp_path / "b-c", 0o6711)
    os.chmod(tmp_path / "z", 0o600)
    os.symlink("b/x", tmp_path / "link")
    tree = walk(opened(tmp_path))
    assert list(tree.paths()) == ["B", "Dockerfile", "b", "b-c", "b/x", "link", "z", "ü"]
    assert tree.get("b-c") == Node(kind="file", mode=0o755, content=listed(tmp_path / "b-c", 2))
    assert tree.get("z") == Node(kind="file", mode=0o644, content=listed(tmp_path / "z", 0))
    assert tree.get("link") == Node(kind="symlink", mode=0o777, target="b/x")


def test_excluded_folders_are_listed_only_for_files_that_an_exception_includes(tmp_path: Path) -> None:
    write(tmp_path, **{".dockerignore": "*\n!a/b/keep\n", "a/b/keep": "", "a/b/drop": "", "c/d": ""})
    assert paths(opened(tmp_path)) == ["a", "a/b", "a/b/keep"]


def test_a_dockerfiles_own_ignore_file_replaces_dockerignore(tmp_path: Path) -> None:
    write(tmp_path, **{".dockerignore": "a\n", "docker/app.Dockerfile": "FROM scratch\n", "a": "", "b": ""})
    (tmp_path / "docker/app.Dockerfile.dockerignore").write_text("b\n")
    context = opened(tmp_path, dockerfile=tmp_path / "docker/app.Dockerfile")
    assert context.ignore_file == "docker/app.Dockerfile.dockerignore"
    assert "a" in paths(context)
    assert "b" not in paths(context)
    assert context.dockerfile.name == "docker/app.Dockerfile"


def test_the_shipmark_folder_at_the_top_of_a_context_or_above_is_not_part_of_it(tmp_path: Path) -> None:
    write(tmp_path / "sub", **{"../.shipmark/log": "", ".shipmark/x": "", "deep/.shipmark/y": ""})
    assert paths(opened(tmp_path, context=tmp_path / "sub")) == [
        "Dockerfile",
        "deep",
        "deep/.shipmark",
        "deep/.shipmark/y",
    ]
    write(tmp_path)
    assert not [path for path in paths(opened(tmp_path)) if path.startswith(".shipmark")]


def test_a_dockerfile_beside_the_context_is_read(tmp_path: Path) -> None:
    write(tmp_path, **{"app/a": ""})
    context = opened(tmp_path, context=tmp_path / "app", dockerfile=tmp_path / "Dockerfile")
    assert context.dockerfile_path is None
    assert paths(context) == ["a"]


def test_a_symlink_to_a_context_folder_inside_the_repository_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "real")
    os.symlink("real", tmp_path / "alias")
    assert opened(tmp_path, context=tmp_path / "alias").folder == str(tmp_path / "real")


class TestBadInput:
    def test_error_for_a_missing_dockerfile_has_its_full_path(self, tmp_path: Path) -> None:
        error = refusal(tmp_path)
        assert str(error) == f"there is no Dockerfile at `{tmp_path}/Dockerfile`"
        assert error.hint == "write one there, or set `build: {dockerfile: …}` to where it is"
        (tmp_path / "Containerfile").touch()
        assert refusal(tmp_path).hint == "write one there, or set `build: {dockerfile: Containerfile}`"

    def test_a_folder_as_dockerfile_or_ignore_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").mkdir()
        assert str(refusal(tmp_path)).endswith("Dockerfile` is not a regular file, but a folder")
        (tmp_path / "Dockerfile").rmdir()
        write(tmp_path)
        (tmp_path / ".dockerignore").mkdir()
        assert str(refusal(tmp_path)).endswith(".dockerignore` is not a regular file, but a folder")

    @pytest.mark.parametrize("name", [".dockerignore", "Dockerfile.dockerignore"])
    def test_an_ignore_file_that_is_a_symlink_to_nothing_is_refused(self, tmp_path: Path, name: str) -> None:
        write(tmp_path)
        os.symlink("none", tmp_path / name)
        assert str(refusal(tmp_path)).endswith(f"{name}` is a symlink to `none`, which does not exist")

    def test_a_context_outside_of_the_repository_is_refused(self, tmp_path: Path) -> None:
        write(tmp_path / "repo")
        write(tmp_path / "other")
        error = refusal(tmp_path / "repo", context=tmp_path / "repo/../other")
        assert "is outside of the repository" in str(error)

    def test_error_about_the_folder_of_a_named_context_has_its_name(self, tmp_path: Path) -> None:
        with pytest.raises(BuildError, match=r"the context `lib` \(`.*/none`\) is not a folder") as caught:
            open_context(build_of(tmp_path, context="none").task, name="lib")
        assert caught.value.hint == "set `build: {contexts: {lib: …}}` to a folder of the repository"

    def test_a_context_that_is_a_symlink_out_of_the_repository_is_refused(self, tmp_path: Path) -> None:
        write(tmp_path / "repo")
        write(tmp_path / "other")
        os.symlink("../other", tmp_path / "repo/sub")
        assert "is outside of the repository" in str(
            refusal(tmp_path / "repo", context=tmp_path / "repo/sub")
        )

    def test_a_folder_whose_name_only_starts_like_the_repository_is_outside(self, tmp_path: Path) -> None:
        write(tmp_path / "repo")
        write(tmp_path / "repo2")
        assert "is outside of the repository" in str(refusal(tmp_path / "repo", context=tmp_path / "repo2"))

    @pytest.mark.parametrize("link", [False, True])
    def test_a_dockerfile_outside_of_the_repository_is_refused(self, tmp_path: Path, link: bool) -> None:
        (tmp_path / "repo").mkdir()
        write(tmp_path)
        if link:
            os.symlink("../Dockerfile", tmp_path / "repo/Dockerfile")
        dockerfile = tmp_path / ("repo/Dockerfile" if link else "Dockerfile")
        assert "is outside of the repository" in str(refusal(tmp_path / "repo", dockerfile=dockerfile))

    def test_a_context_folder_that_does_not_exist_is_refused(self, tmp_path: Path) -> None:
        assert "is not a folder" in str(refusal(tmp_path, context=tmp_path / "none"))

    def test_a_dockerfile_that_is_not_utf8_is_refused_with_its_line(self, tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").write_bytes(b"FROM scratch\n# \xff\n")
        assert str(refusal(tmp_path)) == "Dockerfile:2: not UTF-8"

    def test_pipes_and_sockets_are_listed_but_never_opened(self, tmp_path: Path) -> None:
        write(tmp_path)
        os.mkfifo(tmp_path / "pipe")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "sock"))
        tree = walk(opened(tmp_path))
        assert {tree.get("pipe"), tree.get("sock")} == {Node(kind="special", mode=0o644)}


def test_an_unreadable_file_of_the_context_is_refused_unless_it_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result of the system call is replaced, since root may read every file."""
    write(tmp_path, **{"d/secret": "x", "open": "", ".dockerignore": ""})
    (tmp_path / "d/secret").chmod(0o600)
    assert "d/secret" in paths(opened(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with pytest.raises(BuildError) as caught:
        paths(opened(tmp_path))
    assert str(caught.value) == f"`{tmp_path}/d/secret` cannot be read: Permission denied"
    assert "`.dockerignore`" in str(caught.value.hint)
    (tmp_path / ".dockerignore").write_text("d\n")
    assert paths(opened(tmp_path)) == [".dockerignore", "Dockerfile", "open"]


class TestWhatChangesDuringABuild:
    """Between listing and reading, a file or folder of the context is replaced, such as by a symlink to a secret."""

    @pytest.fixture
    def secret(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("outside")
        (folder / "file").write_text("sssh")
        return folder

    @pytest.mark.parametrize("depth", [0, 1, 2])
    def test_a_symlink_that_replaced_a_listed_file_or_folder_is_not_followed(
        self, tmp_path: Path, secret: Path, depth: int
    ) -> None:
        write(tmp_path, **{"a/b/file": "open"})
        (secret / "b").mkdir()
        (secret / "b" / "file").write_text("sssh")
        node = walk(opened(tmp_path)).get("a/b/file")
        assert node is not None
        assert node.content is not None
        swapped = [tmp_path / "a/b/file", tmp_path / "a/b", tmp_path / "a"][depth]
        swapped.rename(tmp_path / "aside")
        swapped.symlink_to([secret / "file", secret / "b", secret][depth])
        with pytest.raises(BuildError) as caught:
            b"".join(read_content(node.content))
        assert caught.value.hint

    def test_a_context_folder_that_became_a_symlink_is_not_listed(
        self, tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, **{"a/b/file": "open"})
        real = os.listdir

        def swap(folder: int) -> list[str]:
            names = real(folder)
            if "b" in names:
                (tmp_path / "a").rename(tmp_path / "aside")
                (tmp_path / "a").symlink_to(secret)
            return names

        (secret / "b").mkdir()
        monkeypatch.setattr(os, "listdir", swap)
        with pytest.raises(BuildError, match="changed while it was read"):
            walk(opened(tmp_path))

    def test_a_context_file_that_was_replaced_by_another_file_is_read(self, tmp_path: Path) -> None:
        write(tmp_path, **{"a/file": "open"})
        node = walk(opened(tmp_path)).get("a/file")
        (tmp_path / "new").write_text("anew")
        (tmp_path / "new").rename(tmp_path / "a/file")
        assert node is not None
        assert node.content is not None
        assert b"".join(read_content(node.content)) == b"anew"

    @pytest.mark.parametrize("name", ["a", "a/file"])
    def test_a_pipe_that_replaced_a_listed_file_is_refused_without_waiting(
        self, tmp_path: Path, name: str
    ) -> None:
        write(tmp_path, **{"a/file": "open"})
        node = walk(opened(tmp_path)).get("a/file")
        assert node is not None
        assert node.content is not None
        (tmp_path / name).rename(tmp_path / "aside")
        os.mkfifo(tmp_path / name)
        with pytest.raises(BuildError):
            b"".join(read_content(node.content))


@pytest.mark.parametrize("name", [".dockerignore", "Dockerfile.dockerignore", "Dockerfile"])
def test_a_dockerfile_or_ignore_file_that_is_a_symlink_out_of_the_repository_is_not_read(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "file"
    outside.write_text("sssh [")
    write(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(outside)
    with pytest.raises(BuildError) as caught:
        opened(tmp_path)
    assert caught.value.hint
    assert "sssh" not in str(caught.value)
