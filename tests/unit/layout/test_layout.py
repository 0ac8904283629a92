"""A layout folder behaves as a registry does: missing images, access by digest, several tags, verified reading."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path

import pytest

from release.errors import ConfigError, DigestMismatch, Invalid, NotFound, RegistryError
from release.layout.layout import Layout
from release.oci import Descriptor
from tests.support.registries.images import Image, digest, make_image, make_index, store


def _names(path: Path) -> list[tuple[str | None, str]]:
    document = json.loads((path / "index.json").read_bytes())
    return [
        ((item.get("annotations") or {}).get("org.opencontainers.image.ref.name"), item["digest"])
        for item in document["manifests"]
    ]


def test_a_missing_layout_reads_as_empty_and_is_not_created(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "none"))
    assert layout.resolve("1.0") is None
    assert layout.tags() == ()
    layout.check_push()
    with pytest.raises(NotFound) as caught:
        layout.manifest("1.0")
    assert caught.value.hint == "there is no image: check the path"
    assert not (tmp_path / "none").exists()


def test_the_hint_for_a_missing_tag_says_that_no_image_has_one(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "layout"))
    store(make_image(), layout)
    with pytest.raises(NotFound) as caught:
        layout.manifest("1.0")
    assert str(caught.value.hint).startswith("its images have no tags")


def test_a_stored_image_is_read_back_unchanged(tmp_path: Path) -> None:
    image = make_image()
    layout = Layout.create(str(tmp_path / "l"))
    store(image, layout, "1.0", "latest")
    assert layout.manifest("1.0") == image.manifest
    assert layout.resolve(image.digest) == image.descriptor()
    assert layout.tags() == ("1.0", "latest")
    for name, blob in image.blobs.items():
        descriptor = Descriptor(media_type="x", digest=name, size=len(blob))
        with layout.open_blob(descriptor) as stream:
            assert stream.read() == blob
    assert not [name for name in os.listdir(layout.path) if name.startswith(".partial")]


def test_several_tags_share_one_digest_and_one_blob(tmp_path: Path) -> None:
    image = make_image()
    layout = Layout(str(tmp_path / "l"))
    store(image, layout, "1.0", "1", "latest")
    assert _names(tmp_path / "l") == [("1.0", image.digest), ("1", image.digest), ("latest", image.digest)]


def test_a_manifest_without_a_tag_stays_reachable(tmp_path: Path) -> None:
    image = make_image()
    layout = Layout(str(tmp_path / "l"))
    store(image, layout)
    assert _names(tmp_path / "l") == [(None, image.digest)]
    assert layout.tags() == ()
    assert layout.manifest(image.digest) == image.manifest


def test_children_are_reachable_through_their_index_only(tmp_path: Path) -> None:
    one, two = make_image({"a": b"1"}), make_image({"a": b"2"}, platform="linux/arm64")
    index = make_index(one, two)
    layout = Layout(str(tmp_path / "l"))
    store(index, layout, "1.0")
    assert _names(tmp_path / "l") == [("1.0", index.digest)]
    assert layout.manifest(two.digest) == two.manifest


def test_moving_a_tag_keeps_the_old_digest_reachable(tmp_path: Path) -> None:
    old, new = make_image({"a": b"1"}), make_image({"a": b"2"})
    layout = Layout(str(tmp_path / "l"))
    store(old, layout, "latest")
    store(new, layout, "latest")
    assert layout.resolve("latest") == new.descriptor()
    assert layout.resolve(old.digest) == old.descriptor()


def test_deleting_a_tag_leaves_its_siblings(tmp_path: Path) -> None:
    image = make_image()
    layout = Layout(str(tmp_path / "l"))
    store(image, layout, "1.0", "latest")
    layout.delete_tag("latest")
    assert layout.tags() == ("1.0",)
    layout.delete_tag("1.0")
    assert layout.tags() == ()
    assert layout.resolve(image.digest) is not None
    with pytest.raises(NotFound):
        layout.delete_tag("1.0")
    layout.delete_manifest(image.digest)
    assert layout.resolve(image.digest) is None


def test_a_changed_blob_is_detected_when_it_is_read(tmp_path: Path) -> None:
    image = make_image()
    layout = Layout(str(tmp_path / "l"))
    store(image, layout, "1.0")
    name, blob = next(iter(image.blobs.items()))
    Path(layout.blob_path(name)).write_bytes(bytes([blob[0] ^ 1]) + blob[1:])
    descriptor = Descriptor(media_type="x", digest=name, size=len(blob))
    with layout.open_blob(descriptor) as stream, pytest.raises(DigestMismatch):
        stream.read()


def test_a_shortened_blob_counts_as_absent_and_is_replaced(tmp_path: Path) -> None:
    image = make_image()
    layout = Layout(str(tmp_path / "l"))
    store(image, layout, "1.0")
    name, blob = next(iter(image.blobs.items()))
    Path(layout.blob_path(name)).write_bytes(blob[:-1])
    descriptor = Descriptor(media_type="x", digest=name, size=len(blob))
    assert not layout.has_blob(descriptor)
    with pytest.raises(DigestMismatch):
        layout.open_blob(descriptor)
    assert layout.put_blob(descriptor, lambda: io.BytesIO(blob))
    assert layout.has_blob(descriptor)


def test_the_error_for_a_missing_blob_names_its_digest(tmp_path: Path) -> None:
    layout = Layout.create(str(tmp_path / "l"))
    missing = Descriptor(media_type="x", digest=digest(b"x"), size=1)
    with pytest.raises(NotFound, match=missing.digest):
        layout.open_blob(missing)


def test_content_with_another_digest_is_not_stored(tmp_path: Path) -> None:
    layout = Layout.create(str(tmp_path / "l"))
    expected = Descriptor(media_type="x", digest=digest(b"right"), size=5)
    for wrong in (b"wrong", b"right and more", b"righ"):
        with pytest.raises(DigestMismatch):
            layout.put_blob(expected, lambda wrong=wrong: io.BytesIO(wrong))  # type: ignore[misc]
    assert os.listdir(os.path.join(layout.path, "blobs", "sha256")) == []
    assert sorted(os.listdir(layout.path)) == ["blobs", "index.json", "oci-layout"]


def test_a_manifest_without_its_blobs_is_refused(tmp_path: Path) -> None:
    layout = Layout.create(str(tmp_path / "l"))
    with pytest.raises(NotFound, match="needs"):
        layout.put_manifest(make_image().manifest, tag="1.0")
    assert layout.tags() == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"manifests": [1]}', b'{"manifests": [{"digest": "sha256:../../x"}]}', b"{" * 5000],
)
def test_an_invalid_index_json_is_an_error(tmp_path: Path, content: bytes) -> None:
    layout = Layout.create(str(tmp_path / "l"))
    (tmp_path / "l" / "index.json").write_bytes(content)
    with pytest.raises(Invalid, match=r"index\.json"):
        layout.resolve("1.0")


def test_references_that_are_paths_are_refused(tmp_path: Path) -> None:
    layout = Layout.create(str(tmp_path / "l"))
    with pytest.raises(ConfigError):
        layout.resolve("../../etc/passwd")
    with pytest.raises(ConfigError):
        layout.blob_path("sha256:../../x")


def test_annotations_of_other_tools_in_index_json_are_kept(tmp_path: Path) -> None:
    image = make_image()
    layout = Layout(str(tmp_path / "l"))
    store(image, layout, "1.0")
    path = tmp_path / "l" / "index.json"
    document = json.loads(path.read_bytes())
    document["manifests"][0]["annotations"]["com.example.kept"] = "yes"
    document["annotations"] = {"top": "kept"}
    path.write_text(json.dumps(document))
    layout.put_manifest(image.manifest, tag="2.0")
    layout.delete_tag("1.0")
    after = json.loads(path.read_bytes())
    assert after["annotations"] == {"top": "kept"}


def test_concurrent_writers_lose_no_tag(tmp_path: Path) -> None:
    image = make_image()
    store(image, Layout(str(tmp_path / "l")))
    failures: list[Exception] = []

    def tag(number: int) -> None:
        try:
            Layout(str(tmp_path / "l")).put_manifest(image.manifest, tag=f"t{number}")
        except Exception as error:  # noqa: BLE001 - collected for the assertion
            failures.append(error)

    threads = [threading.Thread(target=tag, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(Layout(str(tmp_path / "l")).tags()) == {f"t{number}" for number in range(12)}


def test_temporary_files_of_killed_writers_are_removed_after_a_day(tmp_path: Path) -> None:
    Layout.create(str(tmp_path / "l"))
    old, new = tmp_path / "l" / ".partial-old", tmp_path / "l" / ".partial-new"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (1, 1))
    store(make_image(), Layout(str(tmp_path / "l")), "1.0")
    assert (old.exists(), new.exists()) == (False, True)


def test_a_file_at_the_path_of_the_layout_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    layout = Layout(str(tmp_path / "file"))
    with pytest.raises(RegistryError):
        layout.check_push()
    with pytest.raises(RegistryError):
        store(make_image(), layout, "1.0")


def _tree(image: Image) -> set[str]:
    return {image.digest, *image.all_blobs(), *(child.digest for child in image.children)}


def test_the_layout_contains_exactly_the_blobs_of_the_image(tmp_path: Path) -> None:
    index = make_index(make_image({"a": b"1"}), make_image({"b": b"2"}))
    layout = Layout(str(tmp_path / "l"))
    store(index, layout, "1.0")
    stored = {f"sha256:{name}" for name in os.listdir(os.path.join(layout.path, "blobs", "sha256"))}
    assert stored == _tree(index)


class TestPowerCuts:
    """Blobs must be on the disk before an `index.json` that references them."""

    @pytest.fixture
    def torn(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Give the files of a layout that a power cut could lose, recorded whenever `index.json` is replaced."""
        real_sync, real_replace = os.fsync, os.replace
        synced: dict[int, int] = {}
        renamed: dict[str, int] = {}
        found: list[str] = []
        moments = iter(range(1_000_000))

        def sync(descriptor: int) -> None:
            real_sync(descriptor)
            synced[os.fstat(descriptor).st_ino] = next(moments)

        def moment(path: str) -> int:
            return synced.get(os.stat(path).st_ino, -1)

        def whole(folder: int, name: str) -> str:
            return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)

        def replace(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
            old, new = whole(src_dir_fd, source), whole(dst_dir_fd, target)
            if target == "index.json":
                names = [old, str(tmp_path / "l/oci-layout"), *map(str, tmp_path.glob("l/blobs/*/*"))]
                found.extend(name for name in names if moment(name) < 0)
                found.extend(folder for folder, last in renamed.items() if moment(folder) < last)
            else:
                renamed[os.path.dirname(new)] = next(moments)
            real_replace(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

        monkeypatch.setattr(os, "fsync", sync)
        monkeypatch.setattr(os, "replace", replace)
        return found

    def test_pushed_blobs_are_on_disk_before_index_json_references_them(
        self, tmp_path: Path, torn: list[str]
    ) -> None:
        store(make_index(make_image(), make_image({"a": b"2"})), Layout(str(tmp_path / "l")), "1.0", "1")
        assert torn == []

    def test_blobs_of_a_builder_are_on_disk_before_index_json_references_them(
        self, tmp_path: Path, torn: list[str]
    ) -> None:
        layout = Layout(str(tmp_path / "l"))
        image = make_image()
        for blob in image.blobs.values():
            with layout.writer() as writer:
                writer.write(blob)
                writer.commit()
        layout.put_manifest(image.manifest, tag="1.0")
        assert torn == []
