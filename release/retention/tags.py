"""Decides for each tag of a repository whether it may be deleted, and says which rule decided. Pure."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from release.lazy_pattern import pattern
from release.retention.ages import span_text
from release.retention.newest import Rank, Selected, rank_tags
from release.retention.policy import DeleteRule, KeepRule, Policy
from release.retention.selection import Naming
from release.retention.snapshot import HeldTag, History, InUse, Inventory
from release.retention.times import UNKNOWN_AGE, Age, Ages
from release.versions.model import Version

# Tags that follow others: `latest`, `1`, `1.4`, also with `v`.
_MOVING = pattern(r"latest|v?[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)


class TagVerdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The decision about a tag. `rule`: the rule that decided, or `""`. `change`: what would change the decision."""

    digest: str
    verdict: Literal["delete", "keep"]
    rule: str
    reason: str
    change: str = ""


class TagJudge:
    """Judges the tags of one repository."""

    def __init__(
        self,
        policy: Policy,
        inventory: Inventory,
        in_use: InUse,
        history: History,
        ages: Ages,
        naming: Naming,
    ) -> None:
        self._policy = policy
        self._in_use = in_use
        self._history = history
        self._ages = ages
        self._naming = naming
        ordinary = [tag for tag in inventory.tags if tag.is_ordinary]
        named = {tag.name: naming.version(tag.name) or (None, "") for tag in ordinary}
        self._versions = {name: version for name, (version, _) in named.items()}
        self._owners = {name: owner for name, (_, owner) in named.items()}
        self._ranks = {
            rule.text: self._ranked(rule, ordinary) for rule in policy.keep if rule.newest is not None
        }

    def _ranked(self, rule: KeepRule, tags: list[HeldTag]) -> dict[str, Rank]:
        selected = [
            Selected(tag, self._versions[tag.name], self._owners[tag.name])
            for tag in tags
            if rule.selector.selects(tag.name, self._versions[tag.name])
        ]
        return rank_tags(rule, selected, self._ages)

    def judge(self, tag: HeldTag) -> TagVerdict:
        """The decision about an ordinary tag."""
        age = self._ages.of_tag(tag)
        return self._kept(tag, age) or self._deleted(tag, age)

    def _kept(self, tag: HeldTag, age: Age) -> TagVerdict | None:
        if tag.fault:
            return _keep(tag, "", f"what it holds is not known: {tag.fault}")
        source = self._in_use.tags.get(tag.name) or self._in_use.digests.get(tag.digest)
        if source:
            return _keep(tag, "", f"in use: {source}", "nothing that `in_use` lists may name it any more")
        for rule in self._policy.keep:
            if (reason := self._kept_by(rule, tag, age)) is not None:
                return _keep(tag, rule.text, reason, f"`{rule.text}` would have to go, or not to match")
        if any(glob.fullmatch(tag.name) for glob in self._policy.immutable):
            return _keep(
                tag, "immutable", "a glob of `immutable` matches", "`immutable` would have to change"
            )
        if any(map(_MOVING.fullmatch, self._naming.bare(tag.name))) and not any(
            tag.name in rule.selector.exact for rule in self._policy.delete
        ):
            change = f"a rule of `delete` would have to name it without wildcards: `match: {tag.name}`"
            return _keep(tag, "", "it is a moving tag", change)
        return None

    def _kept_by(self, rule: KeepRule, tag: HeldTag, age: Age) -> str | None:
        if rule.deployed:
            where = self._history.deployed.get(tag.digest)
            return None if where is None else f"runs in {where}, as the version log says"
        if not rule.tags or not rule.selector.selects(tag.name, self._versions[tag.name]):
            return None
        # A rule that asks for a time keeps what has none.
        if rule.younger_than is not None and not (
            age.milliseconds is None or age.milliseconds < rule.younger_than
        ):
            return None
        pulled = self._ages.pulled(tag.digest)
        if rule.pulled_within is not None and not (pulled is None or pulled < rule.pulled_within):
            return None
        if rule.newest is None:
            return "it matches"
        rank = self._ranks[rule.text][tag.name]
        if rank.place > rule.newest:
            return None
        return (
            f"number {rank.place} of {rank.of}"
            if rank.place
            else "its time is not known, so it is not counted"
        )

    def _deleted(self, tag: HeldTag, age: Age) -> TagVerdict:
        version = self._versions[tag.name]
        waiting: list[tuple[DeleteRule, str]] = []
        for rule in self._policy.delete:
            if rule.untagged or not _selects(rule, tag.name, version):
                continue
            if not rule.older_than:
                return _delete(tag, rule, f"{_age_text(age)}")
            if age.milliseconds is None:
                waiting.append((rule, f"{UNKNOWN_AGE}: {age.since}"))
            elif age.milliseconds >= rule.older_than:
                return _delete(tag, rule, _age_text(age))
            else:
                left = span_text(rule.older_than - age.milliseconds)
                waiting.append((rule, f"{_age_text(age)}, `{rule.text}` deletes it in {left}"))
        if not waiting:
            return _keep(tag, "", "no rule of `delete` matches", "a rule of `delete` would have to match it")
        rule, reason = waiting[0]
        change = f"it would have to be older than {span_text(rule.older_than)}"
        if age.milliseconds is None:
            change += "; `age: created` in the policy lets the image's creation time count"
        return _keep(tag, rule.text, reason, change)


def _selects(rule: DeleteRule, name: str, version: Version | None) -> bool:
    return rule.selector.selects(name, version)


def _age_text(age: Age) -> str:
    return (
        "of unknown age" if age.milliseconds is None else f"{span_text(age.milliseconds)} old ({age.since})"
    )


def _keep(tag: HeldTag, rule: str, reason: str, change: str = "") -> TagVerdict:
    return TagVerdict(digest=tag.digest, verdict="keep", rule=rule, reason=reason, change=change)


def _delete(tag: HeldTag, rule: DeleteRule, reason: str) -> TagVerdict:
    change = "a rule of `keep` would have to match it"
    return TagVerdict(digest=tag.digest, verdict="delete", rule=rule.text, reason=reason, change=change)
