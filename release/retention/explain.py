"""Explains the decision about one tag: the rule, the facts, the fate of its digest, and what would change it. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from release.retention.decision import Decision
from release.retention.snapshot import HeldTag, Inventory
from release.retention.times import UNKNOWN_AGE


class Explanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`verdict`: of the tag. `fate`: what happens to the digest. `shares`: the other tags on the digest."""

    repository: str
    tag: str
    digest: str
    verdict: Literal["delete", "untag", "keep"]
    rule: str
    reason: str
    fate: str
    change: str
    shares: tuple[str, ...] = ()


def explain(name: str, inventory: Inventory, decision: Decision) -> Explanation | None:
    """Why the tag goes or stays; None if the repository has no such tag."""
    tag = next((one for one in inventory.tags if one.name == name), None)
    if tag is None:
        return None
    shares = tuple(
        sorted(one.name for one in inventory.tags if one.digest == tag.digest and one.name != name)
    )
    verdict = decision.tags.get(name)
    gone = next((one for one in decision.deletions if one.digest == tag.digest), None)
    if verdict is None:
        return _attached(tag, decision, goes=gone is not None, shares=shares)
    loose = next((one for one in (*decision.untags, *decision.shared) if one.tag == name), None)
    kept = decision.kept.get(tag.digest)
    if gone is not None:
        fate = "the digest goes, no other tag needs it" if not shares else "all tags on the digest go with it"
    else:
        fate = f"the digest stays: {kept.reason if kept else 'it was not read'}"
    change, outcome = verdict.change, verdict.verdict
    if outcome == "delete" and gone is None:
        outcome = "keep"
        if loose is not None and loose in decision.untags:
            return _explained(decision, tag, "untag", verdict.rule, verdict.reason, fate, change, shares)
        if loose is not None:
            fate += "; the registry cannot delete a tag without its digest"
        change = "what keeps the digest would have to go"
        if kept is not None and kept.reason.startswith(UNKNOWN_AGE):
            change = "`age: created` in the policy lets the image's creation time count"
    return _explained(decision, tag, outcome, verdict.rule, verdict.reason, fate, change, shares)


def _attached(tag: HeldTag, decision: Decision, *, goes: bool, shares: tuple[str, ...]) -> Explanation:
    reason = "it belongs to another image, and goes or stays with it"
    kept = decision.kept.get(tag.digest)
    fate = "it goes with its image" if goes else f"it stays: {kept.reason if kept else 'it was not read'}"
    change = "the decision about its image would have to change"
    return _explained(decision, tag, "delete" if goes else "keep", "", reason, fate, change, shares)


def _explained(
    decision: Decision,
    tag: HeldTag,
    verdict: Literal["delete", "untag", "keep"],
    rule: str,
    reason: str,
    fate: str,
    change: str,
    shares: tuple[str, ...],
) -> Explanation:
    return Explanation(
        repository=decision.repository,
        tag=tag.name,
        digest=tag.digest,
        verdict=verdict,
        rule=rule,
        reason=reason,
        fate=fate,
        change=change,
        shares=shares,
    )
