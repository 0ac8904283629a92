"""Decides which platforms of an image exist already, so that only the others have to be built. Pure.

The version log's record of a platform's image counts only if the image's labels agree with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from release.plan.evidence import ContentSource, Recorded, RecordedPart
from release.plan.inputs import changed_inputs
from release.plan.ownership import Expectation, accepts_platform, image_inputs, mismatch
from release.tagging.model import Held

# Recorded images of one platform that are checked, the newest first. An attempt records one, and a release has few
# attempts; a log that somebody filled with others must not cost a request for each.
_CANDIDATES = 4


class FoundPart(msgspec.Struct, frozen=True, kw_only=True):
    """The image of one platform that an earlier run built. `sources`: the store or the targets that have it.

    `said`: the labels that were read from the image.
    """

    recorded: RecordedPart
    sources: tuple[str, ...]
    said: Held


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The platforms of an image. `platforms`: () for an image of one platform.

    `found`: by platform, the image that an earlier run built. `wrong`: sentences about recorded images that are not
    this release's. `index`: the index that the builder made of all images found, and `index_at` a place that has it;
    empty if the index has to be made.
    """

    platforms: tuple[str, ...] = ()
    index: str = ""
    index_at: str = ""
    found: Mapping[str, FoundPart] = {}
    wrong: tuple[str, ...] = ()

    @property
    def are_complete(self) -> bool:
        """Whether the image has several platforms, and an image of each exists."""
        return bool(self.platforms) and len(self.found) == len(self.platforms)


def find_parts(
    platforms: Sequence[str],
    recorded: Recorded,
    places: Sequence[ContentSource],
    expected: Expectation,
    inputs: Mapping[str, Any],
) -> Parts:
    """Find which images of `platforms` exist.

    `platforms`: as `several_platforms` gives them. `expected`: the expectation for the whole image.
    """
    if changed_inputs(_of_parts(recorded.inputs), _of_parts(inputs)):
        return Parts(platforms=tuple(platforms))
    found: dict[str, FoundPart] = {}
    wrong: list[str] = []
    for platform in platforms:
        of_part = msgspec.structs.replace(expected, platforms=(platform,))
        for part in candidates(recorded, platform):
            having = [
                place for place in places if place.digest == part.digest and place.image.state == "held"
            ]
            if not having:
                continue
            image = having[0].image
            differs = mismatch(image, msgspec.structs.replace(of_part, inputs=None))
            if differs is not None:
                wrong.append(
                    f"the version log gives this release {part.digest} for `{platform}`, which is another image:"
                    f" {differs}"
                )
            elif image_inputs(image, of_part) == "equal":
                names = tuple(place.name for place in having)
                found[platform] = FoundPart(recorded=part, sources=names, said=image)
                break
    parts = Parts(platforms=tuple(platforms), found=found, wrong=tuple(wrong))
    whole = _whole(parts, recorded, places, expected, inputs)
    if whole is not None:
        return msgspec.structs.replace(parts, index=whole.digest, index_at=whole.name)
    # An index that is made anew would not have the attestations.
    alone = {platform: one for platform, one in found.items() if not one.recorded.attested}
    return msgspec.structs.replace(parts, found=alone)


def _whole(
    parts: Parts,
    recorded: Recorded,
    places: Sequence[ContentSource],
    expected: Expectation,
    inputs: Mapping[str, Any],
) -> ContentSource | None:
    """The place with the index that a builder made of all found images; None if there is none, or for other inputs."""
    made = {one.recorded.index for one in parts.found.values()}
    if not parts.are_complete or len(made) != 1 or changed_inputs(recorded.inputs, inputs):
        return None
    having = (one for one in places if one.digest in made and one.image.state == "held")
    return next((one for one in having if image_inputs(one.image, expected) == "equal"), None)


def indexes(recorded: Recorded) -> tuple[str, ...]:
    """The indexes that builders made of recorded images, the newest first."""
    made = dict.fromkeys(one.index for one in reversed(recorded.parts) if one.index)
    return tuple(made)[:_CANDIDATES]


def candidates(recorded: Recorded, platform: str) -> Iterator[RecordedPart]:
    """The recorded images that may be the one for `platform`, the newest first.

    An image with attestations is left out, unless the log names the index that the builder made in the same build.
    """
    fitting = [one for one in reversed(recorded.parts) if accepts_platform(platform, one.platform)]
    yield from (one for one in fitting[:_CANDIDATES] if not one.attested or one.index)


def _of_parts(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of one platform's image, without the list of platforms, which does not affect the image."""
    return {name: value for name, value in inputs.items() if name != "platforms"}
