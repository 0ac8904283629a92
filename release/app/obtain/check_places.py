"""Gives the commands of `checks:` the image: in an OCI layout of its own, or in the local Docker daemon."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from release.filesystem.cache_folder import fresh_folder
from release.image_names.choose_image import platforms_in
from release.layout.layout import Layout
from release.oci import Repository
from release.oci.image_json import Platform
from release.oci.platforms import best
from release.transfer.copy import copy_image

if TYPE_CHECKING:
    from release.app.session import Session

#: The repository name of checked images in the daemon. The tag is the image's digest, so that no run replaces the image
#: of another run that checks a different one.
_NAME = "shipmark-check"


class SessionCheckPlaces:
    """`CheckPlaces` on this machine."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @contextmanager
    def layout(self, source: Repository, digest: str) -> Iterator[str]:
        """An OCI layout in a temporary folder, which is deleted afterwards.

        The layout has the image under the tag `image`.
        """
        folder = os.path.join(fresh_folder(), "image")
        try:
            layout = Layout(folder)
            copy_image(source, layout, digest, sink=self._session.sink, cancel=self._session.cancel)
            layout.put_manifest(source.manifest(digest), tag="image")
            yield folder
        finally:
            shutil.rmtree(os.path.dirname(folder), ignore_errors=True)

    @contextmanager
    def loaded(self, source: Repository, digest: str) -> Iterator[str]:
        """The image loaded into the daemon, under a name that is removed afterwards."""
        from release.docker.engine import connect
        from release.image_names.locate import locate_destination

        name = f"{_NAME}:{digest.partition(':')[2]}"
        place = locate_destination(self._session, f"docker-daemon:{name}").repository
        with connect(self._session.settings.env, self._session.cancel) as engine:
            child = _of_daemon(source, digest, engine.platform)
            copy_image(source, place, child, sink=self._session.sink, cancel=self._session.cancel)
            place.put_manifest(source.manifest(child), tag=place.tag)
            try:
                yield name
            finally:
                engine.remove(name)


def _of_daemon(source: Repository, digest: str, platform: Platform) -> str:
    """The digest of the platform image that the daemon's machine can run, else of the first platform image."""
    top = source.manifest(digest)
    if not top.is_index:
        return digest
    images = platforms_in(source, top)
    return best(images, str(platform)) or next((found for _, found in images), digest)
