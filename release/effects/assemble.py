"""Makes the index over the images of several platforms, or checks an index that a builder or `--from` made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.build import BuiltImage
from release.build.assemble import read_entry
from release.control import Cancel
from release.effects.image_bindings import find_image, image_bindings
from release.effects.local_store import Sources
from release.errors import NotFound
from release.events import Note, Sink
from release.handler import Work
from release.hints import AGAIN
from release.oci import Manifest, Repository
from release.oci.image_index import image_index
from release.plan.model import Bindings, Conflict, Done, Free, Judgement, Slot, binding, duration_of
from release.plan.operands import (
    Assemble,
    PlatformImage,
    builder_of,
    built_of,
    context_of,
    digest_in,
    part_of,
    tools_of,
)
from release.transfer.copy import copy_image


class Assembled(msgspec.Struct, frozen=True, kw_only=True):
    """The observation of an `assemble` step. `image`: the index found where it should be stored; None if it is missing.

    `top`: the expected index; None before each platform's image is known, and for an index that the plan names.
    """

    top: Manifest | None = None
    image: BuiltImage | None = None


class Assembly:
    """The handler of `assemble` steps."""

    kind = Assemble

    def __init__(self, sources: Sources, *, sink: Sink, cancel: Cancel) -> None:
        self._sources = sources
        self._sink = sink
        self._cancel = cancel

    def describe(self, operands: Assemble) -> str:
        """The line that `preview` prints for the step."""
        return f"make one image of {', '.join(part.platform for part in operands.parts)}"

    def observe(self, work: Work[Assemble]) -> Assembled:
        """The expected index, and the index in the repository where it should be stored, or None.

        Raises errors of reading there, and `NotFound` if no source has the image of a platform.
        """
        operands = work.operands
        place = self._sources.open(operands.place)
        if isinstance(operands.image, str):
            return Assembled(image=find_image(place, operands.place, operands.image).image)
        if any(isinstance(part.image, Slot) for part in operands.parts):
            return Assembled()
        entries = [read_entry(self._source(part), digest_in(part.image)) for part in operands.parts]
        top = image_index(entries, operands.annotations)
        if place.resolve(top.digest) is None:
            return Assembled(top=top)
        return Assembled(top=top, image=find_image(place, operands.place, top.digest).image)

    def judge(self, work: Work[Assemble], seen: Assembled) -> Judgement:
        """Done if the index exists and contains the image of each platform and no other image.

        Free if the index does not exist; a conflict if it contains other images.
        """
        image = seen.image
        if image is None:
            return Free(reason=self.describe(work.operands))
        held = [one.digest for one in image.platforms]
        wanted = [digest_in(part.image) for part in work.operands.parts]
        if sorted(held) != sorted(wanted):
            return Conflict(
                reason=f"the index {image.digest} holds {', '.join(held)}, and its platforms are {', '.join(wanted)}",
                hint="run the command again: it makes a new plan, for which it reads the images again",
            )
        is_bound = work.bound.get(built_of(work.operands.component)) is not None
        bindings = Bindings() if is_bound else _bindings(work, image)
        return Done(reason=f"{image.digest} of {len(held)} platforms", bindings=bindings)

    def act(self, work: Work[Assemble], seen: Assembled) -> Bindings:
        """Store the index, after copying the images that it lists. Raises `NotFound` if one of these images is gone."""
        operands = work.operands
        if seen.top is None:
            raise NotFound("the index cannot be made before the image of each platform is known", hint=AGAIN)
        contexts = [context for _, context in _contexts(work) if context is not None]
        if any(context != contexts[0] for context in contexts):
            text = "the platforms were built from different files: some were built by an earlier run"
            hint = "each platform's record `built-platform` names the digest of its build context"
            self._sink.emit(Note(level="warning", text=text, hint=hint))
        place = self._sources.open(operands.place)
        for part in operands.parts:
            digest = digest_in(part.image)
            if place.resolve(digest) is None:
                copy_image(self._source(part), place, digest, sink=self._sink, cancel=self._cancel)
        place.put_manifest(seen.top)
        self._sources.store.mark_used(seen.top.digest)
        return Bindings()

    def _source(self, part: PlatformImage) -> Repository:
        """The first source that has the platform's image. Raises `NotFound`."""
        for name in part.sources:
            place = self._sources.open(name)
            if place.resolve(digest_in(part.image)) is not None:
                return place
        raise NotFound(
            f"no place is known that has {part.image}, the image for `{part.platform}`", hint=AGAIN
        )


def _contexts(work: Work[Assemble]) -> list[tuple[str, Mapping[str, Any] | None]]:
    """The build context of each platform's image, by platform; None if not known."""
    component = work.operands.component
    return [
        (part.platform, work.bound.get(context_of(part_of(component, part.platform))))
        for part in work.operands.parts
    ]


def _bindings(work: Work[Assemble], image: BuiltImage) -> Bindings:
    """The values of the whole image, computed from those of its platforms."""
    component = work.operands.component
    names = [part_of(component, part.platform) for part in work.operands.parts]
    tools = {name: text for each in names for name, text in (work.bound.get(tools_of(each)) or {}).items()}
    bound = image_bindings(component, msgspec.structs.replace(image, tools=tools))
    contexts = [context for _, context in _contexts(work)]
    if contexts[0] is not None and all(context == contexts[0] for context in contexts):
        described = bound.get(built_of(component)) or {}
        bound = bound.with_value(built_of(component), {**described, "context": contexts[0]})
    builders = dict.fromkeys(builder for each in names if (builder := work.bound.get(builder_of(each))))
    spent = [work.bound.get(duration_of(f"obtain:{name}")) or 0 for name in names]
    return bound.with_value(builder_of(component), ", ".join(builders) or "unknown") | binding(
        duration_of(f"obtain:{component}"), sum(spent)
    )
