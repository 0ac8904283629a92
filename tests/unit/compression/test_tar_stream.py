from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.compression.entries import HostFile, Inline, Node
from release.compression.tar_stream import CHUNK, counted, pieces, stream, tar_chunks
from release.errors import BuildError
from release.events import Event, Progress


def file(data: bytes = b"x", **more: int) -> Node:
    return Node(kind="file", mode=0o644, content=Inline(data=data), **more)  # type: ignore[arg-type]  # ids


def pack(*entries: tuple[str, Node], mtime: int = 1) -> bytes:
    return b"".join(tar_chunks(entries, mtime=mtime))


def unpack(raw: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        return tar.getmembers()


def test_usual_entries_have_plain_ustar_headers_without_user_names() -> None:
    raw = pack(
        ("d", Node(kind="dir")),
        ("d/f", file(uid=7, gid=8)),
        ("d/l", Node(kind="symlink", mode=0o777, target="f")),
    )
    assert b"PaxHeader" not in raw
    assert [(each.name, each.type, each.mode, each.uid, each.gid, each.mtime) for each in unpack(raw)] == [
        ("d", tarfile.DIRTYPE, 0o755, 0, 0, 1),
        ("d/f", tarfile.REGTYPE, 0o644, 7, 8, 1),
        ("d/l", tarfile.SYMTYPE, 0o777, 0, 0, 1),
    ]
    assert {(each.uname, each.gname) for each in unpack(raw)} == {("", "")}


@pytest.mark.parametrize(
    ("name", "uid"), [("a" * 101, 0), ("ä", 0), ("a", 1 << 21), ("x/" * 80 + "ü", 3 << 30)]
)
def test_values_that_ustar_cannot_hold_get_a_pax_record(name: str, uid: int) -> None:
    raw = pack((name, file(uid=uid)))
    assert b"PaxHeader" in raw
    (entry,) = unpack(raw)
    assert (entry.name, entry.uid) == (name, uid)


def test_a_file_above_eight_gibibytes_keeps_its_size(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    size = (8 << 30) + 1
    with open(huge, "wb") as sparse:
        sparse.truncate(size)
    chunks = tar_chunks([("huge", Node(kind="file", content=HostFile(path=str(huge), size=size)))], mtime=1)
    assert isinstance(chunks, Generator)
    header = next(chunks)
    assert f"size={size}".encode() in header
    chunks.close()


def test_content_of_a_tar_entry_is_streamed_in_chunks_and_padded(tmp_path: Path) -> None:
    source = tmp_path / "f"
    source.write_bytes(b"z" * (CHUNK + 1))
    node = Node(kind="file", content=HostFile(path=str(source), size=CHUNK + 1))
    pieces = list(tar_chunks([("f", node)], mtime=1))
    assert max(map(len, pieces)) == CHUNK
    assert sum(map(len, pieces)) % tarfile.BLOCKSIZE == 0


@pytest.mark.parametrize("size", [0, 2, 4])
def test_a_file_that_changed_since_it_was_listed_is_refused(tmp_path: Path, size: int) -> None:
    source = tmp_path / "f"
    source.write_bytes(b"abc")
    node = Node(kind="file", content=HostFile(path=str(source), size=size))
    with pytest.raises(BuildError, match="changed while it was read"):
        list(tar_chunks([("f", node)], mtime=1))


def test_a_symlink_that_replaced_a_listed_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"abc")
    os.symlink("secret", tmp_path / "f")
    node = Node(kind="file", content=HostFile(path=str(tmp_path / "f"), size=3))
    with pytest.raises(BuildError, match="cannot be read"):
        list(tar_chunks([("f", node)], mtime=1))


def test_error_of_the_check_ends_a_tar_stream() -> None:
    def check() -> None:
        raise BuildError("enough")

    with pytest.raises(BuildError, match="enough"):
        next(tar_chunks([("f", file())], mtime=1, check=check))


NAMES = st.lists(st.text(alphabet="aäb .", min_size=1, max_size=60), min_size=1, max_size=3).map("/".join)
NODES = st.builds(
    lambda data, uid, gid, mode: Node(kind="file", mode=mode, uid=uid, gid=gid, content=Inline(data=data)),
    st.binary(max_size=1200),
    st.integers(0, 1 << 32),
    st.integers(0, 1 << 32),
    st.sampled_from([0o644, 0o755, 0o4755]),
)


@given(st.dictionaries(NAMES, NODES, max_size=4), st.integers(0, 1 << 34))
def test_any_tar_entries_are_read_back_by_tarfile_and_give_equal_bytes_twice(
    entries: dict[str, Node], mtime: int
) -> None:
    raw = pack(*entries.items(), mtime=mtime)
    assert raw == pack(*entries.items(), mtime=mtime)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        members = tar.getmembers()
        found = [(each.name, each.mode, each.uid, each.gid, int(each.mtime)) for each in members]
        assert found == [(name, node.mode, node.uid, node.gid, mtime) for name, node in entries.items()]
        for member, node in zip(members, entries.values(), strict=True):
            content = tar.extractfile(member)
            assert content is not None
            assert isinstance(node.content, Inline)
            assert content.read() == node.content.data


@given(st.lists(st.binary(max_size=5), max_size=5), st.integers(1, 7))
def test_stream_over_chunks_returns_their_bytes_for_reads_of_any_size(chunks: list[bytes], size: int) -> None:
    with stream(iter(chunks)) as source:
        read = []
        while piece := source.read(size):
            read.append(piece)
    assert b"".join(read) == b"".join(chunks)


def test_progress_is_reported_every_four_mebibytes_and_at_the_end() -> None:
    shown: list[Event] = []

    class Sink:
        def emit(self, event: Event) -> None:
            shown.append(event)

    piece = b"x" * (1 << 20)
    assert b"".join(counted(iter([piece] * 9), "image", Sink())) == piece * 9
    assert shown == [
        Progress(label="image", done=4 << 20),
        Progress(label="image", done=8 << 20),
        Progress(label="image", done=9 << 20, total=9 << 20),
    ]


@given(chunks=st.lists(st.binary(max_size=9)), size=st.integers(1, 7))
def test_stream_is_cut_into_pieces_of_one_size_and_a_smaller_last_one(chunks: list[bytes], size: int) -> None:
    found = list(pieces(iter(chunks), size))
    assert b"".join(found) == b"".join(chunks)
    assert all(len(piece) == size for piece in found[:-1])
    assert all(0 < len(piece) <= size for piece in found[-1:])


def test_tar_stream_hashes_the_files_that_it_reads_whole(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * (CHUNK + 1))
    whole = HostFile(path=str(tmp_path / "f"), size=CHUNK + 1)
    part = HostFile(path=str(tmp_path / "f"), size=5, offset=1)
    hashes: dict[HostFile, str] = {}
    entries = [
        (name, Node(kind="file", content=content))
        for name, content in (("a", whole), ("b", part), ("c", whole))
    ]
    assert b"".join(tar_chunks(entries, mtime=0, hashes=hashes)) == b"".join(tar_chunks(entries, mtime=0))
    assert hashes == {whole: hashlib.sha256(b"x" * (CHUNK + 1)).hexdigest()}
