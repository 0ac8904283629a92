"""Chooses, for the plan, how a release gets its image: resume, adopt, reuse or build. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.errors import RefusedError
from release.plan.evidence import ContentSource, Recorded, weigh
from release.plan.ownership import Expectation, image_inputs
from release.plan.supply import Supply
from release.plan.ways import Obtain, Ways, supplied
from release.tagging.model import Decision, HeldTags


def choose(
    decision: Decision,
    expected: Expectation,
    held: HeldTags,
    recorded: Recorded,
    places: tuple[ContentSource, ...] | None,
    inputs: Mapping[str, Any],
    *,
    reuse: bool,
    supply: Supply | None = None,
) -> Obtain:
    """Choose the first possible way in the order resume, adopt, reuse, build.

    While the release is not visible, adopting an image other than the recorded one comes first. With `supply`, the
    image of `--from` is used, in place of another recorded image that nobody has seen, too. There are two exceptions:
    if the recorded image is the same, it is resumed; if a first-wins tag holds an image of the commit, that is adopted.
    The log's digest of an image counts only if the image's labels agree. Raises `InputsChanged` if the release became
    visible with other inputs, `TagConflict` if two targets hold different images of the release, `RefusedError` if
    `reuse` finds no branch build or if the log says that another image was released, `RegistryError` if the recorded
    image cannot be read.
    """
    ways = Ways(decision, expected, held, recorded, inputs, reuse=reuse)
    if supply is not None and recorded.digest not in (None, supply.digest):
        return _instead(supply, recorded, expected)
    evidence = weigh(recorded, places, expected, inputs, any_version=ways.any_version(recorded.digest))
    chosen = ways.choose(evidence) if supply is None else ways.take(supply, evidence)
    said = chosen.said
    return msgspec.structs.replace(
        chosen,
        unlabelled=said is not None and image_inputs(said, expected) == "unlabelled",
        abandons=evidence.abandons or (evidence.lost if chosen.mode == "build" else None),
        false=evidence.false,
    )


def _instead(supply: Supply, recorded: Recorded, expected: Expectation) -> Obtain:
    """Use the image of `--from` in place of the recorded image. Raises `RefusedError` if the release is visible."""
    if recorded.visible:
        raise RefusedError(
            f"this release became visible as {recorded.digest}; `--from` gives {supply.digest}",
            hint="finish the release by a run without `--from`, or give the other image a version of its own",
        )
    return supplied(
        supply, expected, abandons=f"{recorded.digest}, which nobody has seen, is not what `--from` gives"
    )
