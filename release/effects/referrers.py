"""Bring what refers to an image to where the image goes: signatures, attestations, bills of materials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from release.effects.content import mounts
from release.handler import World
from release.oci import Repository
from release.oci.graph import read_manifests
from release.plan.model import Done, Free, Judgement, Step
from release.plan.promote import CopyReferrers
from release.transfer.referrers import copy_attached, find_attached


class Referrers:
    """`copy-referrers`: of the image, and of each of its platforms."""

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        return f"copy what refers to it to {cast(CopyReferrers, step.operands).target}"

    def observe(self, step: Step, world: World) -> tuple[int, int]:
        """How many the source has, and how many of them the target lacks."""
        operands = cast(CopyReferrers, step.operands)
        source = world.registries.open(operands.source)
        target = world.registries.open(operands.target)
        found, missing = 0, 0
        for manifest in read_manifests(source, operands.image):
            theirs = _names(source, manifest.digest)
            found += len(theirs)
            missing += len(theirs - _names(target, manifest.digest)) if theirs else 0
        return found, missing

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: tuple[int, int]) -> Judgement:
        """Done when the target has every one of them."""
        del step, bindings
        found, missing = observation
        if missing:
            return Free(reason=f"{missing} of {found} are not there yet")
        return Done(reason=f"all {found} are there" if found else "nothing refers to it")

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Copy them, and have the target find them."""
        del bindings
        operands = cast(CopyReferrers, step.operands)
        source = world.registries.open(operands.source)
        target = world.registries.open(operands.target)
        copy_attached(
            source,
            target,
            [manifest.digest for manifest in read_manifests(source, operands.image)],
            sink=world.sink,
            cancel=world.cancel,
            mount_from=mounts(source.name, target.name),
        )
        return {}


def _names(repository: Repository, digest: str) -> set[str]:
    attached = find_attached(repository, digest)
    return {*(one.digest for one in attached.referrers), *attached.tags}
