"""The content store for images that need a conversion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from release.app.session import Session


def image_store(session: Session) -> str:
    """The folder of a content store: the workspace's, else a temporary one that goes at exit."""
    from release.app.cache import common_dir, store_path, trim_at_exit
    from release.filesystem.cache_folder import fresh_folder

    if common_dir(session) is None:
        return fresh_folder()
    trim_at_exit(session)
    return store_path(session)
