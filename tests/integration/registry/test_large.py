"""Copies of images that exceed the disk and memory of the copying process. A longer form is in `tests/soak`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.disks.confined import small_disk
from tests.support.programs.command import Shipmark
from tests.support.registries.large_copy import MEMORY, copy_large
from tests.support.registries.registry import RegistryFactory

MB = 1_000_000


@pytest.mark.parametrize("tls", [False, True], ids=["http", "tls"])
def test_large_copy_fits_into_small_disk_and_memory(
    tls: bool, registry_factory: RegistryFactory, shipmark: Shipmark, tmp_path: Path
) -> None:
    sizes = [180 * MB, 60 * MB, 40 * MB, 20 * MB]
    copy_large(registry_factory, shipmark, tmp_path, tls=tls, layers=sizes, disk=30 * MB)


class TestTheMeasure:
    """Tests that the limits and counters of disk and memory used by tests of large copies work."""

    def test_small_disk_refuses_more_than_its_size(self, shipmark: Shipmark, tmp_path: Path) -> None:
        code = "import tempfile; tempfile.NamedTemporaryFile().write(bytes(2_000_000))"
        with small_disk(tmp_path / "disk", MB) as room:
            taken = room.run([sys.executable, "-I", "-c", code], env=shipmark.env)
        assert taken.code != 0
        assert "No space left" in taken.stderr or "File too large" in taken.stderr

    def test_small_disk_counts_written_bytes_and_memory(self, shipmark: Shipmark, tmp_path: Path) -> None:
        code = f"open({str(tmp_path / 'else')!r}, 'wb').write(bytes(5_000_000)); bytearray(70_000_000)"
        with small_disk(tmp_path / "disk", 10 * MB) as room:
            taken = room.run([sys.executable, "-I", "-c", code], env=shipmark.env)
        assert taken.written >= 4_900_000
        assert taken.memory > MEMORY
