"""Plans promotions: the steps that copy an existing image to other repositories and tag it there. Pure.

The order is that of a release: check the destinations, push content by digest, put fixed tags, move moving tags, and
record last what the tags hold.
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
    """One repository to which the image is copied, its tags there, and what these tags hold now.

    `names`: tags that follow no line of releases. `withheld`: moving tags that stay on a newer release. `recorded`:
    whether the log says that every tag holds the image. `follows`: the position of the last log entry that set one of
    the tags; None if there is none.
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
    """An existing image and its destinations. `source`: the repository that has the image.

    `release`: the release key of the image, if the log has one. `commit`, `version`: from the log or the image's
    labels.
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
    """The plan of a promotion. Raises `RefusedError` if a tag such as `production` would go back to a lower version."""
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
    """Makes the steps for one destination."""

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
            # Two equal facts have one id and are recorded once. `follows` distinguishes a promotion from an earlier one
            # of the same image, if the tag held another image in between.
            "follows": self._destination.follows,
        }
        after = ids([one for one in tags if one.phase == "moving"])
        return self._make.record("promoted", "moving", fact, target=self._target, after=after)
