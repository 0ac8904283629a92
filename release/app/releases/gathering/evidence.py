"""What the version log says of a release, and which repositories have its image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice

from release.app.session import Session
from release.config.component import Component
from release.errors import DigestMismatch, Invalid, LogCorrupt, NotFound, RegistryError
from release.log.catalog.view import LogView
from release.oci import INDEX_TYPES, Repository
from release.oci.grammar import is_digest
from release.plan.evidence import STORE, ContentSource, Recorded, RecordedPart
from release.plan.model import plain
from release.plan.ownership import several_platforms
from release.plan.parts import candidates, indexes
from release.plan.release_key import name_of, release_key
from release.tagging.model import Decision, Held, MovingTag


def recorded_of(session: Session, project: str, decision: Decision) -> Recorded:
    """What the log says of the release that the decision names."""
    if not decision.tags:
        return Recorded()
    primary = name_of(decision)
    moving = [tag.name for tag in decision.tags if isinstance(tag, MovingTag)]
    return _recorded_in(session.log_state, release_key(project, decision.commit, primary), primary, moving)


def _recorded_in(log: LogView, key: str, primary: str, moving: Sequence[str]) -> Recorded:
    """The log's record of the release `key`. Raises `LogCorrupt`.

    `primary`: the release's fixed tag, for hints. `moving`: the moving tags that the release should have.
    """
    state = log.release(key)
    if state is None:
        return Recorded()
    digest = state.image.digest if state.image is not None else None
    if digest is not None and not is_digest(digest):
        raise LogCorrupt(
            f"the version log gives this release {digest!r} as its digest, which is not a digest",
            hint=f"somebody changed the log: look at `shipmark log show {primary}`",
        )
    apart = {
        one.target: max(elsewhere)
        for one in state.moved
        if (
            elsewhere := [
                seq for tag in moving if (seq := log.moved_off(one.target, tag, digest)) is not None
            ]
        )
    }
    return Recorded(
        digest=digest,
        inputs=state.inputs,
        attempt=state.attempts[-1].id if state.attempts else None,
        pushed=tuple(one.target for one in state.pushed),
        moved=tuple(one.target for one in state.moved if one.target not in apart),
        apart=apart,
        released=state.state == "released",
        via=state.via,
        as_commit=state.as_commit,
        parts=tuple(
            RecordedPart(
                platform=part.platform,
                digest=part.digest,
                attested=part.attested,
                index=part.index if is_digest(part.index) else "",
                builder=part.builder or None,
                context=None if part.context is None else plain(part.context),
            )
            for part in state.parts
        ),
    )


def places_of(session: Session, component: Component, recorded: Recorded) -> tuple[ContentSource, ...]:
    """The local store and the targets that have the image of the recorded digest, each with the image's labels.

    A target that does not answer is left out; the plan's step `check-target` reports its error.
    """
    found = [] if recorded.digest is None else list(_having(session, component, recorded.digest))
    if not found:
        for platform in several_platforms(component.build.platforms):
            for part in candidates(recorded, platform):
                # One source is enough, and the store is read first, since targets rarely have one platform's image
                # alone.
                found += islice(_having(session, component, part.digest, is_part=True), 1)
        for index in indexes(recorded):
            found += islice(_having(session, component, index), 1)
    return tuple(found)


def _having(
    session: Session, component: Component, digest: str, *, is_part: bool = False
) -> Iterator[ContentSource]:
    """The local store, then the targets that have the image. `is_part`: look for one platform's image, not an index.

    The store comes first because reading it costs no request.
    """
    store = session.store.open()
    if _is_whole(store, digest, is_part=is_part):
        yield from _place(session, store, STORE, digest)
    for repository in [session.registries.open(one.image) for one in component.targets]:
        with suppress(RegistryError):
            there = session.tags.resolve(repository, digest)
            if there is not None and not (is_part and there.media_type in INDEX_TYPES):
                yield from _place(session, repository, repository.name, digest)


def _place(session: Session, repository: Repository, name: str, digest: str) -> Iterator[ContentSource]:
    """A repository with the image, and the labels read there; none if a manifest or config is missing or altered.

    An image whose labels cannot be read for another reason is given with the cause.
    """
    try:
        image = session.tags.read(repository, name, digest, every=True, here=True)
    except (NotFound, DigestMismatch):
        return
    except Invalid as error:
        image = Held(target=name, tag=digest, state="held", digest=digest, cause=error.message)
    except RegistryError as error:
        image = Held(target=name, tag=digest, state="unknown", digest=digest, cause=error.message)
    if image.state != "free":
        yield ContentSource(name=name, digest=digest, image=image)


def _is_whole(store: Repository, digest: str, *, is_part: bool) -> bool:
    """Whether the local store has all manifests and blobs of an image: a power cut may lose blobs of a listed image."""
    from release.oci.graph import blobs_of, read_manifests

    try:
        manifests = read_manifests(store, digest)
        return not (is_part and manifests[-1].is_index) and all(
            bool(blob.urls) or store.has_blob(blob) for blob in blobs_of(manifests)
        )
    except RegistryError:
        return False
