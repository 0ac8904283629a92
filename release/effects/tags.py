"""Put fixed tags and move moving ones: read right before, put by digest, read back after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from release.effects.holding import hold
from release.errors import NotFound
from release.plan.model import Conflict, Done, Free, Judgement, Slot, Step, Unknown
from release.plan.operands import MoveTag, PutTag
from release.plan.ownership import explain, ownership, short
from release.tagging import guard
from release.tagging.model import Held, KnownReleases
from release.world import World


def put_tag(step: Step, world: World, target: str, tag: str, digest: str) -> dict[str, Any]:
    """Put `tag` on `digest`; binds what the tag held right before."""
    repository = world.registries.open(target)
    before = repository.resolve(tag)
    if repository.resolve(digest) is None:
        raise NotFound(f"`{target}` lost {digest} since it was pushed", hint="run it again")
    repository.put_manifest(repository.manifest(digest), tag=tag)
    return {f"put:{step.id}": {"before": before.digest if before is not None else ""}}


def tagged(step: Step, bindings: Mapping[str, Any], tag: str, digest: str, made: str) -> dict[str, Any]:
    """The line about one tag that `pushed` and `moved` records hold."""
    put = bindings.get(f"put:{step.id}")
    line: dict[str, Any] = {"name": tag, "digest": digest, "result": made if put else "already-there"}
    if put and put["before"]:
        line["before"] = put["before"]
    return {f"tagged:{step.id}": line}


class FixedTags:
    """`put-tag`: a fixed tag on the image, never taken from other content."""

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        operands = cast(PutTag, step.operands)
        return f"tag {operands.target}:{operands.tag.name} ({operands.tag.reason})"

    def observe(self, step: Step, world: World) -> Held:
        """What the tag holds now."""
        operands = cast(PutTag, step.operands)
        return hold(world.registries.open(operands.target), operands.target, operands.tag.name)

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: Held) -> Judgement:
        """Free while nothing holds it; a version tag on other content is a conflict, a first-wins tag yields."""
        operands = cast(PutTag, step.operands)
        tag = operands.tag
        if observation.state == "free":
            return Free(reason=tag.reason)
        if observation.digest == operands.image:
            line = tagged(step, bindings, tag.name, operands.image, "created")
            return Done(reason=f"holds {short(observation.digest)}", bindings=line)
        whose = ownership(observation, operands.expected)
        if tag.policy == "first-wins" and whose in {"ours", "same-revision"}:
            withheld = {
                "name": tag.name,
                "result": "withheld",
                "reason": f"holds {observation.digest} of this commit",
            }
            return Done(
                reason=f"first wins: holds {observation.digest} of this commit",
                bindings={f"tagged:{step.id}": withheld},
                withheld=True,
            )
        return Conflict(
            reason=explain(observation, operands.expected),
            hint="a fixed tag is never overwritten: release this commit under a version of its own",
        )

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Put the tag on the digest."""
        del bindings
        operands = cast(PutTag, step.operands)
        return put_tag(step, world, operands.target, operands.tag.name, cast(str, operands.image))


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard is asked about right before and right after a move."""

    held: Held
    known: KnownReleases
    branch_tip: str | None


Watch = Callable[[Step, World], Sight]


class MovingTags:
    """`move-tag`: a moving tag on the image, if the guard agrees right before.

    `watch` reads the tag, the known releases and the branch's tip anew; it is given by whoever wires the run.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        operands = cast(MoveTag, step.operands)
        return f"move {operands.target}:{operands.tag}"

    def observe(self, step: Step, world: World) -> Sight:
        """The tag as it is held, and everything that may outrank the candidate."""
        return self._watch(step, world)

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: Sight) -> Judgement:
        """The guard's verdict on what is known now."""
        operands = cast(MoveTag, step.operands)
        verdict = guard.judge(
            operands.line,
            operands.candidate,
            observation.known,
            observation.held,
            branch_tip=observation.branch_tip,
            allow_backward=operands.allow_backward,
        )
        match verdict:
            case guard.Refuse():
                return Conflict(reason=verdict.reason, hint="give this commit a version of its own")
            case guard.Withhold() if not verdict.rightly:
                return Unknown(reason=f"`{operands.tag}` withheld: {verdict.reason}")
            case guard.Withhold():
                return self._withheld(step, verdict.reason)
        return self._reachable(step, bindings, observation.held, verdict.reason)

    def _reachable(self, step: Step, bindings: Mapping[str, Any], held: Held, reason: str) -> Judgement:
        operands = cast(MoveTag, step.operands)
        if not isinstance(operands.image, Slot) and held.digest == operands.image:
            line = tagged(step, bindings, operands.tag, operands.image, "moved")
            return Done(reason=f"holds {short(held.digest)}", bindings=line)
        if bindings.get(f"put:{step.id}"):
            return Conflict(
                reason=f"`{operands.target}:{operands.tag}` reads back {held.digest or held.state} after"
                f" {operands.image} was put: somebody moved it in between",
                hint="run it again: the guard decides anew",
            )
        return Free(reason=f"{f'holds {short(held.digest)}' if held.digest else 'free'} now: {reason}")

    def _withheld(self, step: Step, reason: str) -> Judgement:
        operands = cast(MoveTag, step.operands)
        line = {"name": operands.tag, "result": "withheld", "reason": reason}
        return Done(reason=reason, bindings={f"tagged:{step.id}": line}, withheld=True)

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Move the tag to the digest."""
        del bindings
        operands = cast(MoveTag, step.operands)
        return put_tag(step, world, operands.target, operands.tag, cast(str, operands.image))
