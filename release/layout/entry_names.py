"""What the entries of a layout's `index.json` are called, by shipmark and by other tools. Pure.

Annotation `org.opencontainers.image.ref.name`: a tag (shipmark, crane, regctl, BuildKit, `docker save`) or a whole
reference (podman, skopeo where it is given one). Annotation `io.containerd.image.name`: a whole reference, beside a
tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from release.errors import ConfigError
from release.oci import INDEX_TYPES, MANIFEST_TYPES
from release.oci.attached import is_attached
from release.oci.grammar import is_tag
from release.oci.reference import Reference

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
#: Kinds of entries that `cosign save` writes for the signatures and attestations of the image that has the same name.
_OF_ANOTHER = frozenset({"dev.cosignproject.cosign/sigs", "dev.cosignproject.cosign/atts"})

Item = dict[str, Any]


def annotation(item: Item, name: str) -> str | None:
    """An annotation of an entry; None if it is missing or empty."""
    found = (item.get("annotations") or {}).get(name)
    return found if isinstance(found, str) and found else None


def tag_of(item: Item) -> str | None:
    """The tag of an entry: its name, or the tag in the reference that is its name; else None.

    Signatures in what `cosign save` wrote have the name of the image that they are for, but not its tag.
    """
    if annotation(item, "kind") in _OF_ANOTHER:
        return None
    name = annotation(item, REF_NAME)
    if name is not None and is_tag(name):
        return name
    for text in (name, annotation(item, CONTAINERD_NAME)):
        reference = _reference(text)
        if reference is not None and reference.tag is not None:
            return reference.tag
    return None


def is_named(item: Item) -> bool:
    """Whether an entry has a name of any kind, also one that is neither a tag nor a reference."""
    return annotation(item, REF_NAME) is not None or annotation(item, CONTAINERD_NAME) is not None


def is_called(item: Item, name: str) -> bool:
    """Whether `name` is the entry's tag, or the whole reference of the image.

    An entry that names no repository is called by its tag in every repository.
    """
    if is_tag(name):
        return tag_of(item) == name
    if annotation(item, REF_NAME) == name and annotation(item, "kind") not in _OF_ANOTHER:
        return True  # also a name that is neither a tag nor a reference with a tag, such as `1.0+build`
    wanted = _reference(name)
    if wanted is None:
        return False
    repository = _repository(item)
    return tag_of(item) == (wanted.tag or "latest") and repository in (None, wanted.name)


def called(items: Sequence[Item], name: str) -> list[Item]:
    """The entries that `name` means, in their order.

    An entry with exactly this name wins, as for skopeo; then, for a whole reference, one that names its repository.
    """
    found = [item for item in items if is_called(item, name)]
    exact = [item for item in found if annotation(item, REF_NAME) == name]
    return exact or [item for item in found if not is_tag(name) and _repository(item) is not None] or found


def without_name(item: Item) -> None:
    """Remove an entry's names."""
    annotations = item.get("annotations") or {}
    for name in (REF_NAME, CONTAINERD_NAME):
        annotations.pop(name, None)
    if not annotations:
        item.pop("annotations", None)


def only_image(items: Sequence[Item]) -> Item | None:
    """The entry of the only image; None if there are several images, or none.

    Signatures and other referrers are not images, nor are entries that are not manifests. If some images have a tag,
    those without one do not count: they are parts of others, or have lost their tag. An artifact, such as a Helm chart,
    counts where there is no image.
    """
    manifests = [item for item in items if _is_own(item)]
    images = [item for item in manifests if not item.get("artifactType")] or manifests
    named = [item for item in images if tag_of(item) is not None]
    found = {item["digest"]: item for item in reversed(named or images)}
    return next(iter(found.values())) if len(found) == 1 else None


def _is_own(item: Item) -> bool:
    """Whether an entry is a manifest that belongs to no other image."""
    if annotation(item, "kind") in _OF_ANOTHER:
        return False
    return item["mediaType"] in INDEX_TYPES | MANIFEST_TYPES and not is_attached(tag_of(item) or "")


def _repository(item: Item) -> str | None:
    """The repository that an entry names, as `docker.io/library/app`."""
    for text in (annotation(item, CONTAINERD_NAME), annotation(item, REF_NAME)):
        if text is not None and not is_tag(text) and (reference := _reference(text)) is not None:
            return reference.name
    return None


def _reference(text: str | None) -> Reference | None:
    try:
        return Reference.parse(text) if text else None
    except ConfigError:
        return None
