"""Plans rollbacks and restores: gives versions a status, and moves each moving tag to the highest version that counts.

The status is recorded in the log and written to each target's status artifact before a tag moves: the guard reads both,
so that no other run moves a tag to a yanked version. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from release.plan import release_records as records
from release.plan.model import Phase, Plan, Step
from release.plan.ownership import Expectation
from release.plan.release_input import Target
from release.plan.rollback_versions import TagRestore
from release.plan.steps import StepMaker, check_log, ids
from release.tagging.model import Candidate, FixedTag
from release.versions.status import KnownStatus

PHASES = (
    Phase(name="preflight"),
    Phase(name="permission"),
    Phase(name="yanked", visible=True),
    Phase(name="moving", visible=True),
)


RESTORE_PHASES = (
    Phase(name="preflight"),
    Phase(name="permission"),
    Phase(name="restored", visible=True),
    Phase(name="moving", visible=True),
)


# How the records of moves name the purpose.
_SAID = {"rollback": "rollback to", "restore": "restore of"}


class RestoreTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One version on one target, and the moving tags (`aims`) that return to its image.

    `release`: the version's release key. `follows`: the position of the last log entry that set one of the tags.
    `settled`: whether registry and log already say that every tag holds the image. `name`: of the version's build, if
    the log does not have its release; else "".
    """

    target: str
    required: bool
    aims: tuple[TagRestore, ...]
    digest: str
    commit: str
    release: str
    settled: bool = False
    follows: int | None = None
    name: str = ""

    @property
    def place(self) -> Target:
        """The target in the form that `StepMaker` takes."""
        return Target(name=self.target, required=self.required)


class Rollback(msgspec.Struct, frozen=True, kw_only=True):
    """The versions whose status changes, as the log names them, and where the moving tags go.

    `to`: the version that is rolled back to, or restored. `yanks`: versions that are taken back. `restores`: versions
    that count again. `number`: of their new status; None as in records of 0.1.0. `follows`: the position of the last
    log entry about the status of one of them. `marks`: pre-releases that count again, and still for no stable line.
    `statuses`: to write to each of `places`.
    """

    project: str
    component: str
    reason: str
    to: str
    yanks: tuple[str, ...]
    landings: tuple[RestoreTarget, ...]
    restores: tuple[str, ...] = ()
    number: int | None = None
    follows: int | None = None
    marks: tuple[KnownStatus, ...] = ()
    statuses: tuple[KnownStatus, ...] = ()
    places: tuple[Target, ...] = ()


def plan_rollback(rollback: Rollback, basis: Mapping[str, str]) -> Plan:
    """The plan that records the yank and then moves every tag. `basis`: what the tags held before."""
    return _plan(rollback, basis, purpose="rollback", phases=PHASES, kind="yanked", versions=rollback.yanks)


def plan_restore(restore: Rollback, basis: Mapping[str, str]) -> Plan:
    """The plan that records that versions count again and then moves every tag. `basis`: what the tags held before."""
    return _plan(
        restore, basis, purpose="restore", phases=RESTORE_PHASES, kind="restored", versions=restore.restores
    )


def _plan(
    rollback: Rollback,
    basis: Mapping[str, str],
    *,
    purpose: str,
    phases: tuple[Phase, ...],
    kind: Literal["yanked", "restored"],
    versions: tuple[str, ...],
) -> Plan:
    make = StepMaker(common={"project": rollback.project, "component": rollback.component})
    steps = [check_log()]
    for landing in rollback.landings:
        steps += _checks(make, landing)
    if versions:
        fact = {
            "versions": versions,
            "reason": rollback.reason,
            "number": rollback.number,
            "follows": rollback.follows,
        }
        steps.append(make.record(kind, kind, fact))
    for mark in rollback.marks:
        said, members = records.status(mark)
        steps.append(make.record(said, kind, members, of=mark.version, after=ids(steps[-1:])))
    told = {place.name: make.put_status(place, rollback.statuses) for place in rollback.places}
    steps += told.values()
    for landing in rollback.landings:
        steps += _moves(make, rollback, landing, purpose, told.get(landing.target))
    return Plan(
        purpose=purpose,
        releases=(),
        phases=phases,
        steps=tuple(steps),
        basis=basis,
        request={"to": rollback.to, "reason": rollback.reason},
    )


def _checks(make: StepMaker, landing: RestoreTarget) -> list[Step]:
    aim = landing.aims[0]
    expected = Expectation(commit=landing.commit, version=str(aim.version), digests=(landing.digest,))
    fixed = (FixedTag(name=aim.fixed, reason="where the tags come back to", policy="version"),)
    checks = [make.check_target(landing.place, fixed, expected, of=aim.fixed)]
    if not landing.settled:
        checks.append(make.check_push(landing.place, of=aim.fixed))
    return checks


def _moves(
    make: StepMaker, rollback: Rollback, landing: RestoreTarget, purpose: str, told: Step | None
) -> list[Step]:
    """The moves on one target, and their record.

    `told`: the step that writes the versions' statuses to this target, before its first tag moves; None if there are
    no statuses to write.
    """
    before = [] if told is None else [told]
    moves: list[Step] = []
    for aim in landing.aims:
        candidate = Candidate(commit=landing.commit, version=aim.version, rebuild=aim.rebuild)
        after = ids((moves or before)[-1:])
        moves.append(make.move_tag(landing.place, aim.tag, aim.line, candidate, landing.digest, after=after))
    if landing.settled:
        return moves
    fact = {
        "release": landing.release,
        "commit": landing.commit or None,
        "target": landing.target,
        "tags": tuple(records.taken(moves)),
        "reason": f"{_SAID[purpose]} {rollback.to}: {rollback.reason}",
        "follows": landing.follows,
        "version": landing.name or None,
    }
    of = landing.aims[0].fixed
    record = make.record("moved", "moving", fact, target=landing.place, of=of, after=ids(moves))
    return [*moves, record]
