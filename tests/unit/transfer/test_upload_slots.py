"""Uploads of blobs start in the given order, a few at a time, even if a later blob is ready earlier."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import Interrupted, Unreachable
from release.events import NullSink
from release.layout.layout import Layout
from release.oci import Descriptor
from release.oci.graph import blobs_of, read_manifests
from release.transfer.prefetch import Prefetch
from release.transfer.upload_slots import UploadSlots, in_upload_slot
from tests.support.registries.images import Image, make_image, store


def test_blob_waits_for_an_upload_slot_until_earlier_blobs_have_got_one() -> None:
    order: list[int] = []
    lanes, entered = UploadSlots(1, Cancel()), threading.Event()

    def second() -> None:
        lanes.enter(1)
        order.append(1)
        lanes.leave(1)
        entered.set()

    thread = threading.Thread(target=second)
    thread.start()
    lanes.enter(0)
    order.append(0)
    assert not entered.is_set()
    lanes.leave(0)
    thread.join(5)
    assert order == [0, 1]


def test_blob_that_needs_no_upload_frees_its_turn_for_the_next_blob() -> None:
    lanes = UploadSlots(1, Cancel())
    lanes.leave(0)  # it was there already
    lanes.enter(1)
    lanes.enter(1)  # opened again for another attempt
    lanes.leave(1)
    lanes.enter(2)


def test_at_most_two_blobs_are_open_with_two_slots() -> None:
    opened: list[int] = []
    lanes, barrier = UploadSlots(2, Cancel()), threading.Event()

    def send(position: int) -> None:
        with in_upload_slot(lanes, position, io.BytesIO)():
            opened.append(position)
            barrier.wait(5)
        lanes.leave(position)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(5)]
    for thread in reversed(threads):
        thread.start()
    while len(opened) < 2:
        threads[0].join(0.01)
    assert sorted(opened) == [0, 1]
    barrier.set()
    for thread in threads:
        thread.join(5)
    assert sorted(opened) == [0, 1, 2, 3, 4]


def test_cancellation_ends_waiting_for_an_upload_slot() -> None:
    cancel = Cancel()
    lanes = UploadSlots(1, cancel)
    lanes.enter(0)
    trip = threading.Timer(0.05, lambda: cancel.trip(Interrupted("stop")))
    trip.start()
    with pytest.raises(Interrupted):
        lanes.enter(1)
    trip.join()


def _blobs(source: Layout, image: Image) -> tuple[Descriptor, ...]:
    return blobs_of(read_manifests(source, image.digest))


class _Refusing(Layout):
    def put_blob(self, descriptor: Descriptor, *_: object, **__: object) -> bool:
        raise Unreachable(f"no {descriptor.digest}")


class TestAhead:
    def test_prefetch_has_sent_every_taken_blob_at_its_exit(self, tmp_path: Path) -> None:
        image, source, there = make_image(), Layout(str(tmp_path / "s")), Layout(str(tmp_path / "d"))
        store(image, source)
        blobs = _blobs(source, image)
        with Prefetch(source, there, jobs=2, sink=NullSink(), cancel=Cancel()) as ahead:
            for blob in blobs:
                ahead.take(blob)
        assert all(there.has_blob(blob) for blob in blobs)

    def test_failed_prefetch_raises_no_error(self, tmp_path: Path) -> None:
        image, source, there = make_image(), Layout(str(tmp_path / "s")), _Refusing(str(tmp_path / "d"))
        store(image, source)
        with Prefetch(source, there, jobs=1, sink=NullSink(), cancel=Cancel()) as ahead:
            for blob in _blobs(source, image):
                ahead.take(blob)
        assert not any(there.has_blob(blob) for blob in _blobs(source, image))
