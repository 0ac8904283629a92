"""The values that steps bind for the image of a release, whether the image was built or found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from release.build import BuiltImage, PlatformImage
from release.errors import BuildError
from release.hints import NAMES_PLATFORM
from release.oci import ImageFacts, Manifest, Repository
from release.oci.image_config import flat_entries, manifest_facts
from release.oci.image_index import PlatformEntry, entries_of
from release.oci.manifest import platform_of
from release.plan.model import Bindings, binding, plain
from release.plan.operands import (
    attestations_of,
    builder_of,
    built_of,
    context_of,
    image_of,
    part_of,
    tools_of,
)
from release.plan.ownership import accepts_platform
from release.tagging.labels import held_image
from release.tagging.model import Held


def image_bindings(component: str, built: BuiltImage) -> Bindings:
    """The values of a built or found image that later steps and records use."""
    described = plain(built)
    tools = described.pop("tools", {})
    described.pop("pushed_to", None)
    if described.get("context") is None:
        described.pop("context", None)
    return (
        binding(image_of(component), built.digest)
        .with_value(built_of(component), described)
        .with_value(tools_of(component), tools)
    )


def part_bindings(
    part: str,
    digest: str,
    *,
    builder: str | None = None,
    context: Mapping[str, Any] | None = None,
    tools: Mapping[str, str] | None = None,
) -> Bindings:
    """The values of one platform's image.

    `part`: the name of the platform's image, see `part_of`. A value that is None is not bound.
    """
    bound = binding(image_of(part), digest)
    if builder is not None:
        bound = bound.with_value(builder_of(part), builder)
    if context is not None:
        bound = bound.with_value(context_of(part), plain(context))
    return bound if tools is None else bound.with_value(tools_of(part), plain(tools))


def within_bindings(
    component: str,
    platforms: Sequence[str],
    index: Manifest,
    *,
    builder: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> Bindings:
    """The values of each platform's image in an index that a builder made in one build.

    `context`: what it was built from. Raises `BuildError` if the index has no image for one of `platforms`.
    """
    entries = entries_of(index) if index.is_index else ()
    bound = Bindings()
    for platform in platforms:
        entry = _entry_for(platform, entries)
        part = part_of(component, platform)
        bound |= part_bindings(part, entry.image.digest, builder=builder, context=context)
        if entry.attestations:
            bound = bound.with_value(attestations_of(part), tuple(one.digest for one in entry.attestations))
    return bound


def _entry_for(platform: str, entries: Sequence[PlatformEntry]) -> PlatformEntry:
    for entry in entries:
        if accepts_platform(platform, entry.platform):
            return entry
    shown = ", ".join(f"`{entry.platform}`" for entry in entries) or "no platform"
    raise BuildError(
        f"the builder left an image for {shown} where `{platform}` was asked for",
        hint=NAMES_PLATFORM,
    )


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An image in a repository or the store. `said`: the image's labels, read from bytes that match their digests."""

    image: BuiltImage
    said: Held


def find_image(repository: Repository, name: str, digest: str) -> Found:
    """Read an existing image, and describe it as builders describe the images that they build. Raises `NotFound`."""
    manifest = repository.manifest(digest)
    facts = manifest_facts(repository, manifest, every=True)
    image = BuiltImage(
        digest=manifest.digest,
        media_type=manifest.media_type,
        size=len(manifest.raw),
        platforms=platform_images(repository, manifest, facts),
    )
    return Found(image=image, said=held_image(name, digest, digest, facts))


def platform_images(
    repository: Repository, manifest: Manifest, facts: ImageFacts
) -> tuple[PlatformImage, ...]:
    """The image of each platform; attestation manifests, which have no platform, are left out."""
    if not manifest.is_index:
        return tuple(
            PlatformImage(platform=name, digest=manifest.digest, size=len(manifest.raw))
            for name in facts.platforms
        )
    return tuple(
        PlatformImage(platform=name, digest=child.digest, size=child.size)
        for child in flat_entries(repository, manifest)
        if (name := platform_of(child)) is not None
    )
