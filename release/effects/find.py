"""Finds the image of a release that exists, such as that of an earlier run or of `--from`."""

from __future__ import annotations

from release.effects.image_bindings import Found, find_image, image_bindings, part_bindings
from release.effects.local_store import Sources
from release.errors import NotFound, RegistryError
from release.handler import Work
from release.hints import AGAIN
from release.plan.evidence import STORE
from release.plan.model import Bindings, Conflict, Done, Judgement
from release.plan.operands import FindImage, part_of
from release.tagging.model import Held


class Find:
    """The handler of `find-image` steps (resume, adopt, reuse, from): finds an existing image, and changes nothing."""

    kind = FindImage

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self, operands: FindImage) -> str:
        """The line that `preview` prints for the step."""
        platform = "" if operands.part is None else f" for {operands.part.platform}"
        return f"{operands.mode} {operands.digest}{platform}: {operands.reason}"

    def observe(self, work: Work[FindImage]) -> Found:
        """The image from the first source that has it. Raises the error of the last if all fail."""
        digest = work.operands.digest
        trouble: RegistryError = NotFound(f"no known source has {digest}", hint=AGAIN)
        for name in work.operands.sources:
            try:
                found = find_image(self._sources.open(name), name, digest)
            except RegistryError as error:
                trouble = error
                continue
            if name == STORE:
                self._sources.store.mark_used(digest)
            return found
        raise trouble

    def judge(self, work: Work[FindImage], seen: Found) -> Judgement:
        """Done if the found image has the labels by which the plan chose it, else a conflict."""
        operands = work.operands
        if operands.said is not None and not _says_the_same(operands.said, seen.said):
            return Conflict(
                reason=f"{operands.digest} on `{seen.said.target}` has other labels than when the plan was made",
                hint="run the command again: it makes a new plan, for which it reads the image again",
            )
        return Done(reason=f"{operands.mode}: {operands.reason}", bindings=_found_bindings(operands, seen))


def _found_bindings(operands: FindImage, seen: Found) -> Bindings:
    part = operands.part
    if part is None:
        return image_bindings(operands.component, seen.image)
    name = part_of(operands.component, part.platform)
    return part_bindings(name, seen.image.digest, builder=part.builder, context=part.context)


def _says_the_same(one: Held, other: Held) -> bool:
    def said(held: Held) -> tuple[object, ...]:
        return held.digest, held.revision, held.version, held.inputs, frozenset(held.platforms), held.disputed

    return said(one) == said(other)
