"""Finds image references in what the sources of `in_use:` print, and matches them with repositories. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from release.errors import ConfigError, RefusedError
from release.inventory.in_use.mentions import mentioned_in
from release.oci.grammar import is_digest
from release.oci.reference import Reference, parse_repository
from release.retention.snapshot import InUse, Inventory

# Keys under which objects of Kubernetes, Argo CD, Flux, ECS and compose files name images: container specifications,
# container statuses, `status.summary.images` of Argo CD, `status.latestImage` of Flux, `imageDigest` of ECS tasks.
_TEXT_KEYS = frozenset({"image", "imageID", "imageDigest", "latestImage"})
_LIST_KEYS = frozenset({"images"})
# Prefixes of image ids in the status of pods.
_PREFIXES = ("docker-pullable://", "docker://", "containerd://", "oci://")
#: The source that reads a compose file with everything that it refers to.
COMPOSE_COMMAND = "`command: [docker, compose, config, --images]`"


class Used(msgspec.Struct, frozen=True):
    """A reference that a source named, as it wrote it, and the source."""

    text: str
    source: str


def references_in(value: Any) -> Iterator[str]:
    """Every image that a document names, wherever it stands in it."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            yield from mentioned_in(one)
        elif isinstance(one, list):
            stack += one
        elif isinstance(one, dict):
            for key, inner in one.items():
                if key in _TEXT_KEYS and isinstance(inner, str):
                    if inner:  # the status of a container that has not started has an empty image id
                        yield inner
                elif key in _LIST_KEYS and isinstance(inner, list):
                    # Kustomize in an Argo CD application: `name=image` replaces one image by another.
                    yield from (text.rpartition("=")[2] for text in inner if isinstance(text, str))
                    stack += [item for item in inner if not isinstance(item, str)]
                else:
                    stack.append(inner)
            yield from _mounted(one)
            yield from _in_parts(one)


def _mounted(one: dict[str, Any]) -> Iterator[str]:
    """The image of a volume: `image: {reference: …}` of Kubernetes 1.31, `{type: image, source: …}` of compose 2.35."""
    image = one.get("image")
    mounted = image.get("reference") if isinstance(image, dict) else None
    for reference in (mounted, one.get("source") if one.get("type") == "image" else None):
        if isinstance(reference, str) and reference:
            yield reference


def _in_parts(one: dict[str, Any]) -> Iterator[str]:
    """The image of an entry with a name and, beside it, a tag or a digest.

    So do Kustomize, Flux's `latestRef`, and the values of most Helm charts (`repository`, perhaps with `registry`). In
    Flux's `OCIRepository` both stand in `ref`, beside `url`.
    """
    name, where = one.get("newName") or one.get("name"), one
    repository, ref = one.get("repository"), one.get("ref")
    if not name and isinstance(repository, str):
        registry = one.get("registry")
        name = _image_name(
            f"{registry}/{repository}" if registry and isinstance(registry, str) else repository
        )
    elif isinstance(one.get("url"), str) and one["url"].startswith("oci://") and isinstance(ref, dict):
        name, where = _image_name(one["url"].removeprefix("oci://")), ref
    tag, digest = where.get("newTag") or where.get("tag"), where.get("digest")
    if isinstance(tag, int | float) and not isinstance(tag, bool):
        tag = str(tag)  # as Helm writes the number 1.4
    if isinstance(name, str) and isinstance(digest, str) and is_digest(digest):
        yield f"{name}@{digest}"
    if isinstance(name, str) and isinstance(tag, str) and tag and ("newTag" in one or "/" in name):
        yield f"{name}:{tag}"


def _image_name(text: str) -> str | None:
    """`text` if it names a repository of images, and not one of git, for example."""
    try:
        return parse_repository(text).name
    except ConfigError:
        return None


def lines_in(text: str) -> Iterator[str]:
    """The references in a file or in the output of a command: one on a line; `#` begins a comment."""
    for line in text.splitlines():
        word = line.partition("#")[0].strip()
        if word:
            yield word


class UsedThere:
    """References by the repository that they name; those without one, such as a digest, count in every repository."""

    def __init__(self, by_name: Mapping[str | None, list[Used]]) -> None:
        self._by_name = by_name

    def of(self, name: str) -> tuple[Used, ...]:
        """The references that count in the repository `name`."""
        return (*self._by_name.get(None, ()), *self._by_name.get(_named_shortly(name), ()))


def by_repository(used: Iterable[Used]) -> UsedThere:
    """Sort references by repository, so that many repositories do not each read all of them.

    Raises `RefusedError` for text that is not a reference: it might be an image in use.
    """
    by_name: dict[str | None, list[Used]] = {}
    for one in used:
        by_name.setdefault(_parsed(one)[0], []).append(one)
    return UsedThere(by_name)


def in_use_of(inventory: Inventory, used: Iterable[Used]) -> InUse:
    """What the references mean in one repository.

    A digest without a repository counts everywhere: as a manifest, or as the config of one. A tag protects what it
    holds now. Raises `RefusedError` for text that is not a reference: it might be an image in use.
    """
    digests: dict[str, str] = {}
    tags: dict[str, str] = {}
    held = {tag.name: tag.digest for tag in inventory.tags}
    by_config: dict[str, list[str]] | None = None
    here = _named_shortly(inventory.repository)
    for one in used:
        name, tag, digest = _parsed(one)
        if name not in (None, here):
            continue
        if digest is not None:
            if by_config is None:
                by_config = _by_blob(inventory)
            for found in (digest, *by_config.get(digest, ())):
                digests.setdefault(found, f"{one.source} names `{one.text}`")
        if tag is not None:
            tags.setdefault(tag, f"{one.source} names `{one.text}`")
            if held.get(tag):
                digests.setdefault(held[tag], f"{one.source} names `{one.text}`")
    return InUse(digests=digests, tags=tags)


_FORMS = (
    "write one reference on a line: `ghcr.io/acme/app:1.4.2`, `ghcr.io/acme/app@sha256:…`, or only `sha256:…`"
)
_VARIABLES = f"variables are not replaced there: let a program print the names, such as {COMPOSE_COMMAND}"


def _parsed(one: Used) -> tuple[str | None, str | None, str | None]:
    """Repository, tag and digest of a reference. Repository None: any; tag `latest` where neither is written."""
    text = one.text.strip()
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    if is_digest(text):
        return None, None, text
    if len(text) == 64 and all(character in "0123456789abcdef" for character in text):
        return None, None, f"sha256:{text}"
    try:
        found = Reference.parse(text)
    except ConfigError as error:
        raise RefusedError(
            f"{one.source} names `{one.text}`, which is not an image: {error.message}",
            hint=_VARIABLES if "$" in text else _FORMS,
        ) from error
    return _named_shortly(found.name), found.tag or (None if found.digest else "latest"), found.digest


def _named_shortly(name: str) -> str:
    """The name of a repository without the port that is the default of https: both name the same images."""
    registry, _, path = name.partition("/")
    return f"{registry.removesuffix(':443')}/{path}"


def _by_blob(inventory: Inventory) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for digest, manifest in inventory.manifests.items():
        for blob, _ in manifest.blobs:
            found.setdefault(blob, []).append(digest)
    return found
