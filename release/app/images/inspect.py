"""Inspects an image: its platforms, layers, labels, base image and referrers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Literal

import msgspec

from release.app.session import Session
from release.image_names.choose_image import platforms_in, read
from release.image_names.image_location import ImageLocation
from release.image_names.locate import locate
from release.oci import Manifest, Repository
from release.oci.image_config import read_config
from release.oci.manifest import children
from release.task_group import run_all
from release.transfer.referrers import find_attached

#: Platforms read concurrently, each with a request for the manifest and one for the config. Few images have more
#: platforms, and a host gets at most 16 requests at once (`registry/hosts/host.py`).
_AT_ONCE = 8
_BASE = "org.opencontainers.image.base."


class InspectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`image`: a reference. `platform`: only the image of this platform in an index, such as `linux/arm64`."""

    image: str
    platform: str | None = None


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer as the registry stores it, usually compressed. `size`: in bytes."""

    digest: str
    media_type: str
    size: int


class PlatformImage(msgspec.Struct, frozen=True, kw_only=True):
    """The image of one platform. `size`: bytes of its layers together. `config`: the digest of its config."""

    platform: str | None
    digest: str
    media_type: str
    size: int
    config: str
    created: str | None
    labels: dict[str, str]
    annotations: dict[str, str]
    layers: tuple[Layer, ...]


class Referrer(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that refers to the image. `tag`: the tag of cosign's scheme under which it was found, or None."""

    digest: str
    artifact_type: str | None
    size: int
    tag: str | None


class ImageReport(msgspec.Struct, frozen=True, kw_only=True):
    """The content of an image's manifests and configs. `size`: bytes of all distinct layers together.

    `base`: `name` and `digest` of the base image, as far as annotations or labels name them.
    """

    schema: Literal["shipmark.image/1"] = "shipmark.image/1"
    repository: str
    tag: str | None
    digest: str
    media_type: str
    size: int
    annotations: dict[str, str]
    base: dict[str, str]
    platforms: tuple[PlatformImage, ...]
    referrers: tuple[Referrer, ...]


def inspect(workspace: Session, request: InspectRequest) -> ImageReport:
    """Inspect an image by its manifests and configs; layers are not read."""
    with closing(locate(workspace, request.image)) as location:
        return _inspect(workspace, location, request)


def _inspect(workspace: Session, location: ImageLocation, request: InspectRequest) -> ImageReport:
    top = read(location, platform=request.platform)
    repository: Repository = location.repository
    platforms = _platforms(workspace, repository, top)
    unique = {layer.digest: layer.size for one in platforms for layer in one.layers}
    return ImageReport(
        repository=location.name,
        tag=location.tag,
        digest=top.digest,
        media_type=top.media_type,
        size=sum(unique.values()),
        annotations=_texts(_document(top).get("annotations")),
        base=_base(top, platforms),
        platforms=platforms,
        referrers=tuple(_referrers(repository, top.digest)),
    )


class DigestReport(msgspec.Struct, frozen=True, kw_only=True):
    """`digest`: computed from the manifest that the registry or layout serves. `size`: bytes of that manifest."""

    schema: Literal["shipmark.image-digest/1"] = "shipmark.image-digest/1"
    repository: str
    digest: str
    media_type: str
    size: int


def digest(workspace: Session, request: InspectRequest) -> DigestReport:
    """The digest of an image, or of the image of one platform in an index."""
    with closing(locate(workspace, request.image)) as location:
        manifest = read(location, platform=request.platform)
    return DigestReport(
        repository=location.name,
        digest=manifest.digest,
        media_type=manifest.media_type,
        size=len(manifest.raw),
    )


def _referrers(repository: Repository, subject: str) -> Iterator[Referrer]:
    """The referrers of a digest: from the registry's API, the fallback tag, and the tags of cosign."""
    attached = find_attached(repository, subject)
    for one in attached.referrers:
        yield Referrer(digest=one.digest, artifact_type=one.artifact_type, size=one.size, tag=None)
    for tag in attached.tags:
        held = repository.resolve(tag)
        if held is not None:
            yield Referrer(digest=held.digest, artifact_type=None, size=held.size, tag=tag)


def _platforms(workspace: Session, repository: Repository, top: Manifest) -> tuple[PlatformImage, ...]:
    if not top.is_index:
        return (_image(repository, top),)
    named = platforms_in(repository, top)
    digests = list(dict.fromkeys(digest for _, digest in named))
    tasks = [partial(_nested, repository, digest) for digest in digests]
    images = run_all(tasks, jobs=_AT_ONCE, cancel=workspace.cancel) if tasks else []
    read_once = dict(zip(digests, images, strict=True))
    return tuple(msgspec.structs.replace(read_once[digest], platform=name) for name, digest in named)


def _nested(repository: Repository, digest: str) -> PlatformImage:
    return _image(repository, repository.manifest(digest))


def _image(repository: Repository, manifest: Manifest) -> PlatformImage:
    config, *layers = children(manifest)
    said = read_config(repository, manifest)
    settings = said.get("config")
    labels = settings.get("Labels") if isinstance(settings, dict) else None
    parts = (said.get(name) for name in ("os", "architecture", "variant"))
    own = "/".join(part for part in parts if isinstance(part, str) and part)
    created = said.get("created")
    return PlatformImage(
        platform=own or None,
        digest=manifest.digest,
        media_type=manifest.media_type,
        size=sum(layer.size for layer in layers),
        config=config.digest,
        created=created if isinstance(created, str) else None,
        labels=_texts(labels),
        annotations=_texts(_document(manifest).get("annotations")),
        layers=tuple(
            Layer(digest=layer.digest, media_type=layer.media_type, size=layer.size) for layer in layers
        ),
    )


def _base(top: Manifest, platforms: Sequence[PlatformImage]) -> dict[str, str]:
    """Name and digest of the base image, from annotations, else from labels."""
    sources: list[Mapping[str, str]] = [_texts(_document(top).get("annotations"))]
    for one in platforms:
        sources += [one.annotations, one.labels]
    for source in sources:
        found = {name: source[f"{_BASE}{name}"] for name in ("name", "digest") if f"{_BASE}{name}" in source}
        if found:
            return found
    return {}


def _document(manifest: Manifest) -> dict[str, Any]:
    document = msgspec.json.decode(manifest.raw)  # reading the manifest has checked that it is JSON
    return document if isinstance(document, dict) else {}


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}
