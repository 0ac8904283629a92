"""Helpers of builders that write an image into the local layout."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from release.errors import BuildError, RegistryError
from release.layout.layout import Layout
from release.oci import Descriptor


def put_bytes(layout: Layout, descriptor: Descriptor, raw: bytes) -> None:
    """Store a small blob."""
    layout.put_blob(descriptor, lambda: io.BytesIO(raw))


def made_layout(path: str) -> Layout:
    """The layout in the folder `path`, which is made if it is missing. Raises `BuildError`."""
    with translated():
        return Layout.create(path)


@contextmanager
def translated() -> Iterator[None]:
    """Raise a `RegistryError` of the body, which writes to the local store, as `BuildError`: no registry has failed."""
    try:
        yield
    except RegistryError as error:
        raise BuildError(
            f"the image cannot be stored: {error.message}",
            hint=error.hint or "check the space and the rights of the local store",
        ) from error
