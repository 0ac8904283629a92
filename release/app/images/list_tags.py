"""Lists the tags of a repository, and on request the manifest that each holds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Literal

import msgspec

from release.app.session import Session
from release.errors import Invalid
from release.image_names.locate import locate_repository
from release.oci import AnswersMany, Descriptor, Repository
from release.task_group import run_all
from release.versions.semver import precedence_key, version_of_image_tag

#: Concurrent HEAD requests, one for each tag: as many as `registry/hosts/host.py` sends to one host at once. More would
#: only wait, fewer would leave the connection idle during round trips.
QUESTIONS = 16


class ListTagsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`digests`: resolve each tag, 16 at a time."""

    repository: str
    digests: bool = False


class ListedTag(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tag; `digest`, `media_type` and `size` of its manifest only if the request asked for `digests`.

    `error`: why the tag's content is not an image.
    """

    name: str
    digest: str | None = None
    media_type: str | None = None
    size: int | None = None
    error: str | None = None


class ListTagsReport(msgspec.Struct, frozen=True, kw_only=True):
    """The tags: versions first, the highest on top, then the other tags by name."""

    schema: Literal["shipmark.image-list/1"] = "shipmark.image-list/1"
    repository: str
    tags: tuple[ListedTag, ...]


def list_tags(workspace: Session, request: ListTagsRequest) -> ListTagsReport:
    """List the tags of a repository; none if the repository does not exist."""
    location = locate_repository(workspace, request.repository)
    names = by_version(location.repository.tags())
    held = held_by(workspace, location.repository, names) if request.digests else {}
    return ListTagsReport(
        repository=location.name, tags=tuple(_listed(name, held.get(name)) for name in names)
    )


def by_version(tags: Iterable[str]) -> list[str]:
    """Sort tags: versions by precedence, the highest first, newer rebuilds before older ones; then others by name."""
    versions, others = [], []
    for tag in tags:
        read = version_of_image_tag(tag)
        if read is None:
            others.append(tag)
        else:
            versions.append((precedence_key(read[0]), read[1], tag))
    return [tag for _, _, tag in sorted(versions, reverse=True)] + sorted(others)


def held_by(
    workspace: Session, repository: Repository, tags: Iterable[str]
) -> dict[str, Descriptor | Invalid | None]:
    """The descriptor that each tag holds; None if the tag was deleted meanwhile, the error if it is not an image."""
    names = list(tags)
    found: dict[str, Descriptor | Invalid | None] = dict.fromkeys(names)
    if isinstance(repository, AnswersMany):
        found.update(repository.resolve_many(names))
    alone = [tag for tag in names if found[tag] is None]
    tasks = [partial(_resolve, repository, tag) for tag in alone]
    found.update(zip(alone, run_all(tasks, jobs=QUESTIONS, cancel=workspace.cancel), strict=True))
    return found


def _resolve(repository: Repository, tag: str) -> Descriptor | Invalid | None:
    try:
        return repository.resolve(tag)
    except Invalid as error:
        return (
            error  # not raised: one tag that is not an image must not keep the other tags from being listed
        )


def _listed(name: str, held: Descriptor | Invalid | None) -> ListedTag:
    match held:
        case Descriptor():
            return ListedTag(name=name, digest=held.digest, media_type=held.media_type, size=held.size)
        case Invalid():
            return ListedTag(name=name, error=held.message)
        case None:
            return ListedTag(name=name)
