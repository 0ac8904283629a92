"""The files of a base: layers on one another, with whiteouts, links and folders that layers leave out."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from release.build.context.tree import Tree
from release.build.embedded import layer_changes
from release.build.embedded.base_config import BaseLayer
from release.build.embedded.base_tree import base_tree
from release.compression.entries import Inline
from release.errors import BuildError
from release.layout.layout import Layout
from release.oci import OCI_LAYER, Descriptor

Members = list[tuple[str, bytes, dict[str, Any]]]


def file(name: str, content: bytes = b"x", **more: Any) -> tuple[str, bytes, dict[str, Any]]:
    return name, content, more


def folder(name: str, **more: Any) -> tuple[str, bytes, dict[str, Any]]:
    return name, b"", {"type": tarfile.DIRTYPE, "mode": 0o755, **more}


def link(name: str, target: str) -> tuple[str, bytes, dict[str, Any]]:
    return name, b"", {"type": tarfile.SYMTYPE, "linkname": target}


def layer(store: Layout, members: Members, *, diff_id: str | None = None) -> BaseLayer:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content, more in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in more.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content))
    packed = gzip.compress(stream.getvalue(), mtime=0)
    descriptor = Descriptor(
        media_type=f"{OCI_LAYER}+gzip",
        digest=f"sha256:{hashlib.sha256(packed).hexdigest()}",
        size=len(packed),
    )
    store.put_blob(descriptor, lambda: io.BytesIO(packed))
    found = f"sha256:{hashlib.sha256(stream.getvalue()).hexdigest()}"
    return BaseLayer(diff_id=diff_id or found, descriptor=descriptor, suffix="+gzip")


def tree(path: Path, *layers: Members) -> Tree:
    store = Layout(str(path / "store"))
    made = tuple(layer(store, members) for members in layers)
    return base_tree(made, store, name="base", spool=None, check=lambda: None)


def paths(found: Tree) -> list[str]:
    return sorted(found.paths())


def test_a_whiteout_removes_paths_of_earlier_layers(tmp_path: Path) -> None:
    found = tree(tmp_path, [file("a"), file("d/x"), file("d/y")], [file(".wh.a"), file("d/.wh.x")])
    assert paths(found) == ["d", "d/y"]


def test_a_whiteout_of_a_folder_takes_everything_below_it(tmp_path: Path) -> None:
    assert paths(tree(tmp_path, [file("d/e/x"), file("dd")], [file(".wh.d")])) == ["dd"]


def test_a_whiteout_does_not_remove_paths_of_its_own_layer(tmp_path: Path) -> None:
    found = tree(tmp_path, [file("d/old")], [file("d/new"), file(".wh.d"), folder("d")])
    assert paths(found) == ["d", "d/new"]


def test_an_opaque_folder_hides_what_earlier_layers_have_in_it(tmp_path: Path) -> None:
    found = tree(
        tmp_path, [folder("d", mode=0o700), file("d/old"), file("e")], [file("d/.wh..wh..opq"), file("d/new")]
    )
    assert paths(found) == ["d", "d/new", "e"]
    assert found.get("d").mode == 0o700  # type: ignore[union-attr]  # it is there


def test_a_file_in_place_of_a_folder_hides_the_folder(tmp_path: Path) -> None:
    assert paths(tree(tmp_path, [file("d/x")], [file("d")])) == ["d"]


def test_a_later_folder_changes_owner_and_mode_and_keeps_the_content(tmp_path: Path) -> None:
    found = tree(tmp_path, [folder("d"), file("d/x")], [folder("d", mode=0o1777, uid=7)])
    node = found.get("d")
    assert node is not None
    assert (node.mode, node.uid, paths(found)) == (0o1777, 7, ["d", "d/x"])


def test_layer_entries_below_a_symlink_of_an_earlier_layer_are_at_its_target(tmp_path: Path) -> None:
    layers = [folder("usr/lib"), link("lib", "usr/lib")], [file("lib/x"), file("lib/y")], [file("lib/.wh.x")]
    assert paths(tree(tmp_path, *layers)) == ["lib", "usr", "usr/lib", "usr/lib/y"]


def test_paths_in_layers_stay_inside_of_the_base_tree(tmp_path: Path) -> None:
    assert paths(tree(tmp_path, [file("../../up"), file("/abs"), file("./dot/../y")])) == ["abs", "up", "y"]


def test_hard_links_are_what_they_link_to_in_earlier_layers_too(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        [file("etc/passwd", b"web:x:1:2::/:\n", mode=0o600)],
        [("same", b"", {"type": tarfile.LNKTYPE, "linkname": "etc/passwd"})],
    )
    assert found.get("same") == found.get("etc/passwd")


def test_only_account_files_of_a_base_keep_their_content_in_memory(tmp_path: Path) -> None:
    found = tree(tmp_path, [file("etc/passwd", b"p"), file("etc/group", b"g"), file("etc/shadow", b"s")])
    contents = [found.get(f"etc/{name}").content for name in ("passwd", "group", "shadow")]  # type: ignore[union-attr]  # they are there
    assert contents == [Inline(data=b"p"), Inline(data=b"g"), None]


def test_a_layer_that_the_config_does_not_name_is_refused(tmp_path: Path) -> None:
    store = Layout(str(tmp_path / "store"))
    wrong = layer(store, [file("a")], diff_id="sha256:" + "0" * 64)
    with pytest.raises(BuildError, match="is not the one that its config names"):
        base_tree((wrong,), store, name="base", spool=None, check=lambda: None)


def test_a_base_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_changes, "BASE_ENTRIES", 3)
    with pytest.raises(BuildError, match="more than 3 files"):
        tree(tmp_path, [file(str(number)) for number in range(4)])


def test_a_layer_that_is_not_an_archive_is_refused(tmp_path: Path) -> None:
    store = Layout(str(tmp_path / "store"))
    packed = gzip.compress(b"no tar" * 1000, mtime=0)
    descriptor = Descriptor(
        media_type=f"{OCI_LAYER}+gzip",
        digest=f"sha256:{hashlib.sha256(packed).hexdigest()}",
        size=len(packed),
    )
    store.put_blob(descriptor, lambda: io.BytesIO(packed))
    broken = BaseLayer(diff_id="sha256:" + "0" * 64, descriptor=descriptor, suffix="+gzip")
    with pytest.raises(BuildError, match="the base `base` cannot be used"):
        base_tree((broken,), store, name="base", spool=None, check=lambda: None)
