"""The planner of promotions: an existing digest gets another place. Values in, steps for the runner out. Pure.

The order is that of a release: places checked, content by digest, fixed tags, moving tags, and what was read back is
recorded last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from release.errors import RefusedError
from release.plan import operands as op
from release.plan.model import Operands, Phase, Plan, Step
from release.plan.ownership import Expectation
from release.plan.steps import check_log
from release.tagging.model import Candidate, FixedTag, Held, HeldTags, MovingTag, Withheld
from release.versions.semver import parse, precedence_key

PHASES = (
    Phase(name="preflight"),
    Phase(name="permission"),
    Phase(name="content"),
    Phase(name="fixed", visible=True),
    Phase(name="moving", visible=True),
)


class SetTag(Operands, frozen=True, kw_only=True):
    """Point a name that follows no line of releases (`production`) at the image. `version`: of the image."""

    target: str
    tag: str
    image: str
    version: str | None
    allow_backward: bool = False


class CopyReferrers(Operands, frozen=True, kw_only=True):
    """Copy what refers to the image from `source`."""

    target: str
    image: str
    source: str


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where the image goes, under which tags, and what these hold there now.

    `names`: tags that follow no line of releases. `withheld`: moving ones that stay, for something newer.
    `recorded`: whether the log tells of this promotion and of nothing on its tags since. `follows`: the entry that
    set one of them last, None where none did.
    """

    target: str
    fixed: tuple[FixedTag, ...] = ()
    moving: tuple[MovingTag, ...] = ()
    names: tuple[str, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    held: HeldTags = HeldTags()
    recorded: bool = False
    follows: int | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag, fixed ones first."""
        return (*(tag.name for tag in self.fixed), *(tag.name for tag in self.moving), *self.names)


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """An image that exists, and the places that it gets. `source`: the repository that has it.

    `release`: its release key, where the log knows one. `commit`, `version`: as the log or the image says.
    """

    project: str
    source: str
    digest: str
    destinations: tuple[Destination, ...]
    commit: str | None = None
    candidate: Candidate | None = None
    version: str | None = None
    release: str | None = None
    reason: str | None = None
    allow_backward: bool = False
    referrers: bool = False


def plan_promotion(promotion: Promotion) -> Plan:
    """The plan that gives the image its places. Raises `RefusedError` where a name would go back."""
    steps: list[Step] = [check_log()]
    for destination in promotion.destinations:
        steps += _Steps(promotion, destination).all()
    basis = {
        f"{held.target}:{held.tag}": held.digest or held.state
        for destination in promotion.destinations
        for held in destination.held.held
    }
    return Plan(
        purpose="promote",
        releases=(),
        phases=PHASES,
        steps=tuple(steps),
        basis=basis,
        request={"from": promotion.source, "digest": promotion.digest},
    )


def goes_back(version: str | None, held: Held) -> bool:
    """Whether what is held says that it is a higher version than `version`."""
    try:
        ours, theirs = parse(version or ""), parse(held.version or "")
    except ValueError:
        return False
    return precedence_key(theirs) > precedence_key(ours)


class _Steps:
    """Writes down the steps of one destination."""

    def __init__(self, promotion: Promotion, destination: Destination) -> None:
        self._promotion = promotion
        self._destination = destination
        self._target = destination.target
        self._expected = Expectation(
            commit=promotion.commit or "", version=promotion.version, digests=(promotion.digest,)
        )

    def all(self) -> list[Step]:
        """Every step, in the order of the phases."""
        self._require_forward()
        lacks = self._lacks()
        written = [self._check()]
        if lacks or not self._destination.tags:
            written.append(self._step("check-push", "permission", op.CheckPush(target=self._target)))
        content = op.PushContent(
            target=self._target, image=self._promotion.digest, sources=(self._promotion.source,)
        )
        written.append(self._step("push-content", "content", content, name="content"))
        if self._promotion.referrers:
            written.append(self._referrers(after=written[-1]))
        tags = [*self._puts(), *self._moves(), *self._names()]
        written += tags
        if lacks or not self._destination.recorded:
            written.append(self._record(tags))
        return written

    def _require_forward(self) -> None:
        for held in self._destination.held.held:
            back = held.tag in self._destination.names and goes_back(self._promotion.version, held)
            if back and not self._promotion.allow_backward:
                raise RefusedError(
                    f"`{held.target}:{held.tag}` holds {held.version}, which is higher than "
                    f"{self._promotion.version}",
                    hint='`--allow-backward --reason "..."` moves it back',
                )

    def _lacks(self) -> bool:
        held = {one.tag: one.digest for one in self._destination.held.held}
        return any(held.get(tag) != self._promotion.digest for tag in self._destination.tags)

    def _check(self) -> Step:
        operands = op.CheckTarget(target=self._target, fixed=self._destination.fixed, expected=self._expected)
        return self._step("check-target", "preflight", operands, name="check")

    def _referrers(self, after: Step) -> Step:
        operands = CopyReferrers(
            target=self._target, image=self._promotion.digest, source=self._promotion.source
        )
        step = self._step("copy-referrers", "content", operands, name="referrers")
        return msgspec.structs.replace(step, needs=(after.id,), after=(after.id,))

    def _puts(self) -> list[Step]:
        return [
            self._step(
                "put-tag",
                "fixed",
                op.PutTag(
                    target=self._target, tag=tag, image=self._promotion.digest, expected=self._expected
                ),
                name="tag",
                tag=tag.name,
            )
            for tag in self._destination.fixed
        ]

    def _moves(self) -> list[Step]:
        moves: list[Step] = []
        for tag in self._destination.moving:
            operands = op.MoveTag(
                target=self._target,
                tag=tag.name,
                line=tag.line,
                candidate=self._promotion.candidate or Candidate(commit=self._promotion.commit or ""),
                image=self._promotion.digest,
                allow_backward=self._promotion.allow_backward,
            )
            step = self._step("move-tag", "moving", operands, name="move", tag=tag.name)
            moves.append(msgspec.structs.replace(step, after=tuple(one.id for one in moves[-1:])))
        return moves

    def _names(self) -> list[Step]:
        return [
            self._step(
                "set-tag",
                "moving",
                SetTag(
                    target=self._target,
                    tag=name,
                    image=self._promotion.digest,
                    version=self._promotion.version,
                    allow_backward=self._promotion.allow_backward,
                ),
                name="move",
                tag=name,
            )
            for name in self._destination.names
        ]

    def _record(self, tags: Sequence[Step]) -> Step:
        promotion = self._promotion
        fact: dict[str, Any] = {
            "kind": "promoted",
            "project": promotion.project,
            "release": promotion.release,
            "commit": promotion.commit,
            "version": promotion.version,
            "digest": promotion.digest,
            "from": promotion.source,
            "to": self._target,
            "tags": (*(op.tagged_of(step.id, optional=True) for step in tags), *self._withheld()),
            "reason": promotion.reason,
            # Tells apart moving a tag forth, back and forth again, which would otherwise be one fact.
            "follows": self._destination.follows,
        }
        whole = op.Record(fact={name: value for name, value in fact.items() if value is not None})
        step = self._step("record", "moving", whole, name="record:promoted")
        return msgspec.structs.replace(step, after=tuple(one.id for one in tags if one.phase == "moving"))

    def _withheld(self) -> list[dict[str, str]]:
        return [
            {"name": one.name, "result": "withheld", "reason": one.reason}
            for one in self._destination.withheld
        ]

    def _step(
        self, kind: str, phase: str, operands: Operands, *, name: str | None = None, tag: str | None = None
    ) -> Step:
        id_ = f"{name or kind}:{self._target}" + (f":{tag}" if tag is not None else "")
        return Step(id=id_, kind=kind, phase=phase, operands=operands)
