"""Chooses the image that a location names, and its platform, and reads its manifest."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import msgspec

from release.errors import ConfigError, NotFound
from release.image_names.image_location import ImageLocation
from release.layout.reader import LayoutReader
from release.oci import Descriptor, Manifest, Repository
from release.oci.image_config import flat_entries, read_config
from release.oci.manifest import platform_of
from release.oci.platforms import best


@runtime_checkable
class HoldsImages(Protocol):
    """A repository that knows whether it holds one image only: a layout, an archive or a folder."""

    def only(self) -> tuple[Descriptor, str | None] | None:
        """The only image and its tag, None for the tag if it has none or several; None without exactly one image."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What a location names: the reference of the image, and the tag that it has there, None if it has none."""

    reference: str
    tag: str | None


def choose(location: ImageLocation) -> Chosen:
    """The image that `location` names; without a name, `latest` in a registry, the only image elsewhere.

    An image that is named by its digest has no tag. Raises `ConfigError` if there are several images, `NotFound` if
    there is none.
    """
    if location.digest is not None:
        return Chosen(reference=location.digest, tag=None)
    if location.reference is not None:
        return Chosen(reference=location.reference, tag=location.tag)
    if location.registry is not None:
        return Chosen(reference="latest", tag="latest")
    found = location.repository.only() if isinstance(location.repository, HoldsImages) else None
    if found is None:
        _require_images(location)
        tags = location.repository.tags()
        shown = ", ".join(f"`{tag}`" for tag in tags[:10]) or "none"
        raise ConfigError(
            f"`{location.text}` does not say which image, and there is not exactly one",
            hint=f"write `{location.name}:TAG`, or `{location.name}@DIGEST`; its tags: {shown}",
        )
    descriptor, tag = found
    return Chosen(reference=descriptor.digest, tag=tag)


def _require_images(location: ImageLocation) -> None:
    """Raise `NotFound` unless the layout or archive lists several images: a folder has one, or none."""
    repository = location.repository
    if not (isinstance(repository, LayoutReader) and any(repository.entries().descriptors())):
        raise NotFound(
            f"there is no image at `{location.text}`",
            hint="check the path, which counts from the folder where the command runs, or from that of `-C`",
        )


def read(location: ImageLocation, *, platform: str | None = None) -> Manifest:
    """The manifest that `choose` finds at `location`, or that of `platform` in its index.

    Raises `NotFound`, and the errors of `choose`.
    """
    repository: Repository = location.repository
    manifest = repository.manifest(choose(location).reference)
    return manifest if platform is None else _of_platform(repository, manifest, platform)


def _of_platform(repository: Repository, manifest: Manifest, platform: str) -> Manifest:
    found = platforms_in(repository, manifest)
    digest = best(found, platform)
    if digest is None:
        shown = ", ".join(f"`{name}`" for name in dict.fromkeys(name for name, _ in found))
        raise NotFound(
            f"`{repository.name}@{manifest.digest}` has no image for `{platform}`",
            hint=f"platforms of the image: {shown or 'none'}",
        )
    return manifest if digest == manifest.digest else repository.manifest(digest)


def platforms_in(repository: Repository, top: Manifest) -> list[tuple[str, str]]:
    """Platform and digest of each image, also in nested indexes. Of several for one platform the first counts.

    Raises `Invalid` for more than 8 levels of indexes.
    """
    if not top.is_index:
        return [(_platform_text(read_config(repository, top)), top.digest)]
    listed = flat_entries(repository, top)
    return [(name, child.digest) for child in listed if (name := platform_of(child)) is not None]


def _platform_text(config: dict[str, Any]) -> str:
    parts = (config.get(name) for name in ("os", "architecture", "variant"))
    return "/".join(part for part in parts if isinstance(part, str) and part)
