"""Puts a registry of the model into a real one: the same graph of images, with real bytes and real digests."""

from __future__ import annotations

from release.oci import Repository
from release.oci.attached import referrers_tag
from tests.support.registries.images import Image, make_image, make_index, store
from tests.support.retention.model import Registry, name_of

_PLATFORMS = ("linux/amd64", "linux/arm64", "linux/s390x")


def put_registry(model: Registry, repository: Repository) -> dict[str, str]:
    """Put manifests and tags of `model` into `repository`; return the tags, with their real names.

    Tags that the model derives from a digest (`sha256-…`, `sha256-….sig`) get the real digest.
    """
    made: dict[str, Image] = {}
    for digest, held in model.manifests.items():  # what it refers to comes before a manifest
        children = [made[one] for one in held.children]
        subject = made.get(held.subject or "")
        extra = {}
        if subject is not None:
            described = subject.descriptor()
            extra["subject"] = {
                "mediaType": described.media_type,
                "digest": described.digest,
                "size": described.size,
            }
        content = {"name": digest.encode()}
        one = make_index(*children, platforms=_PLATFORMS) if children else make_image(content, extra=extra)
        store(one, repository)
        made[digest] = one
    tags: dict[str, str] = {}
    for tag, digest in model.tags.items():
        name = _real_name(tag, made)
        store(made[digest], repository, name)
        tags[name] = made[digest].digest
    return tags


def _real_name(tag: str, made: dict[str, Image]) -> str:
    digest, dot, suffix = tag.replace("sha256-", "sha256:", 1).partition(".")
    if not tag.startswith("sha256-"):
        return tag
    assert name_of(digest)
    return f"{referrers_tag(made[digest].digest)}{dot}{suffix}"
