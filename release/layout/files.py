"""The files of an OCI image layout: creates and finds them, and removes temporary files of killed writers.

A layout may lie in a workspace that a stranger prepared. So no symlink inside the layout is followed; when writing, no
symlink below the workspace on the way to the layout is followed either.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Iterator
from typing import Any

from release.filesystem.files import require_file
from release.filesystem.folders import OpenFolder, nearest_folder, open_folder
from release.filesystem.new_files import PARTIAL, NewFile
from release.layout.blob_writer import BLOB_MODE
from release.oci.grammar import require_digest

#: `index.json` of a layout without images.
EMPTY_INDEX: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [],
}

#: Content of `oci-layout` (OCI image-spec, image layout).
MARKER = b'{"imageLayoutVersion":"1.0.0"}'
# Seconds since the last write after which a temporary file is deleted: one day. A running writer, even on a slow
# connection, writes more often; deleting its file would fail its build.
_ABANDONED = 24 * 3600.0


class LayoutFiles:
    """Files below `path`, the layout's folder. `workspace`: below it no symlink is followed for writing."""

    def __init__(self, path: str, workspace: str | None) -> None:
        self._path = path
        self._workspace = workspace
        self._swept = False

    @contextlib.contextmanager
    def opened(self, *names: str, writing: bool = False, make: bool = False) -> Iterator[OpenFolder]:
        """The layout's folder, or the folder `names` in it. Raises `RefusedError` and `OSError`.

        `make`: create missing folders of `names`.
        """
        with open_folder(self._path, self._workspace if writing or make else None) as folder:
            for name in names:
                folder.enter(name, make=make)
            yield folder

    def made(self) -> OpenFolder:
        """The layout's folder, created with its required files. Raises `RefusedError` and `OSError`."""
        folder = open_folder(self._path, self._workspace, make=True)
        try:
            with folder.folder("blobs", make=True) as blobs:
                blobs.folder("sha256", make=True).close()
            for name, content in (("oci-layout", MARKER), ("index.json", _encode(EMPTY_INDEX))):
                if folder.mode_at(name) is None:
                    # Never replaced: `oci-layout` is the lock file, and another process may hold its lock already.
                    _write(folder, name, content, replace=False)
            self._sweep(folder)
        except BaseException:
            folder.close()
            raise
        return folder

    def replace_index(self, folder: OpenFolder, content: bytes) -> None:
        """Replace `index.json`; fsync the file, the layout's folder, and the folder above.

        Raises `RefusedError` and `OSError`.
        """
        _write(folder, "index.json", content)
        folder.sync()
        with open_folder(os.path.dirname(self._path), self._workspace) as parent:
            parent.sync()

    def unwritable(self) -> str | None:
        """The last existing folder on the way to the blobs, if it cannot be written; None if it can.
        Raises `RefusedError` for symlinks and other obstacles, and `OSError`.
        """
        inside = self._boundary()
        with nearest_folder(os.path.join(self._path, "blobs", "sha256"), inside) as folder:
            found = None if folder.can_write() else folder.path
        for name in ("oci-layout", "index.json"):
            require_file(os.path.join(self._path, name), workspace=inside)
        return found

    def require_blob_file(self, digest: str) -> None:
        """Raise `RefusedError` if the blob, or a folder on the way to it, is a symlink or of the wrong kind."""
        require_file(os.path.join(self._path, "blobs", *split_digest(digest)), workspace=self._boundary())

    def _boundary(self) -> str | None:
        """The folder below which no symlink is followed: the workspace, else the layout itself if it exists."""
        return self._workspace or (self._path if os.path.isdir(self._path) else None)

    def remove_blob(self, digest: str) -> None:
        """Delete the blob's file if it exists. Raises `RefusedError` and `OSError`."""
        algorithm, name = split_digest(digest)
        with contextlib.suppress(FileNotFoundError), self.opened("blobs", algorithm, writing=True) as folder:
            folder.remove(name)

    def _sweep(self, folder: OpenFolder) -> None:
        """Remove temporary files older than `_ABANDONED`, which killed writers left, once for each `LayoutFiles`."""
        if self._swept:
            return
        self._swept = True
        for name in [name for name in folder.names() if name.startswith(PARTIAL)]:
            found = folder.status(name)
            if found is None or not stat.S_ISREG(found.st_mode) or time.time() - found.st_mtime <= _ABANDONED:
                continue
            with contextlib.suppress(FileNotFoundError):
                folder.remove(name)


def split_digest(digest: str) -> tuple[str, str]:
    """Algorithm and hex value: a blob's folder and file name. Raises `ConfigError` for text that is not a digest."""
    algorithm, _, value = require_digest(digest).partition(":")
    return algorithm, value


def _write(folder: OpenFolder, name: str, content: bytes, *, replace: bool = True) -> None:
    with NewFile(folder) as new:
        new.stream.write(content)
        new.place(name, mode=BLOB_MODE, durable=True, replace=replace)


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
