"""What an image says of itself: labels and platforms, from verified bytes."""

from __future__ import annotations

from typing import Any

import msgspec

from release.errors import Invalid, NotFound
from release.registry import OCI_CONFIG, Descriptor, ImageFacts, Manifest, Repository
from release.registry.documents import children

_LARGEST_CONFIG = 8 * 1024 * 1024
_CONFIG_TYPES = frozenset({OCI_CONFIG, "application/vnd.docker.container.image.v1+json"})


def image_facts(repository: Repository, reference: str) -> ImageFacts | None:
    """Labels and platforms of what a tag or digest names, or None where it does not exist.

    An index has the labels of its first platform. Raises `RegistryError` where nothing can be known.
    """
    try:
        top = repository.manifest(reference)
    except NotFound:
        return None
    if not top.is_index:
        config = read_config(repository, top)
        return _facts(top, config, (_platform(config),))
    images = [child for child in children(top) if platform_of(child) is not None]
    labels: dict[str, Any] = {}
    if images:
        labels = read_config(repository, repository.manifest(images[0].digest))
    return _facts(top, labels, tuple(dict.fromkeys(filter(None, map(platform_of, images)))))


def read_config(repository: Repository, manifest: Manifest) -> dict[str, Any]:
    """The image configuration as a JSON object; empty for an artifact, whose config is something else."""
    config = children(manifest)[0]
    if config.media_type not in _CONFIG_TYPES:
        return {}
    if config.size > _LARGEST_CONFIG:
        raise Invalid(f"the config of `{manifest.digest}` claims {config.size} bytes")
    with repository.open_blob(config) as stream:
        raw = stream.read(_LARGEST_CONFIG + 1)
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(f"the config of `{manifest.digest}` in `{repository.name}` is not JSON") from error
    if not isinstance(document, dict):
        raise Invalid(f"the config of `{manifest.digest}` in `{repository.name}` is not a JSON object")
    return document


def platform_of(descriptor: Descriptor) -> str | None:
    """`linux/arm/v7` of an index entry; None for attestations (`unknown/unknown`) and entries without a platform."""
    return _platform(descriptor.platform or {}) or None


def _facts(manifest: Manifest, config: dict[str, Any], platforms: tuple[str, ...]) -> ImageFacts:
    settings = config.get("config")
    found = settings.get("Labels") if isinstance(settings, dict) else None
    labels = found if isinstance(found, dict) else {}
    return ImageFacts(
        digest=manifest.digest,
        media_type=manifest.media_type,
        labels={name: value for name, value in labels.items() if isinstance(value, str)},
        platforms=tuple(platform for platform in platforms if platform),
    )


def _platform(document: dict[str, Any]) -> str:
    parts = [document.get(name) for name in ("os", "architecture", "variant")]
    words = [part for part in parts if isinstance(part, str) and part]
    if len(words) < 2 or "unknown" in words[:2]:
        return ""
    return "/".join(words)
