"""Cuts the power at many moments while an image is pulled into a folder, on a real file system.

Every image in the folder's index is complete afterwards, and an image whose pull had ended is in the index.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from release.control import Cancel
from release.image_names.dir import Folder
from release.layout.layout import Layout
from release.oci.graph import blobs_of, read_manifests
from tests.support.disks.ext4 import Ext4, ext4, frozen
from tests.support.programs.command import Shipmark
from tests.support.registries.registry import RegistryServer
from tests.support.registries.stored import put_image

MB = 1_000_000
SIZES = [20 * MB, 8 * MB, 4 * MB, MB, 1000]
MOMENTS = 30


def _check(place: Layout | Folder) -> tuple[str, ...]:
    """Read every blob that a place names; return the tags of a layout, or `the image` if a folder has one."""
    if isinstance(place, Layout):
        tags, roots = place.tags(), [entry.digest for entry in place.entries().descriptors()]
    else:
        only = place.only()
        tags, roots = (("the image",), [only[0].digest]) if only is not None else ((), [])
    for digest in roots:
        for blob in blobs_of(read_manifests(place, digest, cancel=Cancel())):
            with place.open_blob(blob) as stream:
                while stream.read(MB):
                    pass
    return tags


Outcome = tuple[bool, tuple[str, ...]]


class Scene(NamedTuple):
    """Pulls of an image with power cuts. `transport`: `oci` or `dir`; `source`: the image that is pulled."""

    transport: str
    source: str
    shipmark: Shipmark

    def pull(self, disk: Ext4, seconds: float) -> Outcome:
        """Pull, and cut the power after `seconds` or at the end; return whether the pull had ended, and the tags."""
        destination = f"{self.transport}:{disk.path / 'image'}"
        process = self.shipmark.start("image", "copy", self.source, destination)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            with frozen(process.pid) as stopped:
                if stopped:
                    return False, self._found(disk)
        finally:
            process.kill()
            process.wait()
        return True, self._found(disk)

    def _found(self, disk: Ext4) -> tuple[str, ...]:
        with disk.after_power_cut() as found:
            path = str(found / "image")
            return _check(Layout(path) if self.transport == "oci" else Folder(path))


@pytest.mark.parametrize(("transport", "tag"), [("oci", "1.0.0"), ("dir", "the image")])
def test_a_power_cut_during_a_pull_leaves_no_incomplete_image_in_the_index(
    transport: str, tag: str, registry_server: RegistryServer, shipmark: Shipmark, tmp_path: Path
) -> None:
    put_image(registry_server.root, "acme/app", SIZES, "1.0.0")
    scene = Scene(transport, f"{registry_server.host}/acme/app:1.0.0", shipmark)
    ends: list[bool] = []
    for moment in range(MOMENTS):
        with ext4(tmp_path / "disk", 120 * MB) as disk:
            ended, tags = scene.pull(disk, 0.1 + moment * 0.02)
            assert tags == (tag,) or not (ended or tags)
            ends.append(ended)
    print(
        f"\n{transport}: {ends.count(False)} power cuts on the way, "
        f"{ends.count(True)} right after the end: nothing torn"
    )
    assert min(ends.count(False), ends.count(True)) >= 5
