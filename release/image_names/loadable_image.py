"""Chooses the image of an index that a docker daemon can load."""

from __future__ import annotations

from platform import machine

from release.errors import Invalid, NotFound
from release.layout.layout import Layout
from release.oci import DOCKER_CONFIG, INDEX_TYPES, OCI_CONFIG, Descriptor, Manifest
from release.oci.image_config import flat_entries, named_entries
from release.oci.manifest import children, platform_of, platform_text
from release.oci.platforms import normal

# Beginnings of the media types of layers that are tars, compressed or not.
_TARS = (
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.image.rootfs.",
)
_IMAGE_CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})


def loadable_image(layout: Layout, top: Manifest, platform: str | None, *, needed: bool) -> Manifest | None:
    """The image that daemons without indexes load: of `platform`, by default of this machine's, else the first.

    Where there is none, or a layer is missing: None, or `Invalid` and `NotFound` if it is `needed`.
    """
    found = _first(layout, top, platform or f"linux/{machine()}")
    if found is None and platform is None:
        found = _first(layout, top, None)
    if found is None:
        if needed:
            wanted = f"`{platform}`" if platform else "any platform"
            raise Invalid(
                f"`{top.digest}` has no image for {wanted}",
                hint=f"`shipmark image inspect` lists its platforms{'' if platform else ': it has none'}",
            )
        return None
    config, *layers = children(found)
    lacking = [layer.digest for layer in layers if not layout.has_blob(layer)]
    odd = next((layer.media_type for layer in layers if not _is_tar(layer)), None)
    if config.media_type in _IMAGE_CONFIGS and not lacking and odd is None:
        return found
    if needed and lacking:
        raise NotFound(
            f"layer `{lacking[0]}` is not stored beside the image, only its `urls` say where it is",
            hint="a docker daemon loads no image without it: write an OCI archive or a layout",
        )
    if needed and odd is not None and config.media_type in _IMAGE_CONFIGS:
        raise Invalid(
            f"`{top.digest}` has a layer of type `{odd}`, which no docker daemon can unpack",
            hint="write an OCI archive or a layout: `oci-archive:FILE`, `oci:PATH`",
        )
    if needed:
        raise Invalid(
            f"`{top.digest}` is an artifact with a config of type `{config.media_type}`: a docker daemon loads images",
            hint="write an OCI archive or a layout: `oci-archive:FILE`, `oci:PATH`",
        )
    return None


def loaded_alone(layout: Layout, top: Manifest) -> str | None:
    """The platform of several that a daemon without indexes loads, and all of them, as text for a message.

    None for an image of one platform.
    """
    if not top.is_index:
        return None
    listed = {
        child.digest: name for child in flat_entries(layout, top) if (name := platform_of(child)) is not None
    }
    image = loadable_image(layout, top, None, needed=False)
    if image is None or len(listed) < 2:
        return None
    return f"`{listed.get(image.digest)}` of {', '.join(f'`{name}`' for name in listed.values())}"


def _is_tar(layer: Descriptor) -> bool:
    return layer.media_type.startswith(_TARS) and not layer.media_type.endswith("+encrypted")


def _first(layout: Layout, top: Manifest, platform: str | None) -> Manifest | None:
    if not top.is_index:
        return top
    for child in named_entries(layout, top):
        if not child.is_manifest:
            continue
        if child.media_type in INDEX_TYPES:
            found = _first(layout, layout.manifest(child.digest), platform)
            if found is not None:
                return found
        elif platform is None or normal(platform) == normal(platform_text(child.platform or {})):
            return layout.manifest(child.digest)
    return None
