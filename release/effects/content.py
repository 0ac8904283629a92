"""Pushes an image to a target by digest, without a tag."""

from __future__ import annotations

from release.control import Cancel
from release.effects.local_store import Sources
from release.effects.tag_reader import TagReader
from release.errors import NotFound, RegistryError
from release.events import Sink
from release.handler import Work
from release.image_names.image_location import is_in_registry
from release.oci import Descriptor
from release.oci.reference import parse_repository
from release.plan.model import Bindings, Done, Free, Judgement, Slot
from release.plan.operands import PushContent, digest_in
from release.plan.ownership import short
from release.plan.supply import FROM
from release.transfer.copy import copy_image


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

    def observe(self, work: Work[PushContent]) -> Descriptor | None:
        """The descriptor of the image's top manifest on the target; None if the target lacks it."""
        image = work.operands.image
        if isinstance(image, Slot):
            return None
        return self._tags.resolve(self._sources.open(work.operands.target), image)

    def judge(self, work: Work[PushContent], seen: Descriptor | None) -> Judgement:
        """Done if the target has the top manifest: a registry accepts a manifest only after everything it names."""
        if seen is None:
            return Free(reason=f"not on {work.operands.target} yet")
        return Done(reason=f"holds {short(seen.digest)}")

    def act(self, work: Work[PushContent], seen: Descriptor | None) -> Bindings:
        """Copy the image from the first source that has it, other than the target. Raises `NotFound` if none has."""
        operands = work.operands
        digest = digest_in(operands.image)
        destination = self._sources.open(operands.target)
        self._tags.forget(destination, digest)
        missing: RegistryError = NotFound(f"no known source has {digest}")
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
                    lacking=digest if seen is None else None,
                )
            except NotFound as error:
                missing = error
                continue
            if copied.read_back is not None:
                self._tags.note(destination, copied.read_back)
            return Bindings()
        raise missing


def mounts(source: str, destination: str) -> tuple[str, ...]:
    """The source's repository path, if source and destination are in one registry, which can then mount the blobs.

    Empty otherwise.
    """
    if source == FROM or not (is_in_registry(source) and is_in_registry(destination)):
        return ()
    theirs, ours = parse_repository(source), parse_repository(destination)
    return (theirs.repository,) if theirs.registry == ours.registry else ()
