"""Pushes an image to a target by digest, without a tag, and puts back what the target lost of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from release.control import Cancel
from release.effects.local_store import Sources
from release.effects.tag_reader import TagReader
from release.errors import DamagedBlob, DigestMismatch, NotFound, RegistryError
from release.events import Sink
from release.handler import Work
from release.hints import AGAIN
from release.image_names.locate import is_in_registry
from release.oci import Descriptor, Repository
from release.oci.graph import QUESTIONS, blobs_of
from release.oci.reference import parse_repository
from release.plan.evidence import STORE
from release.plan.model import Bindings, Done, Free, Judgement, Slot, binding
from release.plan.operands import PushContent, digest_in
from release.plan.ownership import short
from release.plan.supply import FROM
from release.task_group import run_all
from release.transfer.capabilities import Asks
from release.transfer.copy import copy_image
from release.transfer.repair import missing_blobs, put_back


class ContentObservation(msgspec.Struct, frozen=True, kw_only=True):
    """The image's top manifest on the target, None if it is not there; and what the target lost of the image.

    `lost`: in words; empty if nothing is missing.
    """

    top: Descriptor | None = None
    lost: str = ""


class Content:
    """The handler of `push-content` steps: copies an image to a target by digest."""

    kind = PushContent

    def __init__(self, sources: Sources, tags: TagReader, *, sink: Sink, cancel: Cancel) -> None:
        self._sources = sources
        self._tags = tags
        self._sink = sink
        self._cancel = cancel

    def describe(self, operands: PushContent) -> str:
        """The line that `preview` prints for the step."""
        return f"push the content to {operands.target}, by digest"

    def observe(self, work: Work[PushContent]) -> ContentObservation:
        """Whether the target has the image's top manifest, and what is missing below it.

        After `act` only the top manifest is read: a registry accepts a manifest only after everything that it names.
        """
        image = work.operands.image
        if isinstance(image, Slot):
            return ContentObservation()
        target = self._sources.open(work.operands.target)
        if work.bound.get(_sent(work.id)):
            return ContentObservation(top=self._tags.resolve(target, image))
        top = self._top(target, image)
        if top is None:
            return ContentObservation()
        try:
            missing = missing_blobs(target, image, cancel=self._cancel)
        except NotFound:
            return ContentObservation(top=top, lost="a manifest of the index")
        return ContentObservation(top=top, lost=f"{len(missing)} blobs" if missing else "")

    def _top(self, target: Repository, image: str) -> Descriptor | None:
        """The top manifest on the target. The blobs of an image that is stored here are looked for at the same time.

        Whatever the manifest's answer is, the blobs are asked for next: to send what is missing, or to find a loss.
        """
        asked: list[Callable[[], Any]] = [partial(self._tags.resolve, target, image)]
        store = self._sources.open(STORE)
        if isinstance(target, Asks) and store.resolve(image) is not None:
            manifest = store.manifest(image)
            if not manifest.is_index:
                asked += [partial(target.ask_blob, blob) for blob in blobs_of((manifest,))]
        top: Descriptor | None = run_all(asked, jobs=2 * QUESTIONS, cancel=self._cancel)[0]
        return top

    def judge(self, work: Work[PushContent], seen: ContentObservation) -> Judgement:
        """Done if the target has the top manifest and everything below it."""
        if seen.top is None:
            return Free(reason=f"not on {work.operands.target} yet")
        if seen.lost:
            return Free(reason=f"{work.operands.target} lost {seen.lost} of {short(seen.top.digest)}")
        return Done(reason=f"holds {short(seen.top.digest)}")

    def act(self, work: Work[PushContent], seen: ContentObservation) -> Bindings:
        """Copy the image, or what the target lost of it, from the first source that has it.

        Raises `NotFound` or `DigestMismatch` if no source has the whole image.
        """
        sent = binding(_sent(work.id), value=True)
        if seen.top is None:
            self._copy(work.operands)
            return sent
        operands = work.operands
        # The local store may have what the sources of the plan lack: it keeps what earlier runs built here.
        names = dict.fromkeys((*operands.sources, STORE))
        put_back(
            self._sources.open(operands.target),
            digest_in(operands.image),
            [self._sources.open(name) for name in names],
            sink=self._sink,
            cancel=self._cancel,
        )
        return sent

    def _copy(self, operands: PushContent) -> None:
        digest = digest_in(operands.image)
        destination = self._sources.open(operands.target)
        self._tags.forget(destination, digest)
        missing: RegistryError = NotFound(f"no known source has {digest}", hint=AGAIN)
        for name in operands.sources:
            source = self._sources.open(name)
            if source.name == destination.name:
                continue
            try:
                copied = copy_image(
                    source,
                    destination,
                    digest,
                    sink=self._sink,
                    cancel=self._cancel,
                    mount_from=mounts(source.name, destination.name),
                    lacking=digest,
                )
            except DamagedBlob:
                raise
            except (DigestMismatch, NotFound) as error:
                # A source whose bytes are damaged is as good as none.
                missing = error
                continue
            if copied.read_back is not None:
                self._tags.note(destination, copied.read_back)
            return
        raise missing


def _sent(step_id: str) -> Slot[bool]:
    return Slot(slot=f"sent:{step_id}")


def mounts(source: str, destination: str) -> tuple[str, ...]:
    """The source's repository path, if source and destination are in one registry, which can then mount the blobs.

    Empty otherwise.
    """
    if source == FROM or not (is_in_registry(source) and is_in_registry(destination)):
        return ()
    theirs, ours = parse_repository(source), parse_repository(destination)
    return (theirs.repository,) if theirs.registry == ours.registry else ()
