"""Put fixed tags and move moving ones: read right before, put by digest, read back after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from release.effects.tag_reader import read_tag
from release.errors import NotFound
from release.handler import World
from release.plan.model import Conflict, Done, Free, Judgement, Slot, Step, Unknown
from release.plan.operands import MoveTag, PutTag
from release.plan.ownership import explain, ownership, short
from release.tagging import guard
from release.tagging.model import Held, KnownReleases
from release.versions.semver import image_tag_of

_MOST_RACES = (
    5  # more writers than this at one tag in one second are a quarrel: said, and left to the next run
)


def put_tag(step: Step, world: World, target: str, tag: str, digest: str) -> dict[str, Any]:
    """Put `tag` on `digest`; binds what the tag held right before."""
    repository = world.registries.open(target)
    before = repository.resolve(tag)
    if repository.resolve(digest) is None:
        raise NotFound(f"`{target}` lost {digest} since it was pushed", hint="run it again")
    repository.put_manifest(repository.manifest(digest), tag=tag)
    return {f"put:{step.id}": {"before": before.digest if before is not None else ""}}


def tagged(
    step: Step, bindings: Mapping[str, Any], tag: str, digest: str, made: str, *, policy: str | None = None
) -> dict[str, Any]:
    """The line about one tag that `pushed` and `moved` records hold."""
    put = bindings.get(f"put:{step.id}")
    line: dict[str, Any] = {"name": tag, "digest": digest, "result": made if put else "already-there"}
    if put and put["before"]:
        line["before"] = put["before"]
    if policy is not None:
        line["policy"] = policy
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
        repository = world.registries.open(operands.target)
        return read_tag(repository, operands.target, operands.tag.name, every=True)

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: Held) -> Judgement:
        """Free while nothing holds it; a version tag on other content is a conflict, a first-wins tag yields."""
        operands = cast(PutTag, step.operands)
        tag = operands.tag
        if observation.state == "free":
            return Free(reason=tag.reason)
        if observation.digest == operands.image:
            line = tagged(step, bindings, tag.name, operands.image, "created", policy=tag.policy)
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
        """Put the tag on the digest, unless it was taken since it was looked at."""
        del bindings
        operands = cast(PutTag, step.operands)
        taken = world.registries.open(operands.target).resolve(operands.tag.name)
        if taken is not None and taken.digest != operands.image:
            return {}  # looking again says whose it is
        return put_tag(step, world, operands.target, operands.tag.name, cast(str, operands.image))


class TagObservation(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard is asked about right before and right after a move.

    `rival`: the digest here of what outranks the candidate; looked for only while the tag holds our image.
    """

    held: Held
    known: KnownReleases
    branch_tip: str | None
    rival: str | None = None


Watch = Callable[[Step, World], TagObservation]


class MovingTags:
    """`move-tag`: a moving tag on the image, if the guard agrees right before.

    `watch` reads the tag, the known releases and the branch's tip anew; it is given by whoever wires the run.

    Two releases may both be allowed to move the tag and then write in the wrong order, for a registry has no
    compare-and-swap. So whoever has written looks again, and puts the tag on the higher one that is here by now:
    the last writer always sees what the others released, because fixed tags come before moving ones.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        operands = cast(MoveTag, step.operands)
        return f"move {operands.target}:{operands.tag}"

    def observe(self, step: Step, world: World) -> TagObservation:
        """The tag as it is held, and everything that may outrank the candidate."""
        operands = cast(MoveTag, step.operands)
        sight = self._watch(step, world)
        if sight.held.digest is None or sight.held.digest != operands.image:
            return sight
        return msgspec.structs.replace(sight, rival=_rival(operands, sight, world))

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: TagObservation) -> Judgement:
        """The guard's verdict on what is known now."""
        operands = cast(MoveTag, step.operands)
        verdict = _verdict(operands, observation)
        match verdict:
            case guard.Refuse():
                return Conflict(reason=verdict.reason, hint="give this commit a version of its own")
            case guard.Withhold() if not verdict.rightly:
                return Unknown(reason=f"`{operands.tag}` withheld: {verdict.reason}")
            case guard.Withhold() if observation.rival is not None:
                return Free(reason=f"holds {short(observation.held.digest)}, but {verdict.reason}")
            case guard.Withhold() if observation.held.digest != operands.image:
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
        """Move the tag to the digest, or off it where something higher was overtaken."""
        del bindings
        operands = cast(MoveTag, step.operands)
        made: Mapping[str, Any] = {}
        mine = cast(str, operands.image)
        held = world.registries.open(operands.target).resolve(operands.tag)
        if held is None or held.digest != mine:
            made = put_tag(step, world, operands.target, operands.tag, mine)
        for _ in range(_MOST_RACES):
            wanted = self._after_a_race(step, world, mine)
            if wanted is None:
                break
            put_tag(step, world, operands.target, operands.tag, wanted)
            mine = wanted
        return made

    def _after_a_race(self, step: Step, world: World, mine: str) -> str | None:
        """The digest that the tag must go to although `mine` was put right before; None when all is well."""
        operands = cast(MoveTag, step.operands)
        sight = self._watch(step, world)
        match _verdict(operands, sight):
            case guard.Withhold(rightly=True) if sight.held.digest == mine:
                rival = _rival(operands, sight, world)
                return rival if rival != mine else None
            case guard.Move() if sight.held.digest != operands.image:
                return cast(str, operands.image)
        return None


def _verdict(operands: MoveTag, sight: TagObservation) -> guard.Verdict:
    return guard.judge(
        operands.line,
        operands.candidate,
        sight.known,
        sight.held,
        branch_tip=sight.branch_tip,
        allow_backward=operands.allow_backward,
    )


def _rival(operands: MoveTag, sight: TagObservation, world: World) -> str | None:
    """What this target holds of the release, or of the branch's newer commit, that the guard puts above ours."""
    verdict = _verdict(operands, sight)
    if not isinstance(verdict, guard.Withhold) or not verdict.rightly:
        return None
    name = None
    if operands.line.kind == "release":
        top = guard.highest(operands.line, sight.known)
        name = image_tag_of(top.version, top.rebuild) if top is not None else None
    elif sight.branch_tip is not None and sight.branch_tip != operands.candidate.commit:
        name = f"sha-{sight.branch_tip[:12]}"
    found = None if name is None else world.registries.open(operands.target).resolve(name)
    return None if found is None or found.digest == operands.image else found.digest
