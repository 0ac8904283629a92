"""Decides what a prune deletes in one repository: per tag, then per digest. Pure.

A rule of `keep` always wins over rules of `delete`. A digest is deleted only if every tag on it may go, if nothing that
stays needs it, and if everything about it is known. The result does not depend on the order of the listing.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.retention.ages import span_text
from release.retention.closure import Graph
from release.retention.decision import Decision, Deletion, KeptDigest, Untag
from release.retention.newest import newest_logged
from release.retention.policy import Policy
from release.retention.selection import USUAL_NAMING, Naming
from release.retention.snapshot import History, InUse, Inventory
from release.retention.tags import TagJudge
from release.retention.times import UNKNOWN_AGE, Ages
from release.versions.status import STATUS_TAG

#: The rule of a deletion that an earlier prune recorded as begun and did not finish.
UNFINISHED = "begun by an earlier prune"


def decide(
    policy: Policy, inventory: Inventory, in_use: InUse, history: History, naming: Naming = USUAL_NAMING
) -> Decision:
    """The decision about one repository. `naming`: which versions its tags name."""
    return _Deciding(policy, inventory, in_use, history, naming).result()


class _Deciding:
    def __init__(
        self, policy: Policy, inventory: Inventory, in_use: InUse, history: History, naming: Naming
    ) -> None:
        self._policy = policy
        self._inventory = inventory
        self._history = history
        self._ages = Ages(policy, inventory, history)
        self._graph = Graph(inventory)
        # An index is in use with one of its platforms: the next node may need another one.
        self._used = self._graph.with_indexes(in_use.digests)
        judge = TagJudge(policy, inventory, in_use, history, self._ages, naming)
        self._named = {tag.name: tag for tag in inventory.tags}
        self._tags = {tag.name: judge.judge(tag) for tag in inventory.tags if tag.is_ordinary}
        self._on: dict[str, list[str]] = {}
        for tag in sorted(inventory.tags, key=lambda one: one.name):
            self._on.setdefault(tag.digest, []).append(tag.name)
        self._logged: dict[str, str] = {}
        for rule in policy.keep:
            self._logged |= newest_logged(rule, history)
        self._deployed = any(rule.deployed for rule in policy.keep)

    def result(self) -> Decision:
        """The whole decision."""
        own: dict[str, str] = {}
        rules: dict[str, str] = {}
        for digest in self._inventory.manifests:
            reason = self._own_reason(digest)
            if reason is not None:
                own[digest] = reason
            elif (rule := self._rule_for(digest)) is not None:
                rules[digest] = rule
        wholes: dict[str, str] = {}
        if self._inventory.deletes_parts:
            # The registry would delete an image that stays, but has no tag, along with an index that lists it.
            wholes = self._graph.with_indexes({one: why for one, why in own.items() if one not in self._on})
            own |= wholes
        kept = self._graph.kept_with(own)
        deleted = {
            digest: rules.get(digest, "") for digest in self._inventory.manifests if digest not in kept
        }
        deletions = tuple(self._deletion(digest, deleted) for digest in self._graph.ordered(deleted))
        reasons = {digest: KeptDigest(digest=digest, reason=self._why(digest, own, kept)) for digest in kept}
        loose = self._loose_tags(own, wholes, reasons)
        removable = self._inventory.deletes_tags is True
        parts = self._dependents()
        decision = Decision(
            repository=self._inventory.repository,
            tags=self._tags,
            deletions=deletions,
            untags=loose if removable else (),
            shared=() if removable else loose,
            kept=reasons,
            images=sum(1 for digest in self._inventory.manifests if digest not in parts),
        )
        return decision if self._inventory.deletes_manifests else _tags_only(decision)

    def _ordinary(self, digest: str) -> list[str]:
        return [name for name in self._on.get(digest, ()) if name in self._tags]

    def _dependents(self) -> set[str]:
        """Manifests without an ordinary tag that are a part of another, or attached to one."""
        return {
            digest
            for digest, holders in self._graph.holders.items()
            if (holders or digest in self._graph.orphans) and not self._ordinary(digest)
        }

    def _own_reason(self, digest: str) -> str | None:
        """Why the manifest stays by itself; None if it may go, or if that depends on what it belongs to."""
        needed = self._reason_beside_tags(digest)
        if needed is not None:
            return needed
        tags = self._ordinary(digest)
        stays = [name for name in tags if self._tags[name].verdict == "keep"]
        if stays:
            return f"`{stays[0]}` stays: {self._tags[stays[0]].reason}"
        if self._is_of_unknown(digest):
            return "what it belongs to is not known"
        if self._belongs(digest) and not tags:
            return None
        return self._young(digest) if self._rule_for(digest) is not None else "no rule of `delete` matches"

    def _reason_beside_tags(self, digest: str) -> str | None:
        """Why the manifest stays whatever its tags are; None if there is no such reason."""
        manifest = self._inventory.manifests[digest]
        if manifest.fault:
            return f"it could not be read: {manifest.fault}"
        if digest in self._used:
            return f"in use: {self._used[digest]}"
        if digest in self._logged:
            return self._logged[digest]
        if self._deployed and digest in self._history.deployed:
            return f"runs in {self._history.deployed[digest]}, as the version log says"
        if STATUS_TAG in self._on.get(digest, ()):
            return "it tells the statuses of versions"
        return None

    def _is_of_unknown(self, digest: str) -> bool:
        """Whether a tag says that the manifest is attached to another, which is not there."""
        return any(name not in self._tags for name in self._on.get(digest, ())) and not self._belongs(digest)

    def _belongs(self, digest: str) -> bool:
        """Whether what the manifest belongs to decides about it."""
        orphan_of = self._graph.orphans.get(digest)
        return bool(self._graph.holders[digest]) or (
            orphan_of is not None and orphan_of in self._history.pruned
        )

    def _rule_for(self, digest: str) -> str | None:
        """The rule by which the manifest itself may go: that of its tags, or the one for untagged images."""
        tags = self._ordinary(digest)
        if tags:
            return self._tags[tags[0]].rule
        if digest in self._history.pruned or self._graph.orphans.get(digest) in self._history.pruned:
            return UNFINISHED
        if self._graph.holders[digest] or digest in self._graph.orphans:
            return None
        age = self._ages.of_digest(digest).milliseconds
        for rule in self._policy.delete:
            if rule.untagged and (not rule.older_than or (age is not None and age >= rule.older_than)):
                return rule.text
        return None

    def _young(self, digest: str) -> str | None:
        """Why the manifest is too young to go; None if it is old enough."""
        tags = self._ordinary(digest)
        if not self._policy.grace or (not tags and self._rule_for(digest) == UNFINISHED):
            return None
        ages = [self._ages.of_tag(self._named[name]) for name in tags] or [self._ages.of_digest(digest)]
        for age in ages:
            if age.milliseconds is None:
                return f"{UNKNOWN_AGE}: {age.since}"
            if age.milliseconds < self._policy.grace:
                return f"younger than `grace`: {span_text(age.milliseconds)} ({age.since})"
        return None

    def _deletion(self, digest: str, deleted: Mapping[str, str]) -> Deletion:
        holders = tuple(sorted(self._graph.holders[digest] & deleted.keys()))
        tags = self._ordinary(digest)
        # What an earlier prune left of an image is no image either: its subject is gone.
        because = "" if tags else holders[0] if holders else self._graph.orphans.get(digest, "")
        return Deletion(
            digest=digest,
            tags=tuple(self._on.get(digest, ())),
            rule=deleted[digest] or ("goes with what it belongs to" if holders and not tags else UNFINISHED),
            because=because,
            holders=holders,
        )

    def _loose_tags(
        self, own: Mapping[str, str], wholes: Mapping[str, str], reasons: Mapping[str, KeptDigest]
    ) -> tuple[Untag, ...]:
        """The tags that may go although their digest stays. `wholes`: indexes that stay because of what they list."""
        held = {one.digest for one in self._tags.values() if one.verdict == "delete"} & reasons.keys()
        may_untag = {one for one in held - wholes.keys() if self._may_untag(one, own)}
        return tuple(
            Untag(tag=name, digest=verdict.digest, rule=verdict.rule, kept=reasons[verdict.digest].reason)
            for name, verdict in sorted(self._tags.items())
            if verdict.verdict == "delete" and verdict.digest in may_untag
        )

    def _may_untag(self, digest: str, own: Mapping[str, str]) -> bool:
        """Whether other tags on the digest are all that keeps it, so that it would go with this tag without them.

        An image that is in use, deployed, young, in the log, or part of another that stays keeps its tags: nothing else
        may name it. A further rule of `keep`, which keeps one of its tags, must not let another go.
        """
        stays = any(self._tags[name].verdict == "keep" for name in self._ordinary(digest))
        return (
            stays
            and self._young(digest) is None
            and self._reason_beside_tags(digest) is None
            and not self._is_of_unknown(digest)
            and not self._graph.is_needed(digest, own)
        )

    def _why(self, digest: str, own: Mapping[str, str], kept: Mapping[str, str]) -> str:
        if digest in own:
            return own[digest]
        return f"belongs to {kept[digest]}, which stays"


def _tags_only(decision: Decision) -> Decision:
    """The decision where the registry deletes tags, and no manifests: the tags of the deletions go."""
    reason = "the registry deletes tags only"
    whole = decision.deletions
    emptied = tuple(
        Untag(tag=tag, digest=one.digest, rule=one.rule, kept=reason) for one in whole for tag in one.tags
    )
    stay = {one.digest: KeptDigest(digest=one.digest, reason=reason) for one in whole}
    return msgspec.structs.replace(
        decision,
        deletions=(),
        untags=(*decision.untags, *emptied),
        kept={**decision.kept, **stay},
        emptied=sum(1 for one in whole if one.tags and not one.because),
    )
