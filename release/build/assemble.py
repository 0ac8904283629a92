"""Makes the index of an image whose platforms were built one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from release.build import BuiltFrom, BuiltImage, Prepared
from release.errors import BuildError
from release.layout.adopt import translated
from release.layout.layout import Layout
from release.oci import Manifest, Repository
from release.oci.image_config import read_config
from release.oci.image_index import PlatformEntry, entry_of, image_index


def build_whole(
    prepared: Prepared, store: str, platforms: Sequence[str], annotations: Mapping[str, str]
) -> BuiltImage:
    """Build the image for all `platforms` into the layout `store`.

    `platforms`: two or more, as `several_platforms` gives them, or (). `annotations`: annotations for the index. Raises
    from the `BuildError` branch.
    """
    if prepared.makes_index or not platforms:
        return prepared.build(store)
    parts = [prepared.build(store, platform) for platform in platforms]
    with translated():
        layout = Layout(store)
        top = index_of(layout, [part.digest for part in parts], annotations)
        layout.put_manifest(top)
    return joined(top, parts)


def index_of(repository: Repository, digests: Sequence[str], annotations: Mapping[str, str]) -> Manifest:
    """The index over the manifests with these digests. Raises `BuildError`, and `RegistryError` for a missing one."""
    return image_index([read_entry(repository, digest) for digest in digests], annotations)


def read_entry(repository: Repository, digest: str) -> PlatformEntry:
    """The index entry of one platform's manifest. Raises `BuildError` if the image's config names no platform."""
    manifest = repository.manifest(digest)
    entry = entry_of(manifest, read_config(repository, manifest))
    if entry is None:
        raise BuildError(
            f"the config of the image {digest} names no platform",
            hint="an index can hold images only; see which builder made it",
        )
    return entry


def joined(top: Manifest, parts: Sequence[BuiltImage]) -> BuiltImage:
    """The image with the index `top` over `parts`."""
    return BuiltImage(
        digest=top.digest,
        media_type=top.media_type,
        size=len(top.raw),
        platforms=tuple(chain.from_iterable(part.platforms for part in parts)),
        tools=dict(chain.from_iterable(part.tools.items() for part in parts)),
        context=same_context([part.context for part in parts]),
    )


def same_context(contexts: Sequence[BuiltFrom | None]) -> BuiltFrom | None:
    """The context that all platforms were built from; None if a platform's is not known, or the contexts differ."""
    first = contexts[0]
    return first if all(each == first for each in contexts) else None
