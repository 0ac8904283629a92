"""The planner of promotions: an existing digest gets another place. Values in, steps for the runner out. Pure.

The order is that of a release: places checked, content by digest, fixed tags, moving tags, and what was read back is
recorded last.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.errors import RefusedError
from release.plan import release_records as records
from release.plan.model import Phase, Plan, Step
from release.plan.ownership import Expectation, goes_back
from release.plan.release_input import Target
from release.plan.steps import StepMaker, check_log, ids
from release.tagging.model import Candidate, FixedTag, HeldTags, MovingTag, Withheld

PHASES = (
    Phase(name="preflight"),
    Phase(name="permission"),
    Phase(name="content"),
    Phase(name="fixed", visible=True),
    Phase(name="moving", visible=True),
)


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


class _Steps:
    """Writes down the steps of one destination."""

    def __init__(self, promotion: Promotion, destination: Destination) -> None:
        self._promotion = promotion
        self._destination = destination
        self._target = Target(name=destination.target)
        self._expected = Expectation(
            commit=promotion.commit or "", version=promotion.version, digests=(promotion.digest,)
        )
        self._make = StepMaker(
            common={
                "project": promotion.project,
                "release": promotion.release,
                "commit": promotion.commit,
                "version": promotion.version,
                "digest": promotion.digest,
                "from": promotion.source,
            }
        )

    def all(self) -> list[Step]:
        """Every step, in the order of the phases."""
        self._require_forward()
        make, target, promotion = self._make, self._target, self._promotion
        lacks = self._lacks()
        written = [make.check_target(target, self._destination.fixed, self._expected)]
        if lacks or not self._destination.tags:
            written.append(make.check_push(target))
        written.append(make.content(target, promotion.digest, (promotion.source,)))
        if promotion.referrers:
            written.append(make.copy_referrers(target, promotion.digest, promotion.source))
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

    def _puts(self) -> list[Step]:
        return [
            self._make.put_tag(self._target, tag, self._promotion.digest, self._expected)
            for tag in self._destination.fixed
        ]

    def _moves(self) -> list[Step]:
        promotion = self._promotion
        moves: list[Step] = []
        for tag in self._destination.moving:
            step = self._make.move_tag(
                self._target,
                tag.name,
                tag.line,
                promotion.candidate or Candidate(commit=promotion.commit or ""),
                promotion.digest,
                allow_backward=promotion.allow_backward,
                after=ids(moves[-1:]),
            )
            moves.append(step)
        return moves

    def _names(self) -> list[Step]:
        promotion = self._promotion
        return [
            self._make.set_tag(
                self._target,
                name,
                promotion.digest,
                promotion.version,
                allow_backward=promotion.allow_backward,
            )
            for name in self._destination.names
        ]

    def _record(self, tags: Sequence[Step]) -> Step:
        fact = {
            "to": self._destination.target,
            "tags": (*records.taken(tags), *records.left(self._destination.withheld)),
            "reason": self._promotion.reason,
            # Tells apart moving a tag forth, back and forth again, which would otherwise be one fact.
            "follows": self._destination.follows,
        }
        after = ids([one for one in tags if one.phase == "moving"])
        return self._make.record("promoted", "moving", fact, target=self._target, after=after)
