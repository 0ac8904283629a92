"""Copies 2 GB between registries, over http and TLS, by a process with 200 MB of disk and 60 MB of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.registries.large_copy import copy_large
from tests.support.registries.registry import RegistryFactory

MB = 1_000_000
LAYERS = [1200 * MB, 300 * MB, 200 * MB, 150 * MB, 100 * MB, 50 * MB]


@pytest.mark.parametrize("tls", [False, True], ids=["http", "tls"])
def test_two_gigabytes_are_copied_with_little_disk_and_memory(
    tls: bool, registry_factory: RegistryFactory, shipmark: Shipmark, tmp_path: Path
) -> None:
    taken = copy_large(registry_factory, shipmark, tmp_path, tls=tls, layers=LAYERS, disk=200 * MB)
    print(
        f"\n{sum(LAYERS) / 1e9:.1f} GB over {'TLS' if tls else 'http'}: {taken.wall:.1f} s, "
        f"{taken.memory / 1e6:.0f} MB of memory, {taken.written / 1e6:.1f} MB written"
    )
