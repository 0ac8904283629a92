"""Which files of a folder belong to the context, and with which mode."""

from __future__ import annotations

from typing import Any

from release.build.context.selection import Selection, select
from release.build.context.tree import Tree
from release.compression.entries import Inline, Node
from release.git.model import GitFiles

FOLDER = Node(kind="dir")


def tree(**executable: bool | None) -> Tree:
    """Return a tree of files, given by name and executable bit (None: a folder); `__` in a name is `/`."""
    nodes: dict[str, Node] = {}
    for name, value in executable.items():
        file = Node(kind="file", mode=0o755 if value else 0o644, content=Inline(data=b"x"))
        nodes[name.replace("__", "/")] = FOLDER if value is None else file
    return Tree(nodes)


def chosen(git: GitFiles | None, files: Any = "all", **executable: bool | None) -> Selection:
    return select(tree(**executable), git, files)


def test_a_tracked_file_has_the_mode_of_the_commit() -> None:
    """In a clone with `core.fileMode=false`, or on a file system without modes, modes on disk mean nothing."""
    git = GitFiles(modes={"a": 0o100755, "b": 0o100644})
    found = chosen(git, a=False, b=True, c=True).files
    assert {path: node.mode for path, node in found.nodes().items()} == {"a": 0o755, "b": 0o644, "c": 0o755}


def test_files_all_selects_untracked_files_and_counts_them() -> None:
    found = chosen(GitFiles(modes={"a": 0o100644}), a=False, b=False, d=None, d__e=False, empty=None)
    assert list(found.files.paths()) == ["a", "b", "d", "d/e", "empty"]
    assert found.untracked == ("b", "d/e")


def test_files_tracked_selects_tracked_files_and_their_folders() -> None:
    git = GitFiles(modes={"a": 0o100644, "d/e": 0o100644, "gone": 0o100644})
    found = chosen(git, "tracked", a=False, b=False, d=None, d__e=False, d__f=None, empty=None)
    assert list(found.files.paths()) == ["a", "d", "d/e"]
    assert found.untracked == ()


def test_git_folder_stays_selected_and_is_not_counted_as_untracked() -> None:
    nodes = {".git": FOLDER, ".git/HEAD": Node(kind="file"), "a": Node(kind="file")}
    found = select(Tree(nodes), GitFiles(modes={"a": 0o100644}), "tracked")
    assert list(found.files.paths()) == [".git", ".git/HEAD", "a"]
    assert found.untracked == ()


def test_outside_of_a_repository_every_file_is_selected() -> None:
    found = chosen(None, a=True, b=False)
    assert {path: node.mode for path, node in found.files.nodes().items()} == {"a": 0o755, "b": 0o644}
    assert found.untracked is None


def test_tracked_symlink_is_not_changed() -> None:
    link = Node(kind="symlink", mode=0o777, target="a")
    found = select(Tree({"l": link}), GitFiles(modes={"l": 0o120000}), "all")
    assert found.files.get("l") == link
