from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.build.context.tree import LinkLoop, Tree
from release.compression.entries import Node


def tree(*paths: str, **links: str) -> Tree:
    """Return a tree of files at `paths` and of symlinks, given by path and target."""
    nodes = {path: Node(kind="file") for path in paths}
    return Tree({**nodes, **{path: Node(kind="symlink", target=target) for path, target in links.items()}})


def test_symlinks_that_lead_above_the_root_of_a_tree_are_resolved_from_the_root() -> None:
    files = tree("usr/bin/x", bin="usr/bin", up="../../../usr", far="/bin/x")
    assert files.resolve("bin/x") == "usr/bin/x"
    assert files.resolve("up/bin") == "usr/bin"
    assert files.resolve("far") == "usr/bin/x"
    assert files.resolve_parent("bin/far") == "usr/bin/far"
    assert files.resolve("not/there/../x") == "not/x"


def test_circular_symlinks_are_not_resolved() -> None:
    with pytest.raises(LinkLoop):
        tree(a="b", b="a").resolve("a")


def test_tree_below_finds_files_whose_folders_have_no_entry() -> None:
    assert sorted(tree("a/b/c", "a/d", "ab/c").below("a")) == ["a/b/c", "a/d"]
    assert sorted(tree("a/b/c", "e").below("")) == ["a/b/c", "e"]


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)


@given(st.sets(PATHS, max_size=8), PATHS | st.just(""))
def test_tree_below_returns_every_path_that_starts_with_the_folder(paths: set[str], folder: str) -> None:
    prefix = f"{folder}/" if folder else ""
    assert sorted(tree(*paths).below(folder)) == sorted(path for path in paths if path.startswith(prefix))
