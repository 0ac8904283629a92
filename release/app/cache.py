"""The command line's side of the cache folder: whose it is, the content store in it, and its size limit."""

from __future__ import annotations

import os
from contextlib import suppress

from release.app.session import Session
from release.errors import GitError, RefusedError
from release.filesystem.cache_folder import Cache, Surroundings, open_cache
from release.filesystem.cache_limit import IMAGES, limit_of, trim


def open_cache_of(session: Session) -> Cache:
    """The folder of the session's repository, ready for use. Raises `RefusedError`, `ConfigError`."""
    return open_cache(surroundings_of(session))


def surroundings_of(session: Session) -> Surroundings:
    """Where the session's command runs."""
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
    """Git's common folder, which all worktrees of a repository share; None outside of a repository."""
    from release.git.repository import find_places

    try:
        return find_places(session.root, session.settings.env).common_dir
    except GitError:
        return None


def store_path(session: Session) -> str:
    """The content store: an OCI layout in the cache folder."""
    return os.path.join(session.cache.path, IMAGES)


def trim_at_exit(session: Session) -> None:
    """When this process ends well, make room in the cache folder. Raises `ConfigError` for a limit that is no size."""
    limit = limit_of(session.settings.env.get("SHIPMARK_CACHE_SIZE"))

    def make_room() -> None:
        cache: Cache | None = session.__dict__.get("cache")  # only where it was asked for
        # After a signal the process ends at once; the next run makes room.
        if cache is not None and cache.root is not None and not session.cancel.tripped:
            cache.release()
            with suppress(OSError, RefusedError):  # room is made by the next run, then
                trim(cache.root, limit)

    session.ports.at_exit(make_room)
