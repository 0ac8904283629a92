"""`cache`: the size of the cache folder, and its emptying."""

from __future__ import annotations

import os

import msgspec

from release.app.cache import common_dir, surroundings_of
from release.app.session import Session
from release.filesystem.cache_folder import open_root, repository_key
from release.filesystem.cache_limit import Cleaned, clean, limit_of, sizes


class CacheShare(msgspec.Struct, frozen=True, kw_only=True):
    """The cache folder's content for one repository. `size`: bytes."""

    folder: str
    size: int


class CacheReport(msgspec.Struct, frozen=True, kw_only=True):
    """The cache folder of this user. `folder`: None if no folder can be used, and nothing is kept between runs.

    `size`: bytes of all repositories; `limit`: bytes that all images together may take. `repository`: the share of the
    session's repository; None outside of a repository, or without a folder.
    """

    folder: str | None
    size: int
    limit: int
    repositories: int
    repository: CacheShare | None


def cache_usage(session: Session) -> CacheReport:
    """Measure the cache folder. Raises `ConfigError` for a SHIPMARK_CACHE_SIZE that is not a size."""
    limit = limit_of(session.settings.env.get("SHIPMARK_CACHE_SIZE"))
    root = open_root(surroundings_of(session))
    found = {} if root is None else sizes(root)
    shared = common_dir(session)
    share = None
    if root is not None and shared is not None:
        key = repository_key(shared)
        share = CacheShare(folder=os.path.join(root, key), size=found.get(key, 0))
    return CacheReport(
        folder=root, size=sum(found.values()), limit=limit, repositories=len(found), repository=share
    )


def empty_cache(session: Session) -> Cleaned:
    """Delete the cached data of every repository that no run is using."""
    root = open_root(surroundings_of(session))
    return Cleaned() if root is None else clean(root)
