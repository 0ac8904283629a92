"""Report types that several use cases share. `--json` prints them, so the members of the types must stay compatible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from release.tagging.model import Channel, Decision, FixedTag, KnownFrom, MovingTag


class WithheldTag(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that this commit does not get, and why."""

    name: str
    reason: str


class DecisionReport(msgspec.Struct, frozen=True, kw_only=True):
    """The version and the image tags of one component, each with its reason. `tags`: the primary fixed tag first.

    `known_from`: how much of each source of earlier releases was read. `references`: `repository:tag`, targets first.
    """

    schema: Literal["shipmark.decision/1"] = "shipmark.decision/1"
    component: str
    version: str | None
    commit: str
    channel: Channel
    git_tag: str | None
    known_from: KnownFrom
    tags: tuple[FixedTag | MovingTag, ...]
    withheld: tuple[WithheldTag, ...]
    references: tuple[str, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    warnings: tuple[str, ...]


def decision_report(decision: Decision) -> DecisionReport:
    """The report of a decision, without the members that only the planner uses."""
    return DecisionReport(
        component=decision.component,
        version=decision.version,
        commit=decision.commit,
        channel=decision.channel,
        git_tag=decision.git_tag,
        known_from=decision.known_from,
        tags=decision.tags,
        withheld=tuple(WithheldTag(name=one.name, reason=one.reason) for one in decision.withheld),
        references=decision.references,
        labels=decision.labels,
        annotations=decision.annotations,
        warnings=decision.warnings,
    )
