"""Which paths of the context a Dockerfile reads."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from release.build.context.reach import Reach, reach_of
from release.build.context.tree import Tree
from release.build.dockerfile.parser import parse
from release.compression.entries import Node
from release.oci.image_json import parse_platform

AMD64 = parse_platform("linux/amd64")


def reach(text: str, target: str | None = None, given: Mapping[str, str] | None = None) -> Reach:
    return reach_of(parse(text), target, given or {}, [AMD64])


@pytest.mark.parametrize(
    ("lines", "read", "unread"),
    [
        ("COPY . /", "a a/b .git", ""),
        ("COPY a /", "a a/b a/b/c", "b ab"),
        ("COPY ./a/ /", "a a/b", "b"),
        ("COPY /a/b /", "a a/b a/b/c", "a/c b"),
        ("COPY *.txt /", "x.txt", "x.md d/x.txt"),
        ("COPY src/*.c include /", "src src/x.c include include/y", "src/x.h"),
        ('COPY ["a", "/"]', "a", "b"),
        ("COPY a /\nADD b /", "a b", "c"),
        ("ADD a https://example.org/b git@example.org:c.git /x/", "a", "https: b c.git"),
        (
            "ADD file:///a deploy@example.org:b.git ftp://c HTTPS://d a.b@c:e github.com/f git://g /x/",
            "file:/a ftp:/c HTTPS:/d a.b@c:e github.com/f",
            "b.git https: deploy git: g",
        ),
        ("COPY <<EOF /b\ntext\nEOF", "", "a b EOF"),
        ("COPY --from=one a /", "", "a"),
        ("COPY --link --chmod=644 a /", "a", "b"),
        ("COPY ../a /", "a", "b"),
        ("COPY --parents a/**/x /", "a a/b/c", "b"),
        ("COPY a/**/x /", "a a/b/x", "a/b/c/x a/b/y b"),
        ("RUN --mount=type=bind,source=a,target=/a true", "a a/b", "b"),
        ("RUN --mount=source=a,target=/a --mount=type=bind,src=b,target=/b true", "a b", "c"),
        ("RUN --mount=target=/a true", "a b", ""),
        ("RUN --mount=type=bind,from=one,source=a,target=/a true", "", "a"),
        ("RUN --mount=type=cache,target=/a --mount=type=secret,id=a true", "", "a"),
        ("RUN --mount=type=BIND,source=a,target=/a true", "a", "b"),
        ('RUN --mount=target=/a,\\"source=a,b\\" true', "a,b", "a b"),
        ("ARG T=bind\nRUN --mount=type=$T,source=a,target=/a true", "a", "b"),
        ("ARG T=cache\nRUN --mount=type=$T,source=a,target=/a true", "", "a b"),
        ("RUN --mount=type=$OF_THE_BASE,source=a,target=/a true", "a", "b"),
        ("ARG D=a\nCOPY $D/b /", "a a/b", "a/c b"),
        ("ENV D=a\nCOPY ${D} /", "a", "b"),
        ("ARG G\nCOPY $G /", "given", "b"),
        ("COPY $FROM_THE_BASE/b /", "a b", ""),
        ("COPY ${D:-a} /", "a b", ""),
        ("ONBUILD COPY a /", "", "a"),
    ],
)
def test_source_of_finds_the_paths_that_an_instruction_reads_and_no_others(
    lines: str, read: str, unread: str
) -> None:
    found = reach(f"FROM base AS one\nFROM base\n{lines}\n", given={"G": "given"})
    assert [path for path in read.split() if found.source_of(path) is None] == []
    assert [path for path in unread.split() if found.source_of(path) is not None] == []


@pytest.mark.parametrize(
    ("trigger", "read"),
    [
        ("ONBUILD COPY a /", "a"),
        ("ONBUILD ADD $D/b /", "d/b"),
        ("ONBUILD COPY --from=made / /", "m"),
        ("ONBUILD RUN --mount=from=made,target=/m true", "m"),
        ("ONBUILD RUN --mount=source=a,target=/a true", "a"),
    ],
)
def test_source_of_finds_what_a_trigger_of_the_stage_below_reads(trigger: str, read: str) -> None:
    text = f"FROM scratch AS made\nCOPY m /\nFROM base AS below\nARG D=d\n{trigger}\nFROM below\n"
    found = reach(text)
    assert found.source_of(read) is not None
    assert len(found.sources) == 1
    assert reach(text, target="below").sources == ()  # the trigger's own stage does not execute it


STAGES = """
ARG START=one
FROM base AS one
COPY a /
FROM one AS two
COPY b /
FROM base AS unused
COPY c /
FROM base AS mounted
COPY d /
FROM base AS copied
COPY e /
FROM $START AS last
RUN --mount=from=mounted,target=/m true
COPY --from=copied /x /
COPY f /
"""


@pytest.mark.parametrize(
    ("target", "given", "expected"),
    [
        (None, {}, "adef"),
        ("two", {}, "ab"),
        ("0", {}, "a"),
        ("last", {"START": "two"}, "abdef"),
        ("unused", {}, "c"),
    ],
)
def test_only_sources_of_stages_that_the_target_needs_are_found(
    target: str | None, given: dict[str, str], expected: str
) -> None:
    found = reach(STAGES, target, given)
    assert "".join(path for path in "abcdef" if found.source_of(path) is not None) == expected


def link(target: str) -> Node:
    return Node(kind="symlink", target=target)


LINKED = Tree(
    {
        **{path: Node(kind="file") for path in ("v1/a.bin", "v1/sub/b.bin", "other/c")},
        **{path: Node(kind="dir") for path in ("v1", "v1/sub", "other", "deep")},
        "current": link("v1"),
        "newest": link("current"),
        "deep/up": link("../v1/sub"),
        "gone": link("missing/x"),
        "loop": link("loop"),
        "all": link("."),
    }
)


@pytest.mark.parametrize(
    ("line", "read", "unread"),
    [
        ("COPY current/ /", "v1 v1/a.bin current", "other/c"),
        ("COPY newest/a.bin /", "v1/a.bin", "v1/sub/b.bin other/c"),
        ("COPY other cur* /", "v1/a.bin other/c", "deep"),
        ("COPY current/*.bin /", "v1/a.bin", "v1/sub/b.bin other/c"),
        ("ARG D=new\nCOPY ${D}* /", "v1/a.bin", "other/c"),
        ("COPY deep/up/b.bin /", "v1/sub/b.bin", "v1/a.bin"),
        ("COPY deep /", "deep/up", "v1/sub/b.bin"),  # a symlink below a copied folder is copied as it is
        ("COPY --parents current /", "current", "v1/a.bin"),
        ("COPY --parents current/a.bin /", "v1/a.bin", "other/c"),
        ("COPY gone /", "missing/x missing", "v1/a.bin"),
        ("COPY loop /", "loop", "v1/a.bin"),
        ("COPY all /", "v1/a.bin other/c", ""),
        ("RUN --mount=source=current,target=/x true", "v1/a.bin", "other/c"),
    ],
)
def test_through_links_finds_what_is_read_behind_a_symlink_of_the_context(
    line: str, read: str, unread: str
) -> None:
    found = reach(f"FROM scratch\n{line}\n").through_links(LINKED)
    assert {path: found.source_of(path) is not None for path in f"{read} {unread}".split()} == {
        **dict.fromkeys(read.split(), True),
        **dict.fromkeys(unread.split(), False),
    }


def test_source_has_the_line_and_keyword_of_its_instruction() -> None:
    source = reach("FROM base\n\nCOPY a \\\n  b /\n").source_of("b")
    assert source is not None
    assert (source.where, source.keyword, source.text) == ("Dockerfile:3", "COPY", "b")


def test_sources_of_a_stage_include_those_of_its_base_stages() -> None:
    found = reach("FROM base AS one\nCOPY . /\nFROM one AS two\nRUN true\nFROM base\nCOPY --from=two /x /\n")
    assert [len(found.in_stage(number)) for number in (0, 1, 2)] == [1, 1, 0]


def test_sources_of_all_platforms_are_included() -> None:
    text = "FROM base\nARG TARGETARCH\nCOPY bin/$TARGETARCH/app /\n"
    found = reach_of(parse(text), None, {}, [AMD64, parse_platform("linux/arm64")])
    assert {"/".join(source.pattern) for source in found.sources} == {"bin/amd64/app", "bin/arm64/app"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a\nCOPY . /\n", False),
        ("FROM a\nRUN x\nCOPY . /\n", False),
        ("FROM a\nCOPY . /\nRUN x\n", True),
        ("FROM a\nADD b /\nRUN x\n", True),
        ("FROM a\nRUN --mount=type=cache,target=/c x\n", False),
        ("FROM a\nRUN --mount=target=/c x\n", True),
        ("FROM a AS b\nCOPY . /\nFROM b\nRUN x\n", True),
        ("FROM a AS b\nCOPY . /\nFROM a\nCOPY --from=b / /\nRUN x\n", True),
        ("FROM a AS b\nCOPY . /\nRUN x\nFROM a\nCOPY . /\n", False),
        ("FROM a AS b\nRUN x\nFROM b\nCOPY . /\n", False),
    ],
)
def test_runs_on_files_says_whether_a_run_sees_copied_files(text: str, expected: bool) -> None:
    assert reach(text).runs_on_files is expected
