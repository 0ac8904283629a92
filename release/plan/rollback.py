"""The planner of rollbacks: versions are taken back, and each line's tag goes to the highest that is left. Pure.

The yank is recorded before a tag moves: the guard believes the log, so no other run moves a tag forth again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from release.errors import RefusedError
from release.plan import operands as op
from release.plan.model import Operands, Phase, Plan, Step
from release.plan.ownership import Expectation
from release.plan.steps import check_log
from release.tagging import guard
from release.tagging.model import Candidate, FixedTag, KnownReleases, KnownVersion, Line, MovingTag
from release.versions.model import Version
from release.versions.semver import image_tag_of, precedence_key

PHASES = (
    Phase(name="preflight"),
    Phase(name="permission"),
    Phase(name="yanked", visible=True),
    Phase(name="moving", visible=True),
)


class TagRestore(msgspec.Struct, frozen=True, kw_only=True):
    """A moving tag and the version that it should point at."""

    tag: str
    line: Line
    version: Version
    rebuild: int = 0

    @property
    def fixed(self) -> str:
        """The fixed tag of that version."""
        return image_tag_of(self.version, self.rebuild)


class RestoreTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A version on one target, for tags to come back to. `release`: its key; `follows`: the entry that set them last.

    `settled`: whether registry and log both say already that every one of `aims` is there.
    """

    target: str
    required: bool
    aims: tuple[TagRestore, ...]
    digest: str
    commit: str
    release: str
    settled: bool = False
    follows: int | None = None


class Rollback(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken back and where the tags land. `yanks`: versions, as the log names them."""

    project: str
    component: str
    reason: str
    to: str
    yanks: tuple[str, ...]
    landings: tuple[RestoreTarget, ...]


def above(to: Version, known: KnownReleases, line: Line | None = None) -> tuple[Version, ...]:
    """The released versions above `to` that count still, highest first; with `line` only those of its numbers.

    Raises `RefusedError` when `to` was never released or was taken back itself.
    """
    if str(to) in known.yanked:
        raise RefusedError(f"{to} was taken back itself", hint="choose a version that still counts")
    if not any(one.version == to for one in known.versions):
        raise RefusedError(
            f"{to} was never released, as far as git, the log and the registry know",
            hint="`shipmark log list` shows what was",
        )
    found = {
        str(one.version): one.version
        for one in known.versions
        if precedence_key(one.version) > precedence_key(to)
        and str(one.version) not in known.yanked
        and (line is None or _in_numbers(line, one.version))
    }
    return tuple(sorted(found.values(), key=precedence_key, reverse=True))


def taken_back(to: Version, known: KnownReleases) -> tuple[Version, ...]:
    """The versions above `to` that were taken back earlier, highest first."""
    found = {
        str(one.version): one.version
        for one in known.versions
        if precedence_key(one.version) > precedence_key(to) and str(one.version) in known.yanked
    }
    return tuple(sorted(found.values(), key=precedence_key, reverse=True))


def without(known: KnownReleases, yanks: Sequence[str]) -> KnownReleases:
    """The known releases as they are once `yanks` were taken back."""
    return msgspec.structs.replace(known, yanked=tuple(sorted({*known.yanked, *yanks})))


def aims(tags: Sequence[MovingTag], known: KnownReleases) -> tuple[tuple[TagRestore, ...], tuple[str, ...]]:
    """Where each tag belongs now, narrow ones first, and the tags whose line has nothing left."""
    found, left = [], []
    for tag in sorted({tag.name: tag for tag in tags}.values(), key=_width):
        top = guard.highest(tag.line, known)
        if top is None:
            left.append(tag.name)
        else:
            found.append(TagRestore(tag=tag.name, line=tag.line, version=top.version, rebuild=top.rebuild))
    return tuple(found), tuple(left)


def commit_of(version: Version, known: KnownReleases) -> str | None:
    """The commit that a version was released from, where any source tells."""
    named: list[KnownVersion] = [one for one in known.versions if one.version == version]
    return next((one.commit for one in named if one.commit is not None), None)


def plan_rollback(rollback: Rollback, basis: Mapping[str, str]) -> Plan:
    """The plan that records the yank and then moves every tag. `basis`: what the tags held."""
    steps = [check_log()]
    for landing in rollback.landings:
        steps += _checks(landing)
    if rollback.yanks:
        fact = {
            "kind": "yanked",
            "project": rollback.project,
            "component": rollback.component,
            "versions": rollback.yanks,
            "reason": rollback.reason,
        }
        steps.append(_record("record:yanked", "yanked", fact))
    for landing in rollback.landings:
        steps += _moves(rollback, landing)
    return Plan(
        purpose="rollback",
        releases=(),
        phases=PHASES,
        steps=tuple(steps),
        basis=basis,
        request={"to": rollback.to, "reason": rollback.reason},
    )


def _checks(landing: RestoreTarget) -> list[Step]:
    aim = landing.aims[0]
    expected = Expectation(commit=landing.commit, version=str(aim.version), digests=(landing.digest,))
    fixed = (FixedTag(name=aim.fixed, reason="where the tags come back to", policy="version"),)
    check = op.CheckTarget(target=landing.target, fixed=fixed, expected=expected)
    checks = [_step(f"check:{landing.target}:{aim.fixed}", "check-target", "preflight", check, landing)]
    if not landing.settled:
        push = op.CheckPush(target=landing.target)
        id_ = f"check-push:{landing.target}:{aim.fixed}"
        checks.append(_step(id_, "check-push", "permission", push, landing))
    return checks


def _moves(rollback: Rollback, landing: RestoreTarget) -> list[Step]:
    moves: list[Step] = []
    for aim in landing.aims:
        operands = op.MoveTag(
            target=landing.target,
            tag=aim.tag,
            line=aim.line,
            candidate=Candidate(commit=landing.commit, version=aim.version, rebuild=aim.rebuild),
            image=landing.digest,
        )
        step = _step(f"move:{landing.target}:{aim.tag}", "move-tag", "moving", operands, landing)
        moves.append(msgspec.structs.replace(step, after=tuple(one.id for one in moves[-1:])))
    if landing.settled:
        return moves
    fact: dict[str, Any] = {
        "kind": "moved",
        "project": rollback.project,
        "component": rollback.component,
        "release": landing.release,
        "commit": landing.commit or None,
        "target": landing.target,
        "tags": tuple(op.tagged_of(move.id, optional=True) for move in moves),
        "reason": f"rollback to {rollback.to}: {rollback.reason}",
        "follows": landing.follows,
    }
    whole = {name: value for name, value in fact.items() if value is not None}
    record = _record(f"record:moved:{landing.target}:{landing.aims[0].fixed}", "moving", whole)
    after = tuple(move.id for move in moves)
    return [*moves, msgspec.structs.replace(record, after=after, required=landing.required)]


def _record(id_: str, phase: str, fact: Mapping[str, Any]) -> Step:
    return Step(id=id_, kind="record", phase=phase, operands=op.Record(fact=fact))


def _step(id_: str, kind: str, phase: str, operands: Operands, landing: RestoreTarget) -> Step:
    return Step(id=id_, kind=kind, phase=phase, operands=operands, required=landing.required)


def _width(tag: MovingTag) -> tuple[bool, bool, str]:
    return (tag.line.major is None, tag.line.minor is None, tag.name)


def _in_numbers(line: Line, version: Version) -> bool:
    return (line.major is None or line.major == version.major) and (
        line.minor is None or line.minor == version.minor
    )
