"""`ADD` of local archives by the builder `layers`, which must unpack them as the docker daemon does."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from release.build import Builder
from release.build.docker.builder import DockerBuilder
from release.build.embedded.builder import LayersBuilder
from release.control import Cancel
from release.errors import BuildError
from release.events import NullSink
from tests.support.registries.oci_schemas import check_layout, document
from tests.support.releases.builds import Build, build, build_of
from tests.support.services.docker import DockerDaemon

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar": lambda raw: raw,
    "tar.gz": lambda raw: gzip.compress(raw, mtime=0),
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
}
# Docker's daemon of these tests, 20.10, does not know zstd.
ALL_PACKERS = PACKERS | {"tar.zst": lambda raw: zstandard.ZstdCompressor().compress(raw)}


def entry(name: str, kind: bytes = tarfile.REGTYPE, **more: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = kind, 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info


def pack(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


ROOT = pack(
    (entry("./", tarfile.DIRTYPE, mode=0o755), b""),
    (entry("./tmp", tarfile.DIRTYPE, mode=0o1777), b""),
    (entry("./usr/", tarfile.DIRTYPE, mode=0o755), b""),
    (entry("./usr/bin", tarfile.DIRTYPE, mode=0o750, uid=5, gid=6), b""),
    (entry("./bin", tarfile.SYMTYPE, linkname="usr/bin"), b""),
    (entry("./usr/bin/tool", mode=0o4755, uid=7, gid=8, mtime=12345), b"tool" * 5000),
    (entry("./usr/bin/hard", tarfile.LNKTYPE, linkname="./usr/bin/tool", mode=0o4755, uid=7, gid=8), b""),
    (entry("./etc/ü", mode=0o600), b"x"),
    (entry("/etc/" + "long" * 30), b"y"),
    (entry("./gone", tarfile.SYMTYPE, linkname="/not/there"), b""),
)


def project(folder: Path, dockerfile: str, **files: bytes) -> Build:
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(dockerfile)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    return build_of(folder, created=1_700_000_000)


def layers() -> LayersBuilder:
    return LayersBuilder(sink=NullSink(), cancel=Cancel(), version="1")


def files(builder: Builder, request: Build, store: Path) -> dict[str, Any]:
    """Build an image, and return every entry of its layers; hard links are returned as plain files."""
    image = build(builder, request, store)
    found: dict[str, Any] = {}
    for layer in document(store, image.digest)["layers"]:
        with tarfile.open(store / "blobs" / layer["digest"].replace(":", "/")) as tar:
            for member in tar:
                plain = tar.getmember(member.linkname) if member.islnk() else member
                content = tar.extractfile(plain) if plain.isreg() else None
                text = content.read() if content else plain.linkname
                owner = (plain.uid, plain.gid, oct(plain.mode & 0o7777))
                found[member.name] = (plain.type, owner, text)
    return found


@pytest.mark.parametrize("ending", PACKERS)
def test_an_added_archive_is_unpacked_as_by_the_docker_daemon(
    ending: str, tmp_path: Path, docker_daemon: DockerDaemon
) -> None:
    request = project(tmp_path / "p", "FROM scratch\nADD root.bin /\n", root_bin=PACKERS[ending](ROOT))
    docker = DockerBuilder({"DOCKER_HOST": docker_daemon.host}, sink=NullSink(), cancel=Cancel())
    ours = files(layers(), request, tmp_path / "ours")
    theirs = files(docker, request, tmp_path / "theirs")
    assert ours == theirs | {"etc": ours["etc"]}  # not in the archive; each makes it its own way
    assert ours["usr/bin/hard"] == ours["usr/bin/tool"]
    check_layout(tmp_path / "ours")


#: `cap_net_raw+ep` in the form of the kernel (VFS_CAP_REVISION_2), with a byte that is not UTF-8.
CAPABILITY = bytes.fromhex("0100000200a0000000000000000000000000000000")[:20].decode(
    "utf-8", "surrogateescape"
)


def test_file_capabilities_in_an_added_archive_are_kept_by_add_and_copy(
    tmp_path: Path, docker_daemon: DockerDaemon
) -> None:
    headers = {"SCHILY.xattr.security.capability": CAPABILITY}
    packed = pack((entry("ping", pax_headers=headers, mode=0o755), b"ping"))
    added = "FROM scratch AS one\nADD root.bin /\n"
    copied = f"{added}FROM scratch\nCOPY --from=one /ping /\n"
    docker = DockerBuilder({"DOCKER_HOST": docker_daemon.host}, sink=NullSink(), cancel=Cancel())
    found: list[str | None] = []
    for builder, text in ((layers(), added), (layers(), copied), (docker, added)):
        store = tmp_path / f"store{len(found)}"
        request = project(tmp_path / "p", text, root_bin=packed)
        layer = document(store, build(builder, request, store).digest)["layers"][-1]["digest"]
        with tarfile.open(store / "blobs" / layer.replace(":", "/")) as tar:
            found.append(tar.getmember("ping").pax_headers.get("SCHILY.xattr.security.capability"))
    assert found == [CAPABILITY] * 3


def test_hard_links_of_an_added_archive_stay_hard_links_when_copied(tmp_path: Path) -> None:
    request = project(
        tmp_path / "p",
        "FROM scratch AS one\nADD root.bin /\nFROM scratch\nCOPY --from=one --chmod=0700 /usr/bin /b/\n",
        root_bin=ROOT,
    )
    image = build(layers(), request, tmp_path / "store")
    layer = document(tmp_path / "store", image.digest)["layers"][-1]["digest"]
    with tarfile.open(tmp_path / "store" / "blobs" / layer.replace(":", "/")) as tar:
        assert [(each.name, each.linkname) for each in tar if not each.isdir()] == [
            ("b/hard", ""),
            ("b/tool", "b/hard"),
        ]


def test_the_compression_of_an_added_archive_does_not_change_the_images_digest(tmp_path: Path) -> None:
    digests = set()
    for ending, packer in ALL_PACKERS.items():
        request = project(tmp_path / ending, "FROM scratch\nADD root.bin /\n", root_bin=packer(ROOT))
        digests.add(build(layers(), request, tmp_path / "store").digest)
    assert len(digests) == 1
    assert not list((tmp_path / "store").rglob(".partial-*"))


def test_an_archive_in_add_may_begin_with_a_skippable_frame_of_zstd(tmp_path: Path) -> None:
    content = b"\x53\x2a\x4d\x18\x04\0\0\0abcd" + ALL_PACKERS["tar.zst"](pack((entry("a"), b"1")))
    request = project(tmp_path / "p", "FROM scratch\nADD some.bin /\n", some_bin=content)
    assert set(files(layers(), request, tmp_path / "store")) == {"a"}


def test_exclude_and_chmod_leave_an_archive_in_add_alone_and_its_implied_folders_are_roots(
    tmp_path: Path,
) -> None:
    text = "FROM scratch\nADD --chown=5:6 --chmod=700 --exclude=etc root.bin /x/\n"
    found = files(layers(), project(tmp_path / "p", text, root_bin=ROOT), tmp_path / "store")
    owners = {path: found[path][1] for path in ("x", "x/usr", "x/etc", "x/etc/ü")}
    assert owners == {
        "x": (5, 6, "0o755"),
        "x/usr": (5, 6, "0o755"),
        "x/etc": (0, 0, "0o755"),
        "x/etc/ü": (5, 6, "0o600"),
    }


@pytest.mark.parametrize(
    "content",
    [
        *(b"plain text", b"", b"\0" * 10240, gzip.compress(b"text"), gzip.compress(ROOT)[:20]),
        *(zstandard.ZstdCompressor().compress(b"text"), zstandard.ZstdCompressor().compress(ROOT)[:20]),
        lzma.compress(ROOT, format=lzma.FORMAT_ALONE),  # which no builder unpacks
    ],
    # Without names the bytes would be the tests' ids, and gzip writes the time into them.
    ids=["text", "empty", "zeros", "gzip of text", "gzip cut off", "zstd of text", "zstd cut off", "lzma"],
)
def test_a_file_that_is_not_an_archive_is_added_unchanged(tmp_path: Path, content: bytes) -> None:
    request = project(tmp_path / "p", "FROM scratch\nADD some.bin /x/\n", some_bin=content)
    assert files(layers(), request, tmp_path / "store")["x/some.bin"][2] == content


def broken(tmp_path: Path, content: bytes) -> BuildError:
    request = project(tmp_path / "p", "FROM scratch\n\nADD some.tar /x/\n", some_tar=content)
    with pytest.raises(BuildError) as caught:
        build(layers(), request, tmp_path / "store")
    assert str(caught.value).startswith("Dockerfile:3: ")
    assert caught.value.hint
    assert not list((tmp_path / "store").rglob(".partial-*"))
    return caught.value


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([(entry("../x"), b"")], "the entry `../x` of the archive `some.tar` leads out of the archive"),
        (
            [(entry("a/../../x"), b"")],
            "the entry `a/../../x` of the archive `some.tar` leads out of the archive",
        ),
        ([(entry("null", tarfile.CHRTYPE), b"")], "`null` in the archive `some.tar` is a device"),
        ([(entry("p", tarfile.FIFOTYPE), b"")], "`p` in the archive `some.tar` is a device"),
        (
            [(entry("l", tarfile.LNKTYPE, linkname="later"), b"")],
            "is a hard link to `later`, but no file of that name precedes it",
        ),
        ([(entry("l", tarfile.LNKTYPE, linkname="../../etc/passwd"), b"")], "leads out of the archive"),
        ([(entry("a/.wh.b"), b"")], "begins with `.wh.`"),
        ([(entry("a"), b""), (entry("a/b"), b"")], "`/x/a` in the image is not a folder"),
    ],
)
def test_archive_members_that_an_image_cannot_contain_are_refused_with_the_line(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], message: str
) -> None:
    assert message in str(broken(tmp_path, pack(*members)))


# Of a short bzip2 file nothing can be read before its end: cut, it is no archive, for Docker as well.
@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.xz"])
def test_a_truncated_archive_in_add_is_refused(tmp_path: Path, ending: str) -> None:
    raw = pack((entry("a"), bytes(range(256)) * 40), (entry("b"), b"b" * 99999))
    packed = PACKERS[ending](raw)
    assert "some.tar` cannot be read" in str(broken(tmp_path, packed[: len(packed) * 2 // 3]))


def test_a_symlink_in_an_archive_leads_nowhere_but_into_the_image(tmp_path: Path) -> None:
    content = pack(
        (entry("out", tarfile.SYMTYPE, linkname="../../../../../tmp"), b""), (entry("out/x"), b"inside")
    )
    request = project(tmp_path / "p", "FROM scratch\nADD some.tar /\n", some_tar=content)
    assert set(files(layers(), request, tmp_path / "store")) == {"out", "tmp", "tmp/x"}


def test_a_compressed_archive_that_unpacks_above_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("release.build.embedded.archives.UNPACKED_BYTES", 1_000_000)
    bomb = PACKERS["tar.gz"](pack((entry("a"), bytes(30_000_000))))
    assert "too large when it is unpacked" in str(broken(tmp_path, bomb))


def test_an_archive_whose_extension_header_claims_gigabytes_is_refused(tmp_path: Path) -> None:
    claims = entry("ext", tarfile.XHDTYPE)
    claims.size = 3_000_000_000
    content = pack((entry("a"), b"1"))[:1024] + claims.tobuf(tarfile.USTAR_FORMAT) + bytes(10_000)
    assert "claims 3000000000 bytes" in str(broken(tmp_path, content))


@pytest.mark.parametrize("ending", ALL_PACKERS)
def test_an_archive_in_add_with_a_damaged_header_in_the_middle_is_refused(
    tmp_path: Path, ending: str
) -> None:
    content = bytearray(pack((entry("a"), b"1"), (entry("b"), b"2"), (entry("c"), b"3")))
    content[1024] ^= 1  # the name of `b`: its checksum no longer fits
    assert "its header at byte 1024 is damaged" in str(broken(tmp_path, ALL_PACKERS[ending](bytes(content))))


def test_a_global_header_of_an_archive_in_add_changes_no_file(tmp_path: Path) -> None:
    says = entry("pax_global_header", tarfile.XGLTYPE)
    said = b"".join(b"13 a%07d=\n" % number for number in range(60_000))
    says.size = len(said)
    head = says.tobuf(tarfile.USTAR_FORMAT) + said + bytes(-len(said) % 512)
    members = pack(*((entry(f"f{number}"), b"") for number in range(2_000)))
    request = project(tmp_path / "p", "FROM scratch\nADD some.tar /\n", some_tar=head + members)
    assert len(files(layers(), request, tmp_path / "store")) == 2_000
