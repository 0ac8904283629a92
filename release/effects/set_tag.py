"""Point a name that follows no line of releases at an image: `production`, `stable`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from release.effects.tag_reader import read_tag
from release.effects.tags import put_tag, tagged
from release.handler import World
from release.plan.model import Conflict, Done, Free, Judgement, Step
from release.plan.ownership import short
from release.plan.promote import SetTag, goes_back
from release.tagging.model import Held


class Names:
    """`set-tag`: moves when asked, but not back to a lower version."""

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        operands = cast(SetTag, step.operands)
        return f"point {operands.target}:{operands.tag} at {short(operands.image)}"

    def observe(self, step: Step, world: World) -> Held:
        """What the tag holds now."""
        operands = cast(SetTag, step.operands)
        return read_tag(world.registries.open(operands.target), operands.target, operands.tag)

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: Held) -> Judgement:
        """Done when it holds the image; a conflict when it holds a higher version, or was moved in between."""
        operands = cast(SetTag, step.operands)
        if observation.digest == operands.image:
            line = tagged(step, bindings, operands.tag, operands.image, "moved")
            return Done(reason=f"holds {short(observation.digest)}", bindings=line)
        if bindings.get(f"put:{step.id}"):
            return Conflict(
                reason=f"`{operands.target}:{operands.tag}` reads back {observation.digest or observation.state}"
                f" after {operands.image} was put: somebody moved it in between",
                hint="look who else moves it, and run it again",
            )
        if goes_back(operands.version, observation) and not operands.allow_backward:
            return Conflict(
                reason=f"`{operands.target}:{operands.tag}` holds {observation.version}, which is higher than "
                f"{operands.version}",
                hint='`--allow-backward --reason "..."` moves it back',
            )
        return Free(reason=f"{f'holds {short(observation.digest)}' if observation.digest else 'free'} now")

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Put the tag on the digest."""
        del bindings
        operands = cast(SetTag, step.operands)
        return put_tag(step, world, operands.target, operands.tag, operands.image)
