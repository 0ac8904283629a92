"""Preflight: targets readable and free, push permission, a version log that takes entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from release.effects.tag_reader import read_tag
from release.handler import World
from release.plan.model import Conflict, Done, Free, Judgement, Step
from release.plan.operands import CheckPush, CheckTarget
from release.plan.ownership import explain, ownership
from release.tagging.model import Held


class TargetCheck:
    """`check-target`: every version tag of the target is free or holds this release."""

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        operands = cast(CheckTarget, step.operands)
        names = ", ".join(f"`{tag.name}`" for tag in operands.fixed)
        return f"check that {names} are free or ours on {operands.target}"

    def observe(self, step: Step, world: World) -> tuple[Held, ...]:
        """What each fixed tag holds now."""
        operands = cast(CheckTarget, step.operands)
        repository = world.registries.open(operands.target)
        return tuple(read_tag(repository, operands.target, tag.name, every=True) for tag in operands.fixed)

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: tuple[Held, ...]) -> Judgement:
        """Conflict as soon as one version tag holds something else."""
        del bindings
        operands = cast(CheckTarget, step.operands)
        policies = {tag.name: tag.policy for tag in operands.fixed}
        for held in observation:
            whose = ownership(held, operands.expected)
            if whose == "other" or (whose == "same-revision" and policies[held.tag] == "version"):
                return Conflict(
                    reason=explain(held, operands.expected),
                    hint="a fixed tag is never overwritten: release this commit under a version of its own",
                )
        return Done(reason=_summary(observation))

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Nothing to do: a check never comes out free."""
        raise NotImplementedError(step.id)


def _summary(observation: tuple[Held, ...]) -> str:
    taken = [held.tag for held in observation if held.state == "held"]
    return f"holds {', '.join(taken)} of this release" if taken else "free"


class PushCheck:
    """`check-push`: the credential may push. Only asked where something will be pushed, and only by a run."""

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        return f"ask {cast(CheckPush, step.operands).target} whether this credential may push"

    def observe(self, step: Step, world: World) -> None:
        """A read cannot tell: permission shows when an upload is begun."""
        del step, world

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: None) -> Judgement:
        """Done once an upload was begun and taken back."""
        del observation
        if bindings.get(f"may-push:{step.id}"):
            return Done(reason="may push")
        return Free(reason="asked at the start of the run")

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Begin an upload and take it back; raises `Denied`."""
        del bindings
        world.registries.open(cast(CheckPush, step.operands).target).check_push()
        return {f"may-push:{step.id}": True}


class LogCheck:
    """`check-log`: the version log would take an entry."""

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        del step
        return "check that the version log can be written"

    def observe(self, step: Step, world: World) -> None:
        """Raise `LogError` when something stands in the way: what cannot be recorded is not begun."""
        del step
        world.log.store.check_writable()

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: None) -> Judgement:
        """Done, since nothing was raised."""
        del step, bindings, observation
        return Done(reason="writable")

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Nothing to do: a check never comes out free."""
        raise NotImplementedError(step.id)
