"""Reduces a decision to what an approved plan deletes, or refuses it as stale. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.errors import StalePlan
from release.retention.decision import Decision, Deletion


def approved(
    decision: Decision, basis: Mapping[str, str], there: frozenset[str], held: Mapping[str, str]
) -> Decision:
    """The part of `decision` that an earlier plan with `basis` approved.

    `there`: the digests that the repository has now; `held`: tag -> digest now. What was approved and is gone was
    deleted by a run of the same plan that was killed. Raises `StalePlan` if something that was approved has other tags
    now, or has to stay.
    """
    deletions = {one.digest: one for one in decision.deletions}
    untags = {one.tag: one for one in decision.untags}
    digests, tags, moved = set(), set(), []
    for subject, then in basis.items():
        name, at, digest = subject.partition("@")
        if at and name == decision.repository:
            moved += _digest_moved(digest, then, deletions, there, decision)
            digests.add(digest)
        elif not at and subject.startswith(f"{decision.repository}:"):
            tag = subject[len(decision.repository) + 1 :]
            if tag in held and (tag not in untags or held[tag] != then):
                moved.append(f"`{tag}` may not be removed any more")
            tags.add(tag)
    for digest in digests & deletions.keys():
        moved += [
            f"{digest} is needed by {holder}, which the plan does not delete"
            for holder in deletions[digest].holders
            if holder not in digests
        ]
    if moved:
        more = f", and {len(moved) - 3} more" if len(moved) > 3 else ""
        raise StalePlan(
            f"the plan is stale for {decision.repository}: {'; '.join(moved[:3])}{more}",
            hint="look at a new plan: `shipmark prune -o FILE`",
        )
    return msgspec.structs.replace(
        decision,
        deletions=tuple(one for one in decision.deletions if one.digest in digests),
        untags=tuple(one for one in decision.untags if one.tag in tags),
    )


def repositories_in(plan: Mapping[str, Any]) -> frozenset[str]:
    """The repositories that the steps of a plan file are about."""
    steps = plan.get("steps")
    operands = (
        [one.get("operands") for one in steps if isinstance(one, dict)] if isinstance(steps, list) else []
    )
    targets = [one.get("target") for one in operands if isinstance(one, dict)]
    return frozenset(one for one in targets if isinstance(one, str))


def _digest_moved(
    digest: str, then: str, deletions: Mapping[str, Deletion], there: frozenset[str], decision: Decision
) -> list[str]:
    if digest not in there:
        return []
    if digest not in deletions:
        kept = decision.kept.get(digest)
        return [f"{digest} has to stay: {kept.reason if kept else 'it is not known why'}"]
    now = basis_of(deletions[digest])
    return [] if now == then else [f"{digest} had {then} and has {now}"]


def basis_of(deletion: Deletion) -> str:
    """What a plan's basis says of a deletion: its tags."""
    return ", ".join(f"`{tag}`" for tag in deletion.tags) or "no tag"
