"""Sources for which BuildKit fails in the midst of a build."""

from __future__ import annotations

import pytest

from release.build.buildkit.obstacles import require_transferable
from release.build.context.reach import reach_of
from release.build.context.tree import Tree
from release.build.dockerfile.parser import parse
from release.compression.entries import Node
from release.errors import BuildError
from release.oci.image_json import parse_platform

FILES = Tree(
    {
        **{path: Node(kind="file") for path in ("a", "conf/app", "conf/d/x", "src/c")},
        **{path: Node(kind="dir") for path in ("conf", "conf/d", "src")},
        "link": Node(kind="symlink", target="src"),
    }
)


def check(lines: str) -> None:
    text = f"FROM scratch\n{lines}\n"
    reach = reach_of(parse(text), None, {}, [parse_platform("linux/amd64")])
    require_transferable(reach.through_links(FILES), FILES)


@pytest.mark.parametrize(
    ("lines", "folder"),
    [
        ("COPY conf/*.none a /x/", "conf"),
        ("COPY conf/d/none* conf/app /x/", "conf/d"),
        ("COPY conf/d*/none a /x/", "conf"),
        ("COPY link/none* a /x/", "src"),
        ("COPY nowhere/* conf/* /x/", "nowhere"),
        ("ADD a/x* src /x/", "a"),
    ],
)
def test_a_wildcard_without_a_match_below_a_folder_that_is_not_sent_is_refused(
    lines: str, folder: str
) -> None:
    with pytest.raises(BuildError, match=rf"^Dockerfile:2: .* nothing else of `{folder}` is copied$"):
        check(lines)


@pytest.mark.parametrize("lines", ["COPY --parents . /x/", "COPY --parents --exclude=a src ./ /x/"])
def test_the_whole_context_with_parents_is_refused(lines: str) -> None:
    with pytest.raises(BuildError, match="does not copy the whole context with `--parents`"):
        check(lines)


@pytest.mark.parametrize(
    "lines",
    [
        "COPY conf/none* conf/d/x /x/",
        "COPY conf/none* a /x/\nCOPY conf /y/",
        "COPY nowhere/* a /x/\nCOPY . /y/",
        "COPY */none a /x/",
        "COPY none* a /x/",
        "COPY conf/* link/* /x/",
        "COPY --parents conf/none* a /x/",
        "COPY . /x/",
    ],
)
def test_what_buildkit_copies_is_accepted(lines: str) -> None:
    check(lines)
