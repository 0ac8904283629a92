"""Which sources and names are refused before a build starts."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pytest

from release.build.context.folder import Context
from release.build.context.layer_names import require_no_whiteout, require_storable
from release.build.context.reach import Reach, reach_of
from release.build.context.selection import Selection
from release.build.context.sources import require_sources
from release.build.context.tree import Tree
from release.build.dockerfile.parser import parse
from release.build.ignore import Ignore
from release.compression.entries import Node
from release.errors import BuildError
from release.oci.image_json import parse_platform


def tree(**links: str) -> Tree:
    """Return a context with the files `f`, `d/x` and `x[1]`, and with symlinks by name and target."""
    nodes = {
        "f": Node(kind="file"),
        "d": Node(kind="dir"),
        "d/x": Node(kind="file"),
        "x[1]": Node(kind="file"),
    }
    return Tree({**nodes, **{name: Node(kind="symlink", target=target) for name, target in links.items()}})


def reach(text: str) -> Reach:
    return reach_of(parse(text), None, {}, [parse_platform("linux/amd64")])


def refusal(lines: str, **links: str) -> str | None:
    """Return the message about a Dockerfile with `lines`, or None."""
    text = f"FROM scratch\n{lines}\n"
    context = Context(
        root="/none",
        folder="/none",
        dockerfile=parse(text),
        dockerfile_path="Dockerfile",
        text=text.encode(),
        ignore=Ignore(),
        ignore_file=None,
    )
    try:
        require_sources(context, Selection(files=tree(**links)), reach(text))
    except BuildError as error:
        return f"{error}" if error.hint else "no hint"
    return None


@pytest.mark.parametrize(
    "lines",
    [
        "COPY abs in up/x /c/",
        "COPY a* /c/",
        "COPY --parents gone /c/",
        "COPY --parents g* /c/",
        "COPY d /c",
        "COPY x[[]1] /",
        'COPY ["x[[]1]", "f", "/c/"]',
        "RUN --mount=source=abs,target=/x y",
    ],
)
def test_sources_that_lead_to_something_are_accepted(lines: str) -> None:
    links = {"abs": "/f", "in": "d/x", "up": "../../d", "gone": "nothing", "d/y": "nothing"}
    assert refusal(lines, **links) is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("COPY gone /", "`gone` is a symlink to `/nothing`, which the context lacks"),
        ("COPY g* f /c/", "`gone` is a symlink to `/nothing`, which the context lacks"),
        ("COPY 'gone' /", "`gone` is a symlink to `/nothing`, which the context lacks"),
        ("COPY gone/x /", "the context has no `gone/x`"),
        ("RUN --mount=source=gone,target=/x y", "`gone` is a symlink to `/nothing`, which the context lacks"),
        ("COPY [[]x[]] /", "`[[]x[]]` is not a pattern: `]` stands where a character is expected"),
        ("COPY f [a-] /c/", "`[a-]` is not a pattern: `]` stands where a character is expected"),
        ("COPY f [x /c/", "`[x` is not a pattern: a bracket is not closed within its path component"),
    ],
)
def test_sources_that_no_builder_can_copy_are_refused(lines: str, message: str) -> None:
    assert refusal(lines, gone="/nothing") == f"Dockerfile:2: {message}"


@pytest.mark.parametrize(
    ("lines", "in_image", "in_layers"),
    [
        ("COPY . /", True, True),
        ("COPY d /", True, True),
        ("COPY d/.wh.f /x", True, True),
        ("COPY f /", False, False),
        ("COPY --exclude=.wh.* . /", False, False),
        ("RUN --mount=target=/x y", False, False),
        ("COPY d /\nFROM scratch\nCOPY f /", False, False),
        ("COPY d /\nFROM scratch AS b\nCOPY --from=0 /f /", False, True),
    ],
)
def test_names_that_mark_removed_files_do_not_come_into_an_image(
    lines: str, in_image: bool, in_layers: bool
) -> None:
    files = tree().with_changes({"d/.wh.f": Node(kind="file")})
    found = reach(f"FROM scratch\n{lines}\n")
    last = lines.count("FROM")
    text = "Dockerfile:2: `d/.wh.f` begins with `.wh.`, which marks a removed file in a layer"
    with pytest.raises(BuildError, match=re.escape(text)) if in_image else nullcontext():
        require_no_whiteout(files, found, found.line_of(last))
    with pytest.raises(BuildError, match=re.escape(text)) if in_layers else nullcontext():
        require_storable(files, found)


@pytest.mark.parametrize(
    "odd", [{"d/\udce9": Node(kind="file")}, {"d/l": Node(kind="symlink", target="\udce9")}]
)
def test_names_that_are_not_utf_8_are_refused_by_our_own_layers_only(odd: dict[str, Node]) -> None:
    files, found = tree().with_changes(odd), reach("FROM scratch\nCOPY d /\n")
    require_no_whiteout(files, found, [0])
    with pytest.raises(BuildError, match="is not UTF-8"):
        require_storable(files, found)
