"""The folder in which `image` commands store converted images, such as those of a Docker daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from release.app.session import Session


def image_store(session: Session) -> str:
    """The folder for converted images: the repository's content store, or without a repository a temporary folder."""
    from release.app.cache import common_dir, store_path, trim_at_exit
    from release.filesystem.cache_folder import fresh_folder

    if common_dir(session) is None:
        return fresh_folder()
    trim_at_exit(session)
    return store_path(session)
