"""Reading and writing of image archives and folders, hostile archives included."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import ConfigError, DigestMismatch, Invalid, NotFound, RefusedError
from release.events import NullSink
from release.image_names.archive_writer import write_combined_archive
from release.image_names.dir import Folder
from release.image_names.names import open_destination, open_source
from release.image_names.oci_archive import OciArchive
from release.layout.layout import Layout
from release.oci import Descriptor
from release.transfer.copy import copy_image
from tests.support.registries.archives import saved_archive, workshop_in
from tests.support.registries.images import Image, digest, make_image, make_index, make_tar, store


@pytest.mark.parametrize("place", ["oci-archive:notes", "docker-archive:notes", "dir:own"])
def test_an_image_replaces_no_file_that_is_not_one_of_an_image(tmp_path: Path, place: str) -> None:
    (tmp_path / "own").mkdir()
    files = (tmp_path / "notes", tmp_path / "own" / "version")
    for file in files:
        file.write_text("1.2.3\n" * 200)
    image = make_image()
    target = open_destination(place, workshop_in(tmp_path)).repository
    store(image, target)
    with pytest.raises(RefusedError):
        target.check_push()
    with pytest.raises(RefusedError):
        target.put_manifest(image.manifest, tag="1.0")
    assert {file.read_text() for file in files} == {"1.2.3\n" * 200}


@pytest.mark.parametrize("old", [b"", b"\x1f\x8bold", make_tar({"a": b"1"})])
def test_an_archive_is_replaced(tmp_path: Path, old: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(old)
    target = open_destination("oci-archive:a.tar", workshop_in(tmp_path)).repository
    target.check_push()
    for _ in range(2):
        store(make_image(), target, "1.0")


class TestOciArchive:
    def test_oci_archive_has_the_images_of_its_layout(self, tmp_path: Path) -> None:
        index = make_index(make_image({"a": b"1"}), make_image({"a": b"2"}))
        layout = Layout(str(tmp_path / "l"))
        store(index, layout, "1.0")
        write_combined_archive(layout, index.digest, "app:1.0", str(tmp_path / "a.tar"))
        place = open_source("oci-archive:a.tar:1.0", workshop_in(tmp_path))
        assert place.tag == "1.0"
        copied = Layout(str(tmp_path / "copied"))
        _copy(place.repository, copied, index)
        assert copied.manifest(index.digest) == index.manifest
        place.repository.close()  # type: ignore[attr-defined]  # an archive

    def test_changed_blob_in_an_oci_archive_is_a_digest_mismatch(self, tmp_path: Path) -> None:
        image = make_image({"a": b"1"})
        layout = Layout(str(tmp_path / "l"))
        store(image, layout, "1.0")
        write_combined_archive(layout, image.digest, "app:1.0", str(tmp_path / "a.tar"))
        raw = (tmp_path / "a.tar").read_bytes()
        name, blob = next(iter(image.blobs.items()))
        (tmp_path / "a.tar").write_bytes(raw.replace(blob, bytes([blob[0] ^ 1]) + blob[1:]))
        archive = OciArchive(str(tmp_path / "a.tar"))
        with (
            archive.open_blob(Descriptor(media_type="x", digest=name, size=len(blob))) as stream,
            pytest.raises(DigestMismatch),
        ):
            stream.read()
        archive.close()

    def test_docker_archive_read_as_oci_archive_is_an_error_with_a_hint(self, tmp_path: Path) -> None:
        saved_archive(tmp_path / "a.tar", make_tar({"a": b"1"}))
        with pytest.raises(Invalid) as caught:
            OciArchive(str(tmp_path / "a.tar"), shown="a.tar")
        assert caught.value.hint == "the archive may be one of `docker save`: write `docker-archive:a.tar`"

    def test_putting_a_manifest_into_an_oci_archive_opened_for_reading_is_a_config_error(
        self, tmp_path: Path
    ) -> None:
        image = make_image()
        layout = Layout(str(tmp_path / "l"))
        store(image, layout)
        write_combined_archive(layout, image.digest, "app:1.0", str(tmp_path / "a.tar"))
        archive = OciArchive(str(tmp_path / "a.tar"))
        with pytest.raises(ConfigError, match="read only"):
            archive.put_manifest(image.manifest, tag="2.0")
        archive.close()


class TestFolder:
    def test_index_written_to_a_folder_is_read_back(self, tmp_path: Path) -> None:
        index = make_index(make_image({"a": b"1"}), make_image({"a": b"2"}))
        layout = Layout(str(tmp_path / "l"))
        store(index, layout)
        place = open_destination("dir:d", workshop_in(tmp_path))
        _copy(layout, place.repository, index)
        place.repository.put_manifest(index.manifest, tag="latest")
        assert (tmp_path / "d" / "version").read_text() == "Directory Transport Version: 1.1\n"
        source = open_source("dir:d", workshop_in(tmp_path)).repository
        copied = Layout(str(tmp_path / "copied"))
        assert source.manifest(index.digest) == index.manifest
        assert source.resolve("latest") is None
        _copy(source, copied, index)
        assert copied.manifest(index.digest) == index.manifest
        assert not list((tmp_path / "d").glob(".partial*"))

    def test_missing_blob_and_missing_manifest_in_a_folder_are_not_found(self, tmp_path: Path) -> None:
        folder = Folder(str(tmp_path))
        missing = Descriptor(media_type="x", digest=digest(b"x"), size=1)
        with pytest.raises(NotFound, match=missing.digest):
            folder.open_blob(missing)
        with pytest.raises(NotFound):
            folder.manifest("latest")


class TestWriting:
    def test_archive_file_is_written_when_the_tag_is_put(self, tmp_path: Path) -> None:
        image = make_image()
        layout = Layout(str(tmp_path / "l"))
        store(image, layout)
        place = open_destination("oci-archive:out.tar:1.0", workshop_in(tmp_path))
        _copy(layout, place.repository, image)
        assert not (tmp_path / "out.tar").exists()
        place.repository.put_manifest(image.manifest, tag="1.0")
        archive = OciArchive(str(tmp_path / "out.tar"))
        assert archive.manifest("1.0") == image.manifest
        archive.close()

    @pytest.mark.parametrize(
        "text", ["oci-archive:", "ftp:x", "docker-archive:", "oci-archive:a.tar:b c", "dir:"]
    )
    def test_invalid_name_of_an_archive_is_refused(self, text: str, tmp_path: Path) -> None:
        for opened in (open_source, open_destination):
            with pytest.raises((ConfigError, NotFound)):
                opened(text, workshop_in(tmp_path))


def _copy(source: object, destination: object, image: Image) -> None:
    copy_image(source, destination, image.digest, sink=NullSink(), cancel=Cancel())  # type: ignore[arg-type]
