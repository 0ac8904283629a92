"""Archives in the formats that docker daemons write; the tests make the newer format themselves."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from release.docker.saved_images import SavedImage, store_archive
from release.errors import BuildError, Terminated
from release.image_names.archive_writer import write_combined_archive
from release.layout.layout import Layout
from tests.support.registries.images import make_image, make_index, make_tar
from tests.support.registries.images import store as store_image


def sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


ONE = make_tar({"one": b"1" * 3000})
TWO = make_tar({"{two": b"2"})  # its first byte is that of a JSON document
EMPTY = b"\0" * 1024


def config(*layers: bytes, **more: Any) -> bytes:
    diff_ids = ["sha256:" + sha(layer) for layer in layers]
    return json.dumps(
        {
            "architecture": "arm",
            "os": "linux",
            "variant": "v7",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            **more,
        }
    ).encode()


def pack(members: list[tuple[str, bytes | str]]) -> bytes:
    """Make a tar of files (bytes) and symlinks (text)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def manifest(config_name: str, *layers: str) -> tuple[str, bytes]:
    return "manifest.json", json.dumps([{"Config": config_name, "RepoTags": None, "Layers": layers}]).encode()


def old_form(*layers: bytes) -> list[tuple[str, bytes | str]]:
    """Return the entries of an old archive: folders with `layer.tar`, a link for an equal layer, manifest last."""
    members: list[tuple[str, bytes | str]] = []
    seen: dict[bytes, str] = {}
    names = []
    for number, layer in enumerate(layers):
        folder = sha(b"%d" % number)
        names.append(f"{folder}/layer.tar")
        members.append((f"{folder}/VERSION", b"1.0"))
        members.append((f"{folder}/json", b"{}"))
        members.append((names[-1], f"../{seen[layer]}/layer.tar" if layer in seen else layer))
        seen.setdefault(layer, folder)
    raw = config(*layers)
    return [*members, (f"{sha(raw)}.json", raw), manifest(f"{sha(raw)}.json", *names)]


def new_form(*layers: bytes, compress: Callable[[bytes], bytes] = bytes) -> list[tuple[str, bytes | str]]:
    """Return the entries of a newer archive: blobs by digest, with an OCI index."""
    raw = config(*layers)
    blobs = [compress(layer) for layer in layers]
    names = [f"blobs/sha256/{sha(blob)}" for blob in blobs]
    config_name = f"blobs/sha256/{sha(raw)}"
    return [
        *zip(names, blobs, strict=True),
        (config_name, raw),
        ("index.json", b"{}"),
        manifest(config_name, *names),
        ("oci-layout", b"{}"),
    ]


def store(members: list[tuple[str, bytes | str]], folder: Path) -> SavedImage:
    return store_archive(io.BytesIO(pack(members)), Layout(str(folder)))


def squeeze(layer: bytes) -> bytes:
    """Compress like gzip, without a time in the header."""
    return gzip.compress(layer, mtime=0)


def shrink(layer: bytes) -> bytes:
    return zstandard.compress(layer)


@pytest.mark.parametrize(
    ("members", "kept"),
    [
        (old_form(ONE, TWO, EMPTY, ONE), None),
        (new_form(ONE, TWO, EMPTY, ONE), None),
        (new_form(ONE, TWO, EMPTY, ONE, compress=squeeze), squeeze),
        (new_form(ONE, TWO, EMPTY, ONE, compress=shrink), shrink),
    ],
    ids=["old", "new", "new-gzip", "new-zstd"],
)
def test_each_archive_format_gives_the_same_layers_and_the_unchanged_config(
    tmp_path: Path, members: list[tuple[str, bytes | str]], kept: Callable[[bytes], bytes] | None
) -> None:
    image = store(members, tmp_path)
    layers = (ONE, TWO, EMPTY, ONE)
    assert image.config == config(*layers)
    assert str(image.platform) == "linux/arm/v7"
    assert [layer.diff_id for layer in image.layers] == [f"sha256:{sha(raw)}" for raw in layers]
    layout = Layout(str(tmp_path))
    for layer, raw in zip(image.layers, layers, strict=True):
        with layout.open_blob(layer.descriptor) as blob:
            packed = blob.read()
        if kept is None:
            assert gzip.decompress(packed) == raw
        else:
            # A compressed layer keeps its digest, so that registries which have the blob need no upload.
            assert packed == kept(raw)
            assert layer.size == len(raw)


def test_layer_that_is_in_the_layout_is_not_read_from_the_archive(tmp_path: Path) -> None:
    store(new_form(ONE), tmp_path)
    spoiled = [(name, b"spoiled" if content == ONE else content) for name, content in new_form(ONE)]
    assert store(spoiled, tmp_path).layers[0].diff_id == f"sha256:{sha(ONE)}"


HEX = "a" * 64
RAW = config(ONE)


@pytest.mark.parametrize(
    ("members", "cause"),
    [
        ([], "KeyError"),
        ([("manifest.json", b"not json")], "DecodeError"),
        ([("manifest.json", b"[]")], "the archive holds 0 images"),
        ([("manifest.json", b'[{"Config": "x.json"}, {"Config": "y.json"}]')], "the archive holds 2 images"),
        ([manifest(f"{HEX}.json")], "KeyError"),
        ([(f"{HEX}.json", RAW), manifest(f"{HEX}.json")], "another digest than its name"),
        ([(f"{sha(RAW)}.json", RAW), manifest(f"{sha(RAW)}.json", f"{HEX}/layer.tar")], "KeyError"),
        ([(f"{sha(RAW)}.json", RAW), manifest(f"{sha(RAW)}.json")], "the layers are not those"),
        (
            [
                (f"{HEX}/layer.tar", TWO),
                (f"{sha(RAW)}.json", RAW),
                manifest(f"{sha(RAW)}.json", f"{HEX}/layer.tar"),
            ],
            "the layers are not those",
        ),
        (
            [
                (f"{HEX}/layer.tar", "../../../../etc/passwd"),
                (f"{sha(RAW)}.json", RAW),
                manifest(f"{sha(RAW)}.json", f"{HEX}/layer.tar"),
            ],
            "KeyError",
        ),
        ([(f"blobs/sha256/{HEX}", b"\x28\xb5\x2f\xfd" + b"x" * 600)], "is damaged"),
        ([(f"blobs/sha256/{HEX}", b"\x1f\x8b\x08" + b"x" * 600)], "is damaged"),
        ([(f"{HEX}.json", b"{}" + b" " * (9 << 20))], "above the limits: 64 documents, each of 8 MiB"),
    ],
)
def test_inconsistent_archive_is_refused_with_the_cause(
    tmp_path: Path, members: list[tuple[str, bytes | str]], cause: str
) -> None:
    with pytest.raises(BuildError) as caught:
        store(members, tmp_path)
    assert str(caught.value).startswith("the image that the docker daemon exported cannot be used: ")
    assert cause in str(caught.value)
    assert not list(tmp_path.rglob(".partial-*"))


def test_other_platforms_in_the_index_of_an_archive_are_named(tmp_path: Path) -> None:
    layout = Layout.create(str(tmp_path / "layout"))
    images = [
        make_image({"p": name.encode()}, platform=name)
        for name in ("linux/amd64", "linux/arm64", "linux/arm/v7")
    ]
    top = make_index(*images, platforms=("linux/amd64", "linux/arm64", "linux/arm/v7"))
    store_image(top, layout)
    for digest, others in ((top.digest, ("linux/arm64", "linux/arm/v7")), (images[0].digest, ())):
        archive = tmp_path / "image.tar"
        write_combined_archive(layout, digest, "acme/app:1", str(archive), platform="linux/amd64")
        with archive.open("rb") as file:
            saved = store_archive(file, Layout.create(str(tmp_path / "store")))
        assert (str(saved.platform), saved.others) == ("linux/amd64", others)


def test_members_with_paths_outside_of_the_archive_are_ignored(tmp_path: Path) -> None:
    elsewhere: list[tuple[str, bytes | str]] = [
        ("../../outside", b"x"),
        ("/etc/outside", b"x"),
        ("outside", "/etc/passwd"),
    ]
    members = [*elsewhere, *old_form(ONE)]
    assert len(store(members, tmp_path / "in/store").layers) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize("size", [0, 100, 512, 2000, 5000])
def test_truncated_archive_is_refused(tmp_path: Path, size: int) -> None:
    raw = pack(old_form(ONE, TWO))
    with pytest.raises(BuildError, match="exported cannot be used"):
        store_archive(io.BytesIO(raw[:size]), Layout(str(tmp_path)))


def test_cancellation_is_checked_while_the_archive_is_read(tmp_path: Path) -> None:
    def check() -> None:
        raise Terminated("terminated")

    with pytest.raises(Terminated):
        store_archive(io.BytesIO(pack(old_form(ONE))), Layout(str(tmp_path)), check=check)
