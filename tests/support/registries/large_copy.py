"""Copies a large image from one registry to another in a process with a small disk and little memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.support.disks.confined import Taken, small_disk
from tests.support.programs.command import Shipmark
from tests.support.registries.registry import RegistryFactory
from tests.support.registries.stored import check_image, put_image
from tests.support.registries.tls import Authority

MEMORY = 60_000_000


def copy_large(
    make_registry: RegistryFactory,
    shipmark: Shipmark,
    folder: Path,
    *,
    tls: bool,
    layers: Sequence[int],
    disk: int,
) -> Taken:
    """Copy an image with layers of `layers` bytes; check the copy, and the memory and disk that the process used."""
    authority = Authority(folder / "authority")
    source, destination = (make_registry(tls=tls, authority=authority) for _ in range(2))
    digest = put_image(source.root, "acme/large", layers, "1.0.0")
    places = (f"{source.host}/acme/large:1.0.0", f"{destination.host}/acme/copy")
    trust = {} if source.ca is None else {"SSL_CERT_FILE": str(source.ca)}
    with small_disk(folder / "disk", disk) as room:
        taken = room.run([*shipmark.argv, "image", "copy", *places], env={**shipmark.env, **trust})
        assert taken.code == 0, taken.stderr
        assert room.left() == []
    arrived, size = check_image(destination.root, "acme/copy", "1.0.0")
    assert arrived == digest
    assert size >= sum(layers)
    assert taken.memory < MEMORY, f"{taken.memory / 1e6:.1f} MB of memory"
    assert taken.written < disk, f"{taken.written / 1e6:.1f} MB written to disks"
    return taken
