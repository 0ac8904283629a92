"""Plans prunes: save the manifests, delete, read back, record. Plans the way back, too. Pure.

The manifests are recorded before the first deletion. So a killed prune is known to the next one, which finishes it, and
`prune undo` can put everything back while the registry has the blobs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from release.plan.model import Phase, Plan, Step
from release.plan.prune import operands as po
from release.plan.prune.approval import basis_of
from release.plan.prune.steps import PruneStepMaker
from release.plan.release_input import Target
from release.plan.steps import check_log, ids
from release.retention.decision import Decision

PHASES = (
    Phase(name="preflight"),
    Phase(name="saved"),
    Phase(name="deleted", visible=True),
    Phase(name="settled", visible=True),
    Phase(name="recorded", visible=True),
)

UNDO_PHASES = (
    Phase(name="preflight"),
    Phase(name="restored", visible=True),
    Phase(name="recorded", visible=True),
)

# Digests and tags in one record. A digest takes 75 bytes and a tag at most 300 with its digest, so that a record stays
# below the 256 KiB of a log line.
_IN_A_RECORD = 500


class PrunedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What goes from one target. `unfinished`: digests with their tags that an earlier run deleted without a record.

    `follows`: the position of the last log entry about a prune of the target. `trash`: the repository to which images
    are copied before; `""`: none.
    """

    target: str
    project: str
    decision: Decision
    trash: str = ""
    unfinished: Mapping[str, tuple[str, ...]] = {}
    follows: int | None = None


class UndoneTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back to one target: digests in the order in which they were deleted, each with its tags.

    `trash`: the repository that may still hold them.
    """

    target: str
    project: str
    digests: Mapping[str, tuple[str, ...]]
    trash: str = ""
    follows: int | None = None


def plan_prune(targets: Sequence[PrunedTarget], request: Mapping[str, Any]) -> Plan:
    """The plan that deletes exactly what the decisions say."""
    steps: list[Step] = []
    basis: dict[str, str] = {}
    for one in targets:
        steps += _steps(one)
        for deletion in one.decision.deletions:
            basis[f"{one.target}@{deletion.digest}"] = basis_of(deletion)
        for untag in one.decision.untags:
            basis[f"{one.target}:{untag.tag}"] = untag.digest
    return Plan(
        purpose="prune",
        releases=(),
        phases=PHASES,
        steps=(check_log(), *steps) if steps else (),
        basis=basis,
        request=request,
    )


def _steps(one: PrunedTarget) -> list[Step]:
    make = PruneStepMaker(common={"project": one.project})
    parts = _parts(one)
    there = {deletion.digest for deletion in one.decision.deletions}
    saves = [
        make.save_manifests(one.target, digests, of=str(number), follows=one.follows)
        for number, part in enumerate(parts)
        if (digests := {digest: tags for digest, tags in part.digests.items() if digest in there})
    ]
    saved = {digest: step.id for step in saves for digest in _digests(step)}
    deletions, trashed = [], list[Step]()
    for deletion in one.decision.deletions:
        # Holders first: an index before its children, a subject before what refers to it.
        holders = tuple(f"delete:{one.target}:{holder}" for holder in deletion.holders)
        operands = po.DeleteManifest(
            target=one.target, digest=deletion.digest, tags=deletion.tags, rule=deletion.rule
        )
        kept = _into_trash(make, one, deletion.digest, saved[deletion.digest])
        trashed += kept
        needs = (saved[deletion.digest], *ids(kept), *holders)
        deletions.append(make.delete_manifest(operands, needs=needs))
    untags = [
        make.delete_tag(
            po.DeleteTag(target=one.target, tag=untag.tag, digest=untag.digest, rule=untag.rule),
            needs=ids(saves),
        )
        for untag in one.decision.untags
    ]
    if not parts:
        return []
    settle = make.settle_prune(po.SettlePrune(target=one.target, parts=parts))
    return [*saves, *trashed, *deletions, *untags, settle, *_records(make, one, parts, settle)]


def _into_trash(make: PruneStepMaker, one: PrunedTarget, digest: str, saved: str) -> list[Step]:
    """The step that copies the manifest into the trash, if there is one: before the deletion, which needs it."""
    if not one.trash:
        return []
    operands = po.TrashManifest(target=one.target, digest=digest, trash=one.trash)
    return [make.trash_manifest(operands, needs=(saved,))]


def _records(
    make: PruneStepMaker, one: PrunedTarget, parts: tuple[po.PrunedPart, ...], settle: Step
) -> list[Step]:
    place = Target(name=one.target, required=False)
    return [
        make.record(
            "pruned",
            "recorded",
            {
                "target": one.target,
                "tags": po.gone_tags(one.target, number),
                "digests": po.gone_digests(one.target, number),
                "tag_deletion": po.tag_deletion(one.target),
                "trash": one.trash or None,
                "follows": one.follows,
            },
            target=place,
            of=str(number),
            needs=(settle.id,),
        )
        for number in range(len(parts))
    ]


def _digests(step: Step) -> tuple[str, ...]:
    operands = step.operands
    return tuple(operands.digests) if isinstance(operands, po.SaveManifests) else ()


def _parts(one: PrunedTarget) -> tuple[po.PrunedPart, ...]:
    """What goes, split so that each part fits into one record."""
    whole = {deletion.digest: deletion.tags for deletion in one.decision.deletions}
    whole |= {digest: tags for digest, tags in one.unfinished.items() if digest not in whole}
    parts: list[po.PrunedPart] = []
    current: dict[str, tuple[str, ...]] = {}
    weight = 0
    for digest, tags in whole.items():
        if current and weight + len(tags) + 1 > _IN_A_RECORD:
            parts.append(po.PrunedPart(digests=current))
            current, weight = {}, 0
        current[digest] = tags
        weight += len(tags) + 1
    if current:
        parts.append(po.PrunedPart(digests=current))
    loose = {untag.tag: untag.digest for untag in one.decision.untags}
    names = sorted(loose)
    for start in range(0, len(names), _IN_A_RECORD):
        some = names[start : start + _IN_A_RECORD]
        parts += [po.PrunedPart(tags={name: loose[name] for name in some})]
    return tuple(parts)


def plan_undo(targets: Sequence[UndoneTarget], run: str) -> Plan:
    """The plan that puts back what the prune `run` deleted: parts before the index that lists them."""
    steps: list[Step] = []
    for one in targets:
        make = PruneStepMaker(common={"project": one.project})
        restores: list[Step] = []
        for digest, tags in reversed(list(one.digests.items())):
            operands = po.RestoreManifest(target=one.target, digest=digest, tags=tags, trash=one.trash)
            # One after another: a registry refuses an index whose children it does not have yet.
            restores.append(make.restore_manifest(operands, after=ids(restores[-1:])))
        fact = {
            "target": one.target,
            "digests": tuple(po.restored_digest(one.target, digest) for digest in one.digests),
            "tags": tuple(po.restored_tag(one.target, tag) for tags in one.digests.values() for tag in tags),
            "run": run,
            "follows": one.follows,
        }
        place = Target(name=one.target, required=False)
        record = make.record("unpruned", "recorded", fact, target=place, after=ids(restores))
        steps += [*restores, record]
    return Plan(
        purpose="undo",
        releases=(),
        phases=UNDO_PHASES,
        steps=(check_log(), *steps) if steps else (),
        request={"undo": run},
    )
