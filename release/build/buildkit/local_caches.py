"""Folders of `cache_to` with `type=local`: their unfinished files are removed when a folder's disk was full."""

from __future__ import annotations

import os
from collections.abc import Iterable

from release.build.buildkit.working_folder import remove_tree

#: Folder of files that BuildKit's client has not written whole. It removes none, and each cache has other names.
_UNFINISHED = "ingest"


class LocalCaches:
    """The folders to which one build writes its cache. `paths`: absolute."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._before = {path: frozenset(_unfinished(path)) for path in paths}

    @property
    def places(self) -> dict[str, str]:
        """By path, the folder's name for a hint."""
        return {path: f"`{path}`, the local cache of `build: {{cache_to: …}}`" for path in self._before}

    def remove_unfinished(self, path: str) -> None:
        """Remove what was begun in the folder `path` since this object was made, so that its disk has room again.

        Call this only after its disk was full: another build that writes there could not have gone on either.
        """
        for name in _unfinished(path):
            if name not in self._before[path]:
                remove_tree(os.path.join(path, _UNFINISHED, name))


def _unfinished(path: str) -> list[str]:
    try:
        return os.listdir(os.path.join(path, _UNFINISHED))
    except OSError:
        return []
