"""Withholds all tags of a decision that is shown and not carried out. Pure."""

from __future__ import annotations

import msgspec

from release.tagging.model import Decision, Withheld


def withhold_all(decision: Decision, reason: str) -> Decision:
    """`decision` with every tag withheld for `reason`; tags that were withheld before keep their reason."""
    withheld = tuple(Withheld(name=tag.name, reason=reason) for tag in decision.tags)
    return msgspec.structs.replace(decision, tags=(), references=(), withheld=(*withheld, *decision.withheld))
