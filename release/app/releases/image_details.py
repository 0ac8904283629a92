"""What `image inspect` shows, gathered: platforms, layers, labels, base and referrers as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from release.app.session import Session
from release.image_names.image_location import ImageLocation
from release.oci import Manifest, Repository
from release.oci.image_config import platform_of, read_config
from release.oci.manifest import children
from release.task_group import run_all
from release.transfer.referrers import find_attached

_AT_ONCE = 8
_BASE = "org.opencontainers.image.base."


def details(session: Session, location: ImageLocation, top: Manifest) -> dict[str, Any]:
    """Everything that the image's own documents say; layers are not read. Sizes in bytes, of the stored form."""
    repository: Repository = location.repository
    platforms = _platforms(session, repository, top)
    unique = {layer["digest"]: layer["size"] for one in platforms for layer in one["layers"]}
    return {
        "repository": location.name,
        "tag": location.tag,
        "digest": top.digest,
        "media_type": top.media_type,
        "size": sum(unique.values()),
        "annotations": _texts(_document(top).get("annotations")),
        "base": _base(top, platforms),
        "platforms": platforms,
        "referrers": referrers(repository, top.digest),
    }


def referrers(repository: Repository, digest: str) -> list[dict[str, Any]]:
    """What refers to the digest: by the registry's API, by the fallback tag, and under cosign's tags."""
    attached = find_attached(repository, digest)
    found = [
        {"digest": one.digest, "artifact_type": one.artifact_type, "size": one.size, "tag": None}
        for one in attached.referrers
    ]
    for tag in attached.tags:
        held = repository.resolve(tag)
        if held is not None:
            said = {"digest": held.digest, "artifact_type": None, "size": held.size, "tag": tag}
            found.append(said)
    return found


def _platforms(session: Session, repository: Repository, top: Manifest) -> list[dict[str, Any]]:
    if not top.is_index:
        return [_image(repository, top, None)]
    wanted = [(child.digest, platform_of(child)) for child in children(top)]
    tasks = [
        partial(_nested, repository, digest, platform) for digest, platform in wanted if platform is not None
    ]
    return run_all(tasks, jobs=_AT_ONCE, cancel=session.cancel) if tasks else []


def _nested(repository: Repository, digest: str, platform: str | None) -> dict[str, Any]:
    return _image(repository, repository.manifest(digest), platform)


def _image(repository: Repository, manifest: Manifest, platform: str | None) -> dict[str, Any]:
    config, *layers = children(manifest)
    said = read_config(repository, manifest)
    settings = said.get("config")
    labels = settings.get("Labels") if isinstance(settings, dict) else None
    parts = (said.get(name) for name in ("os", "architecture", "variant"))
    own = "/".join(part for part in parts if isinstance(part, str) and part)
    created = said.get("created")
    return {
        "platform": platform or own or None,
        "digest": manifest.digest,
        "media_type": manifest.media_type,
        "size": sum(layer.size for layer in layers),
        "config": config.digest,
        "created": created if isinstance(created, str) else None,
        "labels": _texts(labels),
        "annotations": _texts(_document(manifest).get("annotations")),
        "layers": [
            {"digest": layer.digest, "media_type": layer.media_type, "size": layer.size} for layer in layers
        ],
    }


def _base(top: Manifest, platforms: list[dict[str, Any]]) -> dict[str, str]:
    """Name and digest of the base image, from annotations, else from labels."""
    places: list[Mapping[str, str]] = [_texts(_document(top).get("annotations"))]
    for one in platforms:
        places += [one["annotations"], one["labels"]]
    for place in places:
        found = {name: place[f"{_BASE}{name}"] for name in ("name", "digest") if f"{_BASE}{name}" in place}
        if found:
            return found
    return {}


def _document(manifest: Manifest) -> dict[str, Any]:
    document = msgspec.json.decode(manifest.raw)  # checked when it was read
    return document if isinstance(document, dict) else {}


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}
