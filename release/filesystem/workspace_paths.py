"""Finds whether a path leads into the workspace, and from which folder on the workspace's author controls it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from release.errors import ConfigError


def is_within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or below it. Both paths are absolute and normalised. Symlinks are not resolved."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def is_below(path: str, workspace: str | None) -> bool:
    """Whether `path` leads into the workspace, also by another path to that folder (a symlink, a bind mount)."""
    return start_of(normal(path), workspace) is not None


def normal(path: str) -> str:
    """The path, absolute and without `..`. Raises `ConfigError` for a NUL character."""
    if "\0" in path:
        raise ConfigError(f"`{path!r}` holds a NUL character", hint="name a path without it")
    return os.path.abspath(path)


def start_of(path: str, workspace: str | None) -> str | None:
    """The leading part of `path` that is the workspace's folder, perhaps by another path to it; None: there is none."""
    if workspace is None:
        return None
    workspace = os.path.abspath(workspace)
    if is_within(path, workspace):
        return workspace
    wanted = os.stat(workspace)
    for prefix in _prefixes(path):
        try:
            if os.path.samestat(os.stat(prefix), wanted):
                return prefix
        except OSError:
            return None
    return None


def _prefixes(path: str) -> Iterator[str]:
    here = "/"
    for name in path.split("/"):
        here = os.path.join(here, name)
        yield here
