"""Headers of a tar: the plain form that is written without `tarfile` has the bytes that `tarfile` writes."""

from __future__ import annotations

import tarfile
from typing import Literal

from hypothesis import example, given
from hypothesis import strategies as st

from release.compression.entries import HostFile, Node
from release.compression.tar_header import header

NAMES = st.sampled_from(["a", "usr/lib", "x" * 99, "x" * 100, "x" * 101, "é", "\udc80", "a b", ".", "a/é/b"])
NUMBERS = st.sampled_from([0, 1, 65532, 8**7 - 1, 8**7])
Kind = Literal["file", "dir", "symlink", "link"]
KINDS: dict[Kind, bytes] = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "link": tarfile.LNKTYPE,
}


def by_tarfile(path: str, node: Node, mtime: int) -> bytes:
    info = tarfile.TarInfo(path)
    assert node.kind != "special"
    info.type, info.mode, info.uid, info.gid = KINDS[node.kind], node.mode, node.uid, node.gid
    info.mtime, info.linkname = mtime, node.target
    info.size = node.content.size if node.content is not None else 0
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    kind: Kind = draw(st.sampled_from(list(KINDS)))
    size = draw(st.sampled_from([0, 1, 8**11 - 1, 8**11]))
    return Node(
        kind=kind,
        mode=draw(st.integers(0, 0o7777)),
        uid=draw(NUMBERS),
        gid=draw(NUMBERS),
        target=draw(NAMES) if kind in ("symlink", "link") else "",
        content=HostFile(path="f", size=size) if kind == "file" else None,
    )


@given(path=NAMES, node=nodes(), mtime=st.sampled_from([0, 1_700_000_000, 8**11 - 1, 8**11]))
@example(path="x" * 99, node=Node(kind="dir"), mtime=0)
@example(path="x" * 100, node=Node(kind="dir"), mtime=0)
def test_a_tar_header_has_the_bytes_that_tarfile_writes(path: str, node: Node, mtime: int) -> None:
    assert header(path, node, mtime) == by_tarfile(path, node, mtime)
