"""Archives of strangers: every header is read within limits, and a damaged one is an error."""

from __future__ import annotations

import io
import itertools
import tarfile

import pytest

from release.compression.tar_members import LimitedMember, members_of, read_records


def record(key: str, value: str) -> bytes:
    """Return one record of a pax header."""
    rest = f" {key}={value}\n".encode()
    length = next(size for size in itertools.count(len(rest) + 1) if len(str(size)) + len(rest) == size)
    return str(length).encode() + rest


def header(name: str, kind: bytes = tarfile.REGTYPE, *, size: int = 0, uid: int = 0) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.uid = kind, uid
    info.size = max(size, 0)
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    if size < 0:  # in base 256, as GNU tar writes numbers that octal digits cannot
        block[124:136] = b"\xff" + (size + (1 << 88)).to_bytes(11, "big")
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def extension(data: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return header("pax", kind, size=len(data)) + data + bytes(-len(data) % 512)


def sparse(blocks: int) -> bytes:
    """Return a sparse file of GNU tar's old format, whose map continues in `blocks` further blocks."""
    block = bytearray(header("sparse", tarfile.GNUTYPE_SPARSE, size=512))
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    further = b"00000000001\0" * 42 + b"\1" + bytes(7)
    return bytes(block) + further * (blocks - 1) + further[:504] + bytes(8) + b"x" * 512


FIRST = header("first")
LAST = header("last") + bytes(1024)


def read(archive: bytes, mode: str) -> list[tarfile.TarInfo]:
    """Return the members. A reader that goes round in circles ends after a hundred."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode=mode, tarinfo=LimitedMember) as tar:  # type: ignore[call-overload]  # the mode is a variable
        return [*itertools.islice(members_of(tar), 100)]


DAMAGED = {
    "digits-without-end": extension(b"1" * 30_000) + header("a"),
    "digits-before-a-sparse-map": extension(record("GNU.sparse.size", "1") + b"1" * 30_000) + header("a"),
    "record-longer-than-the-header": extension(b"99 path=a\n") + header("a"),
    "record-without-end-of-line": extension(b"9 path=ab") + header("a"),
    "record-of-no-length": extension(b"0 path=a\n") + header("a"),
    "name-with-nul": extension(record("path", "a\0b")) + header("a"),
    "target-with-nul": extension(record("linkpath", "a\0b")) + header("a", tarfile.SYMTYPE),
    "record-without-key": extension(b"6 =ab\n") + header("a"),
    "negative-size": header("a", size=-512),
    "negative-size-that-leads-to-the-start": header("a", size=-1024),
    "size-above-64-bits": header("a", size=-1).replace(b"\xff" * 12, b"\x80" + b"\x7f" * 11),
    "pax-size-negative": extension(record("size", "-1024")) + header("a", size=1),
    "pax-size-of-many-digits": extension(record("size", "9" * 5000)) + header("a"),
    "pax-owner-of-many-digits": extension(record("uid", "9" * 5000)) + header("a"),
    "pax-owner-negative": extension(record("gid", "-7")) + header("a"),
    "owner-above-32-bits": header("a", uid=1 << 32),
    "checksum": header("a").replace(b"a", b"b"),
    "extension-above-the-limit": header("pax", tarfile.XHDTYPE, size=1 << 30),
    "long-name-above-the-limit": header("long", tarfile.GNUTYPE_LONGNAME, size=1 << 30),
}


@pytest.mark.parametrize("mode", ["r:", "r|"])
@pytest.mark.parametrize("middle", DAMAGED.values(), ids=DAMAGED)
def test_damaged_header_in_the_middle_of_an_archive_is_an_error(middle: bytes, mode: str) -> None:
    with pytest.raises(tarfile.ReadError):
        read(FIRST + middle + LAST, mode)


@pytest.mark.parametrize("mode", ["r:", "r|"])
@pytest.mark.parametrize("end", [b"", b"x" * 100, header("a")[:300]], ids=["extension", "some-bytes", "half"])
def test_archive_that_ends_after_an_extension_or_inside_a_header_is_an_error(end: bytes, mode: str) -> None:
    with pytest.raises(tarfile.ReadError):
        read(FIRST + extension(record("path", "a")) + end, mode)


@pytest.mark.parametrize("mode", ["r:", "r|"])
def test_global_headers_are_ignored_as_by_docker(mode: str) -> None:
    said = b"".join(record(f"a{number:x}", "") for number in range(1000)) + record("path", "elsewhere")
    members = read(FIRST + extension(said, tarfile.XGLTYPE) + LAST, mode)
    assert [(member.name, member.pax_headers) for member in members] == [("first", {}), ("last", {})]


@pytest.mark.parametrize("mode", ["r:", "r|"])
@pytest.mark.parametrize(
    "middle",
    [
        sparse(200),
        extension(record("GNU.sparse.map", "0,1") + record("GNU.sparse.name", "sparse")) + header("a"),
        extension(record("GNU.sparse.major", "1") + record("GNU.sparse.name", "sparse"))
        + header("a", size=512)
        + b"9" * 512,
    ],
    ids=["old", "0.1", "1.0"],
)
def test_sparse_files_are_told_without_their_map(middle: bytes, mode: str) -> None:
    members = read(FIRST + middle + LAST, mode)
    assert [(member.name, member.issparse()) for member in members] == [
        ("first", False),
        ("sparse", True),
        ("last", False),
    ]
    assert not members[1].sparse


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("mode", ["r:", "r|"])
def test_members_are_what_tarfile_reads(form: int, mode: str) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for name in ("plain", "ä/ü", "long/" * 60 + "name", "folder/"):
            info = tarfile.TarInfo(name)
            info.uid, info.size, info.mtime = 3_000_000, 3, 12345
            if name.endswith("/"):
                info.type, info.size = tarfile.DIRTYPE, 0
            if form == tarfile.PAX_FORMAT:
                info.pax_headers = {"SCHILY.xattr.security.capability": "\udc81x"}
            tar.addfile(info, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "long/" * 60 + "name"
        tar.addfile(link)
    with tarfile.open(fileobj=io.BytesIO(stream.getvalue())) as tar:
        theirs = [*tar]
    ours = read(stream.getvalue(), mode)
    for attribute in ("name", "linkname", "size", "uid", "type", "offset", "offset_data", "pax_headers"):
        assert [getattr(one, attribute) for one in ours] == [getattr(one, attribute) for one in theirs]


def test_empty_value_of_a_record_leaves_the_value_of_the_header() -> None:
    said = b"".join(record(key, "") for key in ("path", "size", "uid", "linkpath"))
    (member,) = read(extension(said) + LAST, "r:")
    assert (member.name, member.size, member.uid) == ("last", 0, 0)


def test_records_are_read_in_a_time_that_grows_with_their_number() -> None:
    # A hundred thousand records of five bytes; a reader that copies the rest for each needs minutes.
    assert read_records(b"5 a=\n" * 100_000) == {"a": ""}
