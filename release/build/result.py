"""The result of a build, read from its top manifest or index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from release.build import BuiltFrom, BuiltImage, PlatformImage
from release.oci import Manifest
from release.oci.image_json import Platform


def built_image(
    top: Manifest,
    children: Sequence[tuple[Platform, Manifest]],
    tools: Mapping[str, str],
    context: BuiltFrom | None = None,
) -> BuiltImage:
    """The `BuiltImage` of a builder that stored `top` and the `children` (one for each platform) in the layout."""
    return BuiltImage(
        digest=top.digest,
        media_type=top.media_type,
        size=len(top.raw),
        platforms=tuple(
            PlatformImage(platform=str(platform), digest=child.digest, size=len(child.raw))
            for platform, child in children
        ),
        tools=dict(tools),
        context=context,
    )
