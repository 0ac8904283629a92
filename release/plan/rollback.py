"""Plans rollbacks and restores: gives versions a status, and moves each moving tag to the highest version that counts.

The status is recorded in the log and written to each target's status artifact before a tag moves: the guard reads both,
so that no other run moves a tag to a yanked version. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from release.errors import RefusedError
from release.plan import release_records as records
from release.plan.model import Phase, Plan, Step
from release.plan.ownership import Expectation
from release.plan.release_input import Target
from release.plan.steps import StepMaker, check_log, ids
from release.tagging import guard
from release.tagging.model import Candidate, FixedTag, KnownReleases, KnownVersion, Line, MovingTag
from release.versions.model import Version
from release.versions.semver import image_tag_of, precedence_key
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


class TagRestore(msgspec.Struct, frozen=True, kw_only=True):
    """A moving tag, and the version to which the rollback moves it."""

    tag: str
    line: Line
    version: Version
    rebuild: int = 0

    @property
    def fixed(self) -> str:
        """The fixed tag of the version."""
        return image_tag_of(self.version, self.rebuild)


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


def above(to: Version, known: KnownReleases, line: Line | None = None) -> tuple[Version, ...]:
    """The released versions above `to` that were not taken back, highest first; with `line` only those of that line.

    Raises `RefusedError` if `to` was never released, or was taken back itself.
    """
    if str(to) in known.yanked:
        raise RefusedError(f"{to} was taken back itself", hint="choose a version that still counts")
    if not any(one.version == to for one in known.listed):
        raise RefusedError(
            f"{to} was never released, as far as git, the log and the registry know",
            hint="`shipmark log list` lists the versions that were released",
        )
    found = {
        str(one.version): one.version
        for one in known.listed
        if precedence_key(one.version) > precedence_key(to)
        and str(one.version) not in known.yanked
        and (line is None or _in_numbers(line, one.version))
    }
    return tuple(sorted(found.values(), key=precedence_key, reverse=True))


def rebuilds_above(to: Version, rebuild: int, known: KnownReleases) -> tuple[str, ...]:
    """The fixed tags of the builds of `to` above build `rebuild` that were not taken back, highest first.

    Raises `RefusedError` if build `rebuild` itself was taken back, or does not exist.
    """
    builds = {one.rebuild for one in known.listed if one.version == to}
    name = image_tag_of(to, rebuild)
    if rebuild and name in known.yanked:
        raise RefusedError(f"{name} was taken back itself", hint="choose a build that still counts")
    if rebuild and rebuild not in builds:
        raise RefusedError(
            f"{name} was never released, as far as the log and the registry know",
            hint="`shipmark log list` lists the builds that were released",
        )
    higher = [image_tag_of(to, one) for one in sorted(builds, reverse=True) if one > rebuild]
    return tuple(one for one in higher if one not in known.yanked)


def taken_back(to: Version, known: KnownReleases) -> tuple[Version, ...]:
    """The versions above `to` that were taken back earlier, highest first."""
    found = {
        str(one.version): one.version
        for one in known.listed
        if precedence_key(one.version) > precedence_key(to) and str(one.version) in known.yanked
    }
    return tuple(sorted(found.values(), key=precedence_key, reverse=True))


def aims(tags: Sequence[MovingTag], known: KnownReleases) -> tuple[tuple[TagRestore, ...], tuple[str, ...]]:
    """The version to which each tag moves, narrow tags (`1.4`) first; and the tags whose line has no version left."""
    found, left = [], []
    for tag in sorted({tag.name: tag for tag in tags}.values(), key=_width):
        top = guard.highest(tag.line, known)
        if top is None:
            left.append(tag.name)
        else:
            found.append(TagRestore(tag=tag.name, line=tag.line, version=top.version, rebuild=top.rebuild))
    return tuple(found), tuple(left)


def commit_of(version: Version, known: KnownReleases) -> str | None:
    """The commit from which a version was released, or None if no source says."""
    named: list[KnownVersion] = [one for one in known.listed if one.version == version]
    return next((one.commit for one in named if one.commit is not None), None)


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


def _width(tag: MovingTag) -> tuple[bool, bool, str]:
    return (tag.line.major is None, tag.line.minor is None, tag.name)


def _in_numbers(line: Line, version: Version) -> bool:
    return (line.major is None or line.major == version.major) and (
        line.minor is None or line.minor == version.minor
    )
