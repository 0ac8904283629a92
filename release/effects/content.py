"""Bring an image's bytes to a target, by digest, under no tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from release.effects.obtain import open_source
from release.errors import NotFound, RegistryError
from release.handler import World
from release.oci import Descriptor
from release.oci.reference import parse_repository
from release.plan.model import Done, Free, Judgement, Slot, Step
from release.plan.operands import PushContent
from release.plan.ownership import short
from release.transfer.copy import copy_image


class Content:
    """`push-content`."""

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        return f"push the content to {cast(PushContent, step.operands).target}, by digest"

    def observe(self, step: Step, world: World) -> Descriptor | None:
        """The top manifest on the target."""
        operands = cast(PushContent, step.operands)
        if isinstance(operands.image, Slot):
            return None
        return world.registries.open(operands.target).resolve(operands.image)

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: Descriptor | None) -> Judgement:
        """Done when the target serves the digest: a registry takes a manifest only after all it names."""
        del bindings
        operands = cast(PushContent, step.operands)
        if observation is None:
            return Free(reason=f"not on {operands.target} yet")
        return Done(reason=f"holds {short(observation.digest)}")

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Copy from the first place that still has it."""
        del bindings
        operands = cast(PushContent, step.operands)
        digest = cast(str, operands.image)
        destination = world.registries.open(operands.target)
        missing: RegistryError = NotFound(f"no place is known that has {digest}")
        for name in operands.sources:
            source = open_source(world, name)
            if source.name == destination.name:
                continue
            try:
                copy_image(
                    source,
                    destination,
                    digest,
                    sink=world.sink,
                    cancel=world.cancel,
                    mount_from=mounts(source.name, destination.name),
                )
            except NotFound as error:
                missing = error
                continue
            return {}
        raise missing


def mounts(source: str, destination: str) -> tuple[str, ...]:
    """The source's path where both are in one registry: it takes the blobs from there without a transfer."""
    if source.startswith("oci:") or destination.startswith("oci:"):
        return ()
    theirs, ours = parse_repository(source), parse_repository(destination)
    return (theirs.repository,) if theirs.registry == ours.registry else ()
