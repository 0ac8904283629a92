"""The power is cut while an image is pulled into a layout, at many moments, on a real file system.

Whatever the index of the layout names then is whole, and after a pull that ended well the image is there.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from release.control import Cancel
from release.registry.layout import Layout
from release.registry.transfer import blobs_of, read_manifests
from tests.support.command import Shipmark
from tests.support.ext4 import Ext4, ext4, frozen
from tests.support.registry import RegistryServer
from tests.support.stored import put_image

MB = 1_000_000
SIZES = [20 * MB, 8 * MB, 4 * MB, MB, 1000]
MOMENTS = 40


def _check(folder: Path) -> tuple[str, ...]:
    """Read everything that a layout names to its end; give its tags."""
    layout = Layout(str(folder))
    for entry in layout.entries().descriptors():
        for blob in blobs_of(read_manifests(layout, entry.digest, cancel=Cancel())):
            with layout.open_blob(blob) as stream:
                while stream.read(MB):
                    pass
    return layout.tags()


def _pull(shipmark: Shipmark, source: str, disk: Ext4, seconds: float) -> tuple[bool, tuple[str, ...]]:
    """Pull, and cut the power after so many seconds or at the end: whether the pull had ended, and the tags then."""
    process = shipmark.start("image", "copy", source, f"oci:{disk.path / 'image'}")
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        with frozen(process) as stopped:
            if stopped:
                return False, _found(disk)
    finally:
        process.kill()
        process.wait()
    return True, _found(disk)


def _found(disk: Ext4) -> tuple[str, ...]:
    with disk.after_power_cut() as found:
        return _check(found / "image")


def test_a_power_cut_leaves_no_image_with_holes(
    registry_server: RegistryServer, shipmark: Shipmark, tmp_path: Path
) -> None:
    put_image(registry_server.root, "acme/app", SIZES, "1.0.0")
    source = f"{registry_server.host}/acme/app:1.0.0"
    ends: list[bool] = []
    for moment in range(MOMENTS):
        with ext4(tmp_path / "disk", 120 * MB) as disk:
            ended, tags = _pull(shipmark, source, disk, 0.1 + moment * 0.015)
            assert tags == ("1.0.0",) or not (ended or tags)
            ends.append(ended)
    print(
        f"\n{ends.count(False)} power cuts on the way, {ends.count(True)} right after the end: nothing torn"
    )
    assert min(ends.count(False), ends.count(True)) >= 5
