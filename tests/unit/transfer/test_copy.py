"""Copying an image with all its manifests and blobs: order, shared layers, nested indexes, errors."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import Interrupted, Invalid, NotFound
from release.events import NullSink
from release.image_names.choose_image import platforms_in
from release.layout.layout import Layout
from release.oci import Descriptor, Manifest
from release.oci.graph import blobs_of, read_manifests
from release.task_group import run_all
from release.transfer.copy import Copied, copy_image
from tests.support.registries.images import Image, make_image, make_index, make_tar, store

SHARED = make_tar({"shared": b"x" * 5000})


class Counted(Layout):
    """OCI layout that records what is read and looked at."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.read: list[str] = []
        self.looked: list[str] = []

    def manifest(self, reference: str) -> Manifest:
        self.read.append(reference)
        return super().manifest(reference)

    def has_blob(self, descriptor: Descriptor) -> bool:
        self.looked.append(descriptor.digest)
        return super().has_blob(descriptor)


class Watched(Layout):
    """OCI layout that records the order in which manifests arrive."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.order: list[str] = []

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        super().put_manifest(manifest, tag=tag)
        self.order.append(manifest.digest)


def _source(tmp_path: Path, image: Image) -> Layout:
    layout = Layout(str(tmp_path / "source"))
    store(image, layout, "1.0")
    return layout


def _copy(source: Layout, destination: Layout, image: Image) -> Copied:
    return copy_image(source, destination, image.digest, sink=NullSink(), cancel=Cancel())


def test_manifests_of_a_copied_index_arrive_children_first(tmp_path: Path) -> None:
    one, two = make_image({"a": b"1"}), make_image({"a": b"2"})
    inner = make_index(one, two)
    outer = make_index(inner, one)
    destination = Watched(str(tmp_path / "d"))
    copied = _copy(_source(tmp_path, outer), destination, outer)
    assert copied.manifests == 4
    assert set(destination.order[:2]) == {one.digest, two.digest}
    assert destination.order[2:] == [inner.digest, outer.digest]
    assert destination.manifest(outer.digest) == outer.manifest


def test_layer_that_two_copied_images_share_is_sent_once(tmp_path: Path) -> None:
    index = make_index(make_image({"a": b"1"}, layers=(SHARED,)), make_image({"a": b"2"}, layers=(SHARED,)))
    source, destination = _source(tmp_path, index), Layout(str(tmp_path / "d"))
    blobs = blobs_of(read_manifests(source, index.digest))
    assert [blob.size for blob in blobs] == sorted((blob.size for blob in blobs), reverse=True)
    assert len({blob.digest for blob in blobs}) == len(blobs) == 5
    expected = Copied(manifests=3, sent=5, present=0, read_back=index.descriptor())
    assert _copy(source, destination, index) == expected
    assert _copy(source, destination, index) == Copied()


def test_deleted_child_of_an_index_is_copied_again(tmp_path: Path) -> None:
    child = make_image({"a": b"1"})
    index = make_index(child)
    source, destination = _source(tmp_path, index), Layout(str(tmp_path / "d"))
    _copy(source, destination, index)
    Path(destination.blob_path(child.digest)).unlink()
    assert not destination.has_blob(child.descriptor())
    destination.delete_manifest(index.digest)
    assert _copy(source, destination, index).manifests >= 1
    assert destination.manifest(child.digest) == child.manifest


def test_copying_an_image_with_a_missing_blob_puts_no_manifest(tmp_path: Path) -> None:
    image = make_image()
    source, destination = _source(tmp_path, image), Layout(str(tmp_path / "d"))
    Path(source.blob_path(next(iter(image.blobs)))).unlink()
    with pytest.raises(NotFound):
        _copy(source, destination, image)
    assert destination.resolve(image.digest) is None


def test_copying_a_deeply_nested_index_is_refused(tmp_path: Path) -> None:
    image = make_image()
    for _ in range(12):
        image = make_index(image)
    with pytest.raises(Invalid, match="nested too deep"):
        read_manifests(_source(tmp_path, image), image.digest)


def test_platforms_are_listed_as_deep_as_an_index_is_copied(tmp_path: Path) -> None:
    image = make_image()
    for _ in range(7):
        image = make_index(image)
    source = _source(tmp_path, image)
    assert len(read_manifests(source, image.digest)) == 8
    assert platforms_in(source, image.manifest) == [("linux/amd64", make_image().digest)]
    outer = make_index(image)
    with pytest.raises(Invalid, match="nested too deep"):
        platforms_in(_source(tmp_path, outer), outer.manifest)


class TestEqualEntries:
    """Indexes that list the same content again and again."""

    def test_each_index_is_read_once_however_often_it_is_listed(self, tmp_path: Path) -> None:
        source = Counted(str(tmp_path / "source"))
        image = make_index()
        for _ in range(6):
            source.put_manifest(image.manifest)
            image = make_index(*[image] * 50, platforms=("linux/amd64",) * 50)
        assert platforms_in(source, image.manifest) == []
        assert len(source.read) == 6

    def test_blobs_and_manifests_are_looked_at_and_synced_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = make_image()
        synced: list[int] = []
        index = make_index(*[one] * 50, platforms=("linux/amd64",) * 50)
        layout = Counted(str(tmp_path / "layout"))
        store(one, layout)
        layout.looked.clear()
        monkeypatch.setattr("release.layout.layout.os.fsync", synced.append)
        layout.put_manifest(index.manifest)
        assert layout.looked == [one.digest]
        assert len(synced) < 10


class TestWorkers:
    def test_run_all_keeps_the_order_of_results(self) -> None:
        assert run_all([lambda n=n: n * n for n in range(20)], jobs=4, cancel=Cancel()) == [  # type: ignore[misc]
            n * n for n in range(20)
        ]
        assert run_all([], jobs=4, cancel=Cancel()) == []

    def test_run_all_starts_no_task_after_a_failure(self) -> None:
        started: list[int] = []

        def task(number: int) -> None:
            started.append(number)
            raise NotFound(f"{number}")

        with pytest.raises(NotFound):
            run_all([lambda n=n: task(n) for n in range(50)], jobs=2, cancel=Cancel())  # type: ignore[misc]
        assert len(started) <= 4

    def test_run_all_runs_at_most_jobs_tasks_at_once(self) -> None:
        running, most, lock = [0], [0], threading.Lock()
        barrier = threading.Barrier(3, timeout=5)

        def task() -> None:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            barrier.wait()
            with lock:
                running[0] -= 1

        run_all([task] * 9, jobs=3, cancel=Cancel())
        assert most[0] == 3

    def test_cancellation_of_run_all_does_not_wait_for_a_hanging_task(self) -> None:
        cancel, reached, never = Cancel(), threading.Event(), threading.Event()

        def hang() -> None:
            reached.set()
            never.wait(20)

        def interrupt() -> None:
            reached.wait(5)
            cancel.trip(Interrupted("stop"))

        trip = threading.Thread(target=interrupt)
        trip.start()
        with pytest.raises(Interrupted):
            run_all([hang, hang], jobs=2, cancel=cancel)
        trip.join()
        never.set()
