"""Makes the steps of one release, in the order of the phases, without records that the log has already. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from release.plan import release_records as records
from release.plan.model import Release, Step
from release.plan.obtain_steps import ObtainSteps
from release.plan.operands import PutTag, image_of
from release.plan.ownership import Expectation
from release.plan.parts import Parts
from release.plan.release_input import ReleaseInput, Target
from release.plan.steps import StepMaker, ids
from release.plan.ways import Obtain
from release.tagging.model import Candidate, FixedTag, MovingTag
from release.versions.status import KnownStatus, merged


class ReleaseSteps:
    """Makes the steps of one release; records that the log has already are left out."""

    def __init__(
        self,
        subject: ReleaseInput,
        release: Release,
        obtain: Obtain,
        parts: Parts,
        expected: Expectation,
        prefix: str,
    ) -> None:
        self._subject = subject
        self._release = release
        self._obtain = obtain
        self._expected = expected
        self._make = StepMaker(scope=subject.component, prefix=prefix, common=records.common(release))
        self._obtaining = ObtainSteps(subject, release, obtain, parts, self._make)
        self._image = obtain.digest or image_of(subject.component)

    @property
    def begins(self) -> bool:
        """Whether anything of the release is left to do or to record."""
        return self._is_unrecorded or any(self._is_pending(target) for target in self._subject.targets)

    def all(self) -> list[Step]:
        """Every step, in the order of the phases."""
        targets = self._subject.targets
        written: list[Step] = [
            self._make.check_target(target, self._fixed, self._expected) for target in targets
        ]
        written += [self._make.check_push(target) for target in targets if self._lacks_something(target)]
        if self.begins:
            written += self._planned()
        for said in self._statuses:
            # Recorded before a tag moves: the guard of other runs reads the log, and so does this run's.
            kind, fact = records.status(said)
            of = "" if said is self._subject.status else said.version
            written.append(self._make.record(kind, "planned", fact, of=of, after=ids(written[-1:])))
        written += self._obtaining.all()
        for target in targets:
            written.append(self._make.content(target, self._image, self._places))
            written += self._tag_steps(target)
        if self._is_unrecorded:
            released = records.released(self._release, self._image, self._obtain)
            written.append(self._make.record("released", "released", released))
        for target in targets:
            written += self._move_steps(target)
        if self._subject.attest:
            written += [self._attest(target, written) for target in targets]
        return written

    @property
    def _statuses(self) -> tuple[KnownStatus, ...]:
        """The statuses to record: those that others gave versions, then that of the released version."""
        own = self._subject.status
        return self._subject.learned if own is None else (*self._subject.learned, own)

    @property
    def _is_unrecorded(self) -> bool:
        return self._obtain.mode == "build" or not self._subject.recorded.released

    @property
    def _fixed(self) -> tuple[FixedTag, ...]:
        return tuple(tag for tag in self._release.decision.tags if isinstance(tag, FixedTag))

    @property
    def _moving(self) -> tuple[MovingTag, ...]:
        return tuple(tag for tag in self._release.decision.tags if isinstance(tag, MovingTag))

    @property
    def _places(self) -> tuple[str, ...]:
        return self._obtain.sources or self._subject.build_places

    def _planned(self) -> list[Step]:
        """The record `planned`, and before it `abandoned` if an earlier image is given up."""
        planned = records.planned(self._subject, self._release, self._obtain)
        if self._obtain.abandons is None:
            return [self._make.record("planned", "planned", planned)]
        gone = records.abandoned(self._subject, self._obtain)
        abandoned = self._make.record("abandoned", "planned", gone)
        return [abandoned, self._make.record("planned", "planned", planned, after=(abandoned.id,))]

    def _tag_steps(self, target: Target) -> list[Step]:
        content = self._make.content_id(target)
        puts = [
            self._make.put_tag(target, tag, self._image, self._expected, needs=(content,))
            for tag in self._fixed
        ]
        if target.name in self._subject.recorded.pushed and not self._lacks_something(target):
            return puts
        fact = records.pushed(target.name, self._image, puts, content)
        # Without a fixed tag the content itself is what was pushed.
        return [
            *puts,
            self._make.record("pushed", "fixed", fact, target=target, needs=ids(puts) or (content,)),
        ]

    def _move_steps(self, target: Target) -> list[Step]:
        if not target.moving:
            return []
        moves: list[Step] = []
        own = () if self._subject.status is None else (self._subject.status,)
        statuses = merged(self._subject.untold.get(target.name, ()), own)
        told = [self._make.put_status(target, tuple(statuses.values()))] if statuses else []
        overtaken = self._overtaken(target)
        for tag in (*self._moving, *overtaken):
            moves.append(self._move(target, tag, after=ids((moves or told)[-1:])))
        moved = {tag.name for tag in overtaken}
        withheld = [one for one in self._release.decision.withheld if one.name not in moved]
        recorded = target.name in self._subject.recorded.moved and not self._lacks_moves(target)
        if recorded or not (moves or withheld):
            return [*told, *moves]
        # Recorded after all moves have ended well: the record means that the release is finished on this target.
        needs = (self._make.content_id(target), *ids(moves))
        fact = records.moved(target.name, moves, withheld, self._subject.recorded.apart.get(target.name))
        return [*told, *moves, self._make.record("moved", "moving", fact, target=target, needs=needs)]

    def _move(self, target: Target, tag: MovingTag, *, after: tuple[str, ...]) -> Step:
        decision = self._release.decision
        return self._make.move_tag(
            target,
            tag.name,
            tag.line,
            decision.candidate or Candidate(commit=decision.commit),
            self._image,
            allow_backward=bool(self._subject.facts.get("allow_backward")),
            # The phases alone do not ensure this: an optional target whose content failed stops no phase.
            needs=(self._make.content_id(target),),
            after=after,
        )

    def _attest(self, target: Target, written: Sequence[Step]) -> Step:
        puts = [
            step
            for step in written
            if isinstance(step.operands, PutTag) and step.operands.target == target.name
        ]
        needs = (self._make.content_id(target), *ids(puts))
        return self._make.attest(target, self._release.key, self._image, needs=needs)

    def _is_pending(self, target: Target) -> bool:
        recorded = self._subject.recorded
        return (
            self._lacks_something(target)
            or target.name not in recorded.pushed
            or (target.moving and bool(self._moving) and target.name not in recorded.moved)
        )

    def _lacks_something(self, target: Target) -> bool:
        lacks_fixed = any(not self._holds(target, tag.name) for tag in self._fixed)
        return lacks_fixed or (target.moving and self._lacks_moves(target))

    def _lacks_moves(self, target: Target) -> bool:
        return any(not self._holds(target, tag.name) for tag in self._moving) or bool(self._overtaken(target))

    def _overtaken(self, target: Target) -> tuple[MovingTag, ...]:
        """Moving tags that hold this release although a higher one should have them: a run was killed during a race."""
        decision = self._release.decision
        return tuple(
            MovingTag(name=one.name, reason=one.reason, line=one.line)
            for one in decision.withheld
            if one.rightly and one.line is not None
            for held in self._subject.held.at(one.name)
            if held.target == target.name
            and held.revision == decision.commit
            and held.version == decision.version
        )

    def _holds(self, target: Target, tag: str) -> bool:
        digest = self._obtain.digest
        return digest is not None and any(
            held.target == target.name and held.digest == digest for held in self._subject.held.at(tag)
        )
