"""Reads labels and platforms of an image from its configs, whose digests are checked."""

from __future__ import annotations

import contextlib
from itertools import islice
from typing import Any

import msgspec

from release.errors import Invalid, NotFound
from release.hints import LARGE_IMAGE
from release.limits import IMAGE_CONFIG_BYTES, INDEX_PLATFORMS
from release.oci import INDEX_TYPES, OCI_CONFIG, Descriptor, ImageFacts, Manifest, Repository
from release.oci.ambiguous import require_plain_config
from release.oci.graph import listed_manifests
from release.oci.image_index import entry_of
from release.oci.manifest import children, json_object, platform_of, platform_text
from release.oci.platforms import normal

# Other media types are artifacts, whose config is not an image config.
_CONFIG_TYPES = frozenset({OCI_CONFIG, "application/vnd.docker.container.image.v1+json"})


def image_facts(repository: Repository, reference: str, *, every: bool = False) -> ImageFacts | None:
    """Labels and platforms of the image at a tag or digest; None if the tag or digest does not exist.

    For an index: the labels of its first platform; with `every`, the labels that are equal for all platforms.
    Raises `RegistryError` if manifest or config cannot be read.
    """
    try:
        top = repository.manifest(reference)
    except NotFound:
        return None
    return manifest_facts(repository, top, every=every)


def manifest_facts(repository: Repository, top: Manifest, *, every: bool = False) -> ImageFacts:
    """As `image_facts`, for a manifest that the caller has read."""
    if not top.is_index:
        config = read_config(repository, top)
        return _facts(top, _labels(config), (platform_text(config),))
    if every:
        return _agreed(repository, top)
    images = [child for child in flat_entries(repository, top) if platform_of(child) is not None]
    labels: dict[str, str] = {}
    if images:
        labels = _labels(read_config(repository, repository.manifest(images[0].digest)))
    return _facts(top, labels, tuple(map(platform_of, images)))


def _agreed(repository: Repository, top: Manifest) -> ImageFacts:
    """The facts that are equal for all platforms of an index, each read from its own config."""
    images = [
        child
        for child in listed_manifests(repository, top, lambda _, index: children(index))
        if not _is_attestation(child)
    ]
    if len(images) > INDEX_PLATFORMS:
        raise Invalid(
            f"the index `{top.digest}` in `{repository.name}` lists {len(images)} platforms,"
            f" more than {INDEX_PLATFORMS}",
            hint=LARGE_IMAGE,
        )
    labels: list[dict[str, str]] = []
    platforms: list[str | None] = []
    disputed: set[str] = set()
    for child in images:
        config = read_config(repository, repository.manifest(child.digest))
        named, own = platform_of(child), platform_text(config)
        if named is None and not own:
            continue  # an artifact, not an image
        # An index entry without a platform counts as an image: clients read its config if no other entry matches.
        if named is not None and not _are_one_platform(named, own):
            disputed.add("platform")
        labels.append(_labels(config))
        platforms.append(named or own)
    first = labels[0] if labels else {}
    disputed |= {name for one in labels for name in first.keys() ^ one.keys()}
    disputed |= {name for one in labels for name in first.keys() & one.keys() if first[name] != one[name]}
    agreed = {name: text for name, text in first.items() if name not in disputed}
    return _facts(top, agreed, tuple(platforms), tuple(sorted(disputed)))


def is_without_image(repository: Repository, top: Manifest) -> bool:
    """Whether an index, with the indexes in it, lists no manifest at all, or attestations only."""
    if not top.is_index:
        return False
    listed = listed_manifests(repository, top, lambda _, index: children(index))
    return all(_is_attestation(child) for child in listed)


def named_entries(repository: Repository, index: Manifest) -> tuple[Descriptor, ...]:
    """The entries of an index; one that names no platform has that of its config, as for BuildKit and containerd.

    At most 128 such entries are read; others, and artifacts, stay without a platform.
    """
    listed = children(index)
    bare = {
        child.digest: child
        for child in listed
        if child.is_manifest and not child.platform and child.media_type not in INDEX_TYPES
    }
    named: dict[str, Descriptor] = {}
    for child in islice(bare.values(), INDEX_PLATFORMS):
        # A missing entry, or one that is not an image, has no platform here. Reading it later raises the error.
        with contextlib.suppress(NotFound, Invalid):
            manifest = repository.manifest(child.digest)
            found = entry_of(manifest, read_config(repository, manifest))
            if found is not None:
                named[child.digest] = msgspec.structs.replace(child, platform=found.image.platform)
    return tuple(child if child.platform else named.get(child.digest, child) for child in listed)


def flat_entries(repository: Repository, index: Manifest) -> tuple[Descriptor, ...]:
    """As `named_entries`, with the entries of each index in it in that index's place, as containerd reads them.

    What is not a manifest is left out. Raises `NotFound` for an index that is not there, and `Invalid` for more than 8
    levels.
    """
    return listed_manifests(repository, index, named_entries)


def _is_attestation(descriptor: Descriptor) -> bool:
    """Whether an index entry has the platform `unknown/unknown`, like the attestations of BuildKit."""
    platform = descriptor.platform or {}
    return "unknown" in (platform.get("os"), platform.get("architecture"))


def _are_one_platform(named: str, own: str) -> bool:
    """Whether an index entry and its config name the same platform, in whichever spelling.

    Variants are compared if entry and config have one.
    """
    entry, config = normal(named).split("/"), normal(own).split("/")
    both = min(len(named.split("/")), len(own.split("/")))
    return both > 1 and entry[:both] == config[:both]


def read_config(repository: Repository, manifest: Manifest) -> dict[str, Any]:
    """The image configuration as a JSON object; empty for an index, and for an artifact with another config.

    Raises `Invalid` for a config that is larger than 8 MiB, not a JSON object, or ambiguous.
    """
    if manifest.is_index:
        return {}
    config = children(manifest)[0]
    if config.media_type not in _CONFIG_TYPES:
        return {}
    if config.size > IMAGE_CONFIG_BYTES:
        raise Invalid(
            f"the config of `{manifest.digest}` has {config.size} bytes, more than {IMAGE_CONFIG_BYTES}",
            hint=LARGE_IMAGE,
        )
    with repository.open_blob(config) as stream:
        raw = stream.read(IMAGE_CONFIG_BYTES + 1)
    what = f"the config of `{manifest.digest}` in `{repository.name}`"
    document = json_object(raw, what)
    require_plain_config(raw, document, what)
    return document


def _facts(
    manifest: Manifest,
    labels: dict[str, str],
    platforms: tuple[str | None, ...],
    disputed: tuple[str, ...] = (),
) -> ImageFacts:
    return ImageFacts(
        digest=manifest.digest,
        media_type=manifest.media_type,
        labels=labels,
        platforms=tuple(dict.fromkeys(platform for platform in platforms if platform)),
        disputed=disputed,
    )


def _labels(config: dict[str, Any]) -> dict[str, str]:
    settings = config.get("config")
    found = settings.get("Labels") if isinstance(settings, dict) else None
    labels = found if isinstance(found, dict) else {}
    return {name: value for name, value in labels.items() if isinstance(value, str)}
