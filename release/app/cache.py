"""Opens the cache folder for a session, names the content store in it, and trims it to its size limit at exit."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from release.app.session import Session
from release.errors import GitError, RefusedError
from release.filesystem.cache_folder import Cache, Surroundings, fresh_folder, open_cache
from release.filesystem.cache_limit import IMAGES, limit_of, trim

if TYPE_CHECKING:
    from release.app.session import Session


def open_cache_of(session: Session) -> Cache:
    """Open the cache folder of the session's repository. Raises `RefusedError` and `ConfigError`."""
    return open_cache(surroundings_of(session))


def surroundings_of(session: Session) -> Surroundings:
    """The facts that decide on the cache folder: environment, workspace, repository, and the trust in the run."""
    shared = common_dir(session)
    return Surroundings(
        env=session.settings.env,
        workspace=None if shared is None else session.root,
        repository=shared or session.root,
        private=not session.trust.trusted,
        warn=session.warn,
        guard=session.require_own_folder,
        wait=session.cancel.wait,
    )


def common_dir(session: Session) -> str | None:
    """The path of git's common folder, which all worktrees of a repository share; None outside of a repository."""
    from release.git.repository import find_places

    try:
        return find_places(session.root, session.settings.env).common_dir
    except GitError:
        return None


def store_path(session: Session) -> str:
    """The path of the content store, an OCI layout in the cache folder."""
    return os.path.join(session.cache.path, IMAGES)


def trim_at_exit(session: Session) -> None:
    """Have the cache folder trimmed to its size limit at the end of this process, unless the run is cancelled.

    Raises `ConfigError` if `SHIPMARK_CACHE_SIZE` is not a size.
    """
    limit = limit_of(session.settings.env.get("SHIPMARK_CACHE_SIZE"))

    def make_room() -> None:
        # None if the session has not opened its cache folder.
        cache: Cache | None = session.__dict__.get("cache")
        # After a signal the process has 4 s to end, so trimming is left to the next run.
        if cache is not None and cache.root is not None and not session.cancel.tripped:
            cache.release()
            with suppress(OSError, RefusedError):  # the next run tries again
                trim(cache.root, limit)

    session.ports.at_exit(make_room)


def image_store(session: Session) -> str:
    """The folder for converted images: the repository's content store, or without a repository a temporary folder."""
    if common_dir(session) is None:
        return fresh_folder()
    trim_at_exit(session)
    return store_path(session)
