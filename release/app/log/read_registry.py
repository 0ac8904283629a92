"""Reads every tagged image of a repository, with its labels, platforms and release statements."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from release.control import Cancel
from release.effects.attest import RELEASE
from release.errors import DigestMismatch, Invalid, NotFound
from release.log.rebuilt.identify import LeftOut, ReadImage
from release.log.records.parts import RecordedImage, RecordedPlatform
from release.oci import AnswersMany, Descriptor, ImageFacts, Manifest, Repository
from release.oci.attached import is_attached
from release.oci.image_config import flat_entries, manifest_facts
from release.oci.manifest import children, platform_of
from release.statements.release_statement import ReadStatement, read_statement
from release.task_group import run_all
from release.transfer.referrers import find_referrers
from release.transfer.statement_artifacts import IN_TOTO
from release.versions.status import STATUS_TAG

# Images that are read at once. Registries answer a few requests of one client side by side; more would be throttled.
_JOBS = 8
# Bytes of a release statement, which is read into memory. Usual ones have less than 1 KiB.
_LARGEST_STATEMENT = 64 * 1024
# Release statements of one image that are read. Whoever can push can attach any number.
_MOST_STATEMENTS = 8


def read_images(
    repository: Repository, tags: Iterable[str], *, required: bool, cancel: Cancel
) -> tuple[tuple[ReadImage, ...], tuple[LeftOut, ...]]:
    """The images under `tags`, which are all tags of the repository, and the tags whose image is not readable.

    Raises `RegistryError` if the registry does not answer: what is read then would be only a part.
    """
    names = sorted(tag for tag in tags if tag != STATUS_TAG and not is_attached(tag))
    found: dict[str, Descriptor | None] = {}
    if isinstance(repository, AnswersMany):
        found.update(repository.resolve_many(names))
    alone = [tag for tag in names if tag not in found]
    tasks = [partial(repository.resolve, tag) for tag in alone]
    found.update(zip(alone, run_all(tasks, jobs=_JOBS, cancel=cancel), strict=True))
    held: dict[str, tuple[Descriptor, list[str]]] = {}
    for tag in names:
        descriptor = found[tag]
        if descriptor is not None:  # else it was deleted meanwhile
            held.setdefault(descriptor.digest, (descriptor, []))[1].append(tag)
    reads = [partial(_read, repository, one, tuple(of), required) for one, of in held.values()]
    images: list[ReadImage] = []
    left: list[LeftOut] = []
    for read in run_all(reads, jobs=_JOBS, cancel=cancel):
        if isinstance(read, ReadImage):
            images.append(read)
        else:
            left += read
    return tuple(images), tuple(left)


def _read(
    repository: Repository, held: Descriptor, tags: tuple[str, ...], required: bool
) -> ReadImage | tuple[LeftOut, ...]:
    try:
        manifest = repository.manifest(held.digest)
        facts = manifest_facts(repository, manifest, every=True)
        statements = _statements(repository, held.digest)
    except (Invalid, DigestMismatch, NotFound) as error:
        return tuple(
            LeftOut(target=repository.name, tag=tag, digest=held.digest, reason=error.message) for tag in tags
        )
    return ReadImage(
        target=repository.name,
        required=required,
        image=_recorded(repository, manifest, facts),
        labels=facts.labels,
        tags=tags,
        statements=statements,
    )


def _recorded(repository: Repository, manifest: Manifest, facts: ImageFacts) -> RecordedImage:
    """The image as `built` records it."""
    size = len(manifest.raw)
    if manifest.is_index:
        platforms = [
            RecordedPlatform(platform=named, digest=child.digest, size=child.size)
            for child in flat_entries(repository, manifest)
            if (named := platform_of(child)) in facts.platforms and named is not None
        ]
    else:
        platforms = [
            RecordedPlatform(platform=named, digest=manifest.digest, size=size) for named in facts.platforms
        ]
    return RecordedImage(
        digest=manifest.digest, media_type=manifest.media_type, size=size, platforms=tuple(platforms)
    )


def _statements(repository: Repository, digest: str) -> tuple[ReadStatement, ...]:
    """The release statements that are attached to the image, as far as they can be read."""
    found: list[ReadStatement | None] = []
    for one in find_referrers(repository, digest):
        # Registries may list referrers without their annotations.
        may_be = one.annotations is None or RELEASE in one.annotations
        if may_be and one.artifact_type in (IN_TOTO, None) and len(found) < _MOST_STATEMENTS:
            found.append(_statement(repository, one))
    return tuple(one for one in found if one is not None)


def _statement(repository: Repository, referrer: Descriptor) -> ReadStatement | None:
    try:
        layer = children(repository.manifest(referrer.digest))[-1]
        if layer.media_type != IN_TOTO or layer.size > _LARGEST_STATEMENT:
            return None
        with repository.open_blob(layer) as stream:
            payload = stream.read()
    except (Invalid, DigestMismatch, NotFound):
        return None  # the image's labels may show the release all the same
    return read_statement(payload, referrer.digest)
