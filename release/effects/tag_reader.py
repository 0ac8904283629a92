"""Reads what tags and digests hold on targets, with the labels of the images, several of them at once."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from release.errors import DigestMismatch, NotFound, RegistryError, ReleaseError
from release.oci import INDEX_TYPES, Descriptor, Expects, ImageFacts, Repository
from release.oci.image_config import image_facts
from release.oci.manifest import children
from release.tagging.labels import held_image
from release.tagging.model import Held
from release.task_group import Task, TaskGroup

# Seconds for which an observation serves further steps. Gathering, preflight and the observations of a run that has
# nothing to do happen within one or two seconds. Whatever writes a tag reads it anew first: see `right_before`.
_SHARED = 5.0
# Seconds that the last read of a tag before a write may take. If it took longer, because the process was stopped or the
# registry is slow, another process may have written meanwhile, and the tag is read once more. A stop between the read
# and the write is not noticed: the read after the write shows what came of it. A request takes 0.03 to 0.2 s.
_FRESH = 0.25
# Reads of a tag before a write: one more where the first took longer than `_FRESH`. A slow registry answers no faster.
_MOST_READS = 2
# Reads at the same time: enough for the tags of a release in one round.
_AT_ONCE = 12
_LISTING = ""  # stands for the list of tags where a tag is expected; no tag is empty


class _Observation(NamedTuple):
    """A request and the time at which it began. `answer`: its result, for every thread that needs it."""

    began: float
    answer: Task[Any]


class TagReader:
    """Reads tags. Observations are shared for a few seconds, and labels of a digest for the whole run. Thread-safe.

    Observations serve to judge what is to be done. Before a write, `right_before` reads the tag anew, and after it
    `forget` drops the observation, so that the write is read back.
    """

    def __init__(
        self, now: Callable[[], float] = time.monotonic, elsewhere: Callable[[], Iterable[Repository]] = tuple
    ) -> None:
        self._now = now
        # Gives the repositories that may have an image of which another one lost the config: labels are in it.
        self._elsewhere = elsewhere
        # At worst two threads read the labels of one digest, and store equal values: no lock.
        self._facts: dict[tuple[str | None, str, bool], ImageFacts] = {}
        # Guards `_seen`: two threads that ask for one tag at once share one request.
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], _Observation] = {}

    def read(
        self, repository: Repository, target: str, tag: str, *, every: bool = False, here: bool = False
    ) -> Held:
        """What the tag holds: state `free` or `held`, with the image's labels. Raises `RegistryError`.

        `target`: the repository's name in the plan. `tag`: a tag or a digest. `every`: read the labels of all platforms
        of an index, which are needed to judge whether the index is this release. `here`: read the labels in this
        repository, even if they are known from another one, since this repository may lack parts of the image.
        """
        descriptor = self.resolve(repository, tag)
        facts = None if descriptor is None else self._facts_of(repository, descriptor.digest, every, here)
        if descriptor is None or facts is None:
            return Held(target=target, tag=tag, state="free")
        return held_image(target, tag, descriptor.digest, facts)

    def resolve(self, repository: Repository, reference: str) -> Descriptor | None:
        """The descriptor of a tag or digest, None if it does not exist. Raises `RegistryError`."""
        found: Descriptor | None = self._observe(repository, reference)
        return found

    def listing(self, repository: Repository) -> tuple[str, ...]:
        """All tags of the repository. Raises `RegistryError`."""
        found: tuple[str, ...] = self._observe(repository, _LISTING)
        return found

    def anew(self, repository: Repository, tag: str, *, listing: bool = False) -> Descriptor | None:
        """What the tag holds, read now. `listing`: read the list of tags, too, for the next call of `listing`."""
        self.forget(repository, tag, listing=listing)
        self.ahead(repository, (tag,), listing=listing)
        return self.resolve(repository, tag)

    def right_before(self, repository: Repository, tag: str, *, listing: bool = False) -> Descriptor | None:
        """As `anew`, for a write that follows at once.

        Reads again where the read took so long that another process may have written meanwhile.
        """
        for _ in range(_MOST_READS):
            began = self._now()
            found = self.anew(repository, tag, listing=listing)
            if self._now() - began <= _FRESH:
                break
        return found

    def forget(self, repository: Repository, *references: str, listing: bool = False) -> None:
        """Drop observations, because the tags were or will be written: the next read asks the repository."""
        with self._lock:
            for reference in (*references, *((_LISTING,) if listing else ())):
                self._seen.pop((repository.name, reference), None)

    def note(self, repository: Repository, there: Descriptor, *, began: float | None = None) -> None:
        """Note that the repository has a manifest: it was read back (at `began`, by default now)."""
        answer = Task(lambda: there)
        answer.run()
        with self._lock:
            when = self._now() if began is None else began
            self._seen[repository.name, there.digest] = _Observation(when, answer)

    def ahead(
        self,
        repository: Repository,
        tags: Iterable[str] = (),
        *,
        listing: bool = False,
        labels: Callable[[str], bool | None] | None = None,
        held: str | None = None,
    ) -> None:
        """Read what is not known yet, all at once; errors are raised by the read that needs the answer.

        `labels`: whether the labels of a tag's image are needed: of the first platform (False), of all (True), or not
        at all (None). `held`: a tag that probably exists: its manifest is read at once, which saves a round trip, and
        its layers are looked for together with the labels.
        """
        names = tuple(tags)
        asked = [partial(self._observe, repository, tag, whole=tag == held) for tag in names]
        _together([*asked, *([partial(self._observe, repository, _LISTING)] if listing else [])])
        if labels is None:
            return
        # Only now, so that the manifest that came with the tag `held` is not requested for the other tags again.
        needed = [(tag, every) for tag in names if (every := labels(tag)) is not None]
        expected = self._layers_of(repository, held) if held in names else ()
        _together(
            [
                *(partial(self.read, repository, repository.name, tag, every=every) for tag, every in needed),
                *expected,
            ]
        )

    def _layers_of(self, repository: Repository, tag: str | None) -> tuple[Callable[[], object], ...]:
        """Calls that look for the layers of the image under a tag, which is asked for next: a target may lose them.

        The config is left out, since its labels are read.
        """
        with contextlib.suppress(ReleaseError):
            found = self.resolve(repository, tag) if tag is not None else None
            if found is not None and found.media_type not in INDEX_TYPES and isinstance(repository, Expects):
                layers = children(repository.manifest(found.digest))[1 : 1 + _AT_ONCE]
                return tuple(partial(repository.expect_blob, layer) for layer in layers if not layer.urls)
        return ()

    def _observe(self, repository: Repository, reference: str, *, whole: bool = False) -> Any:
        key = (repository.name, reference)
        with self._lock:
            known = self._seen.get(key)
            if known is None or self._now() - known.began > _SHARED:
                ask = (
                    repository.tags if reference == _LISTING else partial(_ask, repository, reference, whole)
                )
                mine = self._seen[key] = _Observation(self._now(), Task(ask))
                known = None
        if known is not None:
            return known.answer.result()
        mine.answer.run()
        found = mine.answer.result()
        if isinstance(found, Descriptor) and found.digest != reference:
            # The registry has the manifest of a tag that it has just named.
            self.note(repository, found, began=mine.began)
        return found

    def _facts_of(self, repository: Repository, digest: str, every: bool, here: bool) -> ImageFacts | None:
        key = (repository.name, digest, every)
        facts = self._facts.get(key if here else (None, digest, every))
        if facts is None and not here:
            # An image for one platform has the same labels for its first platform and for all platforms.
            other = self._facts.get((None, digest, not every))
            facts = None if other is None or other.media_type in INDEX_TYPES else other
        if facts is not None:
            return facts
        try:
            facts = image_facts(repository, digest, every=every)
            if facts is not None:
                self._facts[key] = facts
        except (NotFound, DigestMismatch):
            facts = None if here else self._facts_elsewhere(repository, digest, every)
            if facts is None:
                raise
        if facts is not None:
            # The labels of a digest are the same everywhere, so they are kept without the repository, too.
            self._facts[None, digest, every] = facts
        return facts

    def _facts_elsewhere(self, repository: Repository, digest: str, every: bool) -> ImageFacts | None:
        """The labels of an image of which the repository lost a config: they are the same wherever the digest is."""
        for place in self._elsewhere():
            if place.name != repository.name:
                with contextlib.suppress(RegistryError):
                    if (facts := image_facts(place, digest, every=every)) is not None:
                        return facts
        return None


def _together(calls: Sequence[Callable[[], object]]) -> None:
    """Make all calls at once. A `ReleaseError` is dropped here: the read that needs the answer meets it again.

    Other exceptions are raised.
    """
    group = TaskGroup(jobs=_AT_ONCE, name="tags")
    tasks = [group.start(call) for call in calls[1:]]
    if calls:
        tasks.append(Task(calls[0]))
        tasks[-1].run()  # in this thread: a single call needs no other
    for task in tasks:
        with contextlib.suppress(ReleaseError):
            task.result()


def _ask(repository: Repository, reference: str, whole: bool) -> Descriptor | None:
    """The descriptor of a tag or digest. `whole`: read the manifest, which the repository keeps for later reads."""
    if not whole:
        return repository.resolve(reference)
    try:
        found = repository.manifest(reference)
    except NotFound:
        return None
    return Descriptor(media_type=found.media_type, digest=found.digest, size=len(found.raw))
