"""Reads the graph of an image: all manifests below a digest, and the blobs that they reference.

An index may list content that is not a manifest, such as the layers in a cache of BuildKit. Content that is not a
manifest counts as a blob, as for crane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from release.control import Cancel
from release.errors import Invalid, NotFound
from release.hints import LARGE_IMAGE
from release.oci import INDEX_TYPES, Descriptor, Manifest, Repository
from release.oci.manifest import children, platform_of
from release.task_group import run_all

#: Concurrent requests for manifests. Manifests are small, so the time is spent on round trips, not on bandwidth. Eight
#: are enough for most indexes in one or two rounds; more would load the registry.
QUESTIONS = 8
# Levels of nested indexes; images have two. Each level costs a round trip, and a crafted index could nest thousands.
_DEEPEST = 8
# Manifests of one image. Each costs a request and memory: a crafted index of a few MiB could list tens of thousands.
_MOST_MANIFESTS = 2000


def read_manifests(
    source: Repository, digest: str, *, top: Manifest | None = None, cancel: Cancel | None = None
) -> tuple[Manifest, ...]:
    """The manifest of `digest` and all manifests below, each once, children before parents. Read in parallel.

    `top`: the manifest of `digest`, if the caller has read it. Raises `Invalid` for more than 8 levels of indexes or
    2000 manifests.
    """
    found: dict[str, Manifest] = {}
    waiting = [digest]
    parents: dict[str, str] = {}
    for _ in range(_DEEPEST):
        tasks = [partial(_read, source, name, top, parents.get(name)) for name in waiting]
        level = run_all(tasks, jobs=QUESTIONS, cancel=cancel or Cancel()) if tasks else []
        found.update(zip(waiting, level, strict=True))
        parents = {child.digest: manifest.digest for manifest in level for child in manifests_in(manifest)}
        waiting = [name for name in parents if name not in found]
        if not waiting:
            return _ordered(digest, found)
        if len(found) + len(waiting) > _MOST_MANIFESTS:
            break
    raise _too_large(source, digest)


def listed_manifests(
    source: Repository, top: Manifest, entries: Callable[[Repository, Manifest], Iterable[Descriptor]]
) -> tuple[Descriptor, ...]:
    """The manifests that an index and the indexes in it list, in their order, each once for a platform.

    `entries`: the entries of one index; each index is read once. Raises `Invalid` as `read_manifests` does.
    """
    found: dict[tuple[str, str | None], Descriptor] = {}
    seen = {top.digest}

    def walk(index: Manifest, levels: int) -> None:
        for child in entries(source, index):
            if not child.is_manifest:
                continue
            if levels == 1 or len(seen) > _MOST_MANIFESTS:
                raise _too_large(source, top.digest)
            if child.media_type not in INDEX_TYPES:
                found.setdefault((child.digest, platform_of(child)), child)
            elif child.digest not in seen:
                seen.add(child.digest)
                walk(source.manifest(child.digest), levels - 1)

    walk(top, _DEEPEST)
    return tuple(found.values())


def require_as_listed(manifests: Iterable[Manifest], source: str) -> None:
    """Raise `Invalid` if an index lists one of `manifests` with another type or size than it has.

    Programs that go by the entry would read it as something else, or refuse it. `source`: where they are.
    """
    held = {manifest.digest: manifest for manifest in manifests}
    for index in held.values():
        for entry in manifests_in(index):
            found = held.get(entry.digest)
            if found is not None and (found.media_type, len(found.raw)) != (entry.media_type, entry.size):
                raise Invalid(
                    f"the index `{index.digest}` in {source} lists `{entry.digest}` as {entry.size} bytes of"
                    f" `{entry.media_type}`, but it has {len(found.raw)} bytes of `{found.media_type}`",
                    hint="whoever made the index has to make it anew: other programs cannot read it either",
                )


def manifests_in(manifest: Manifest) -> tuple[Descriptor, ...]:
    """The manifests and indexes that an index lists; none for the manifest of an image."""
    return tuple(child for child in children(manifest) if child.is_manifest) if manifest.is_index else ()


def blobs_of(manifests: Iterable[Manifest], *, foreign: bool = False) -> tuple[Descriptor, ...]:
    """The blobs of manifests, each once, largest first.

    Foreign layers are left out unless `foreign`: few registries store them, and most readers fetch them elsewhere.
    """
    blobs = {
        child.digest: child
        for manifest in manifests
        for child in children(manifest)
        if not (manifest.is_index and child.is_manifest) and (foreign or not child.is_foreign)
    }
    return tuple(sorted(blobs.values(), key=lambda blob: blob.size, reverse=True))


def _read(source: Repository, digest: str, top: Manifest | None, parent: str | None) -> Manifest:
    if top is not None and top.digest == digest:
        return top
    try:
        return source.manifest(digest)
    except NotFound as error:
        if parent is None:
            raise
        raise NotFound(
            f"{error.message}, which the index `{parent}` lists",
            hint="a part of the image was deleted: push it again; `image copy --platform` copies a part that is there",
            status=error.status,
            code=error.code,
        ) from error


def _too_large(source: Repository, digest: str) -> Invalid:
    return Invalid(
        f"the index `{digest}` in `{source.name}` is nested too deep or lists too many manifests",
        hint=LARGE_IMAGE,
    )


def _ordered(digest: str, found: dict[str, Manifest]) -> tuple[Manifest, ...]:
    """Sort `found`, children before parents. Cycles are impossible: an index would contain its own digest."""
    ordered: dict[str, Manifest] = {}

    def append(name: str) -> None:
        if name not in ordered:
            for child in manifests_in(found[name]):
                append(child.digest)
            ordered[name] = found[name]

    append(digest)
    return tuple(ordered.values())
