"""Where the layers of a build are sent while they are compressed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

import msgspec

from release.build import Prepared
from release.compression import Watch
from release.control import Cancel
from release.image_names.locate import is_in_registry
from release.oci import Registries
from release.plan.model import Plan
from release.plan.operands import CheckImage, PushContent, image_of
from release.transfer.ahead import SendAhead, TakesGrowing


@runtime_checkable
class Followed(Protocol):
    """A prepared build whose layers can be followed while they are compressed."""

    def watch(self, watch: Watch) -> None:
        """Have `watch` follow the layers that the next build compresses."""


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """The registries that get layers of an image before the image is pushed. `targets`: by component.

    Layers of a component that is not in `targets` are sent with the push; see `targets_ahead`.
    """

    targets: Mapping[str, str]
    registries: Registries
    cancel: Cancel


def targets_ahead(plan: Plan) -> dict[str, str]:
    """By component, the first registry that its image is pushed to.

    A component with checks has none: a check that fails would leave layers in the registry that no image will use.
    """
    checked = {step.operands.image for step in plan.steps if isinstance(step.operands, CheckImage)}
    pushes = [step.operands for step in plan.steps if isinstance(step.operands, PushContent)]
    found: dict[str, str] = {}
    for component in [release.component for release in plan.releases]:
        image = image_of(component)
        targets = [push.target for push in pushes if push.image == image and is_in_registry(push.target)]
        if targets and image not in checked:
            found[component] = targets[0]
    return found


@contextlib.contextmanager
def following(ahead: Ahead | None, component: str, prepared: Prepared) -> Iterator[None]:
    """Send the layers that the body compresses, and wait for them at its end."""
    target = None if ahead is None else ahead.targets.get(component)
    if ahead is None or target is None or not isinstance(prepared, Followed):
        yield
        return
    destination = ahead.registries.open(target)
    if not isinstance(destination, TakesGrowing):
        yield
        return
    with SendAhead(destination, ahead.cancel) as sending:
        prepared.watch(sending.watch)
        yield
