"""Withholds tags: each that the guard does not let move, or all of a decision that is not carried out. Pure."""

from __future__ import annotations

import msgspec

from release.errors import TagConflict
from release.tagging.default_scheme import Proposal
from release.tagging.guard import Keep, Move, Refuse, Verdict, Withhold, judge
from release.tagging.model import (
    Candidate,
    Decision,
    FixedTag,
    Held,
    HeldTags,
    KnownReleases,
    MovingTag,
    Withheld,
)


def guarded(
    proposal: Proposal,
    candidate: Candidate,
    known: KnownReleases,
    held: HeldTags | None,
    allow_backward: bool,
) -> tuple[tuple[FixedTag | MovingTag, ...], tuple[Withheld, ...]]:
    """The proposed tags that may be set, and the withheld ones.

    Raises `TagConflict` for two proposed tags of one name, and for a release that the guard refuses.
    """
    kept: list[FixedTag | MovingTag] = []
    withheld = list(proposal.refused)
    taken: set[str] = set()
    for tag in proposal.tags:
        if tag.name in taken:
            raise TagConflict(
                f"two rules make the image tag `{tag.name}`",
                hint="rename the branch or the prerelease channel",
            )
        taken.add(tag.name)
        if isinstance(tag, FixedTag):
            kept.append(tag)
            continue
        verdict = _verdict(tag, candidate, known, held, allow_backward)
        match verdict:
            case Move() | Keep():
                kept.append(msgspec.structs.replace(tag, reason=verdict.reason))
            case Withhold():
                withheld.append(
                    Withheld(
                        name=tag.name,
                        reason=verdict.reason,
                        rightly=verdict.rightly,
                        line=tag.line,
                        lacks=verdict.lacks,
                    )
                )
            case Refuse():
                raise TagConflict(
                    verdict.reason,
                    hint="a version names one commit for ever: release this one under the next version",
                )
    return tuple(kept), tuple(withheld)


def _verdict(
    tag: MovingTag, candidate: Candidate, known: KnownReleases, held: HeldTags | None, allow_backward: bool
) -> Verdict:
    """The verdict for all targets together: the tag is kept in the decision if it may move on one of them.

    The guard judges each target again right before its tag is moved.
    """
    asked: tuple[Held | None, ...] = (held.at(tag.name) if held is not None else ()) or (None,)
    tip = held.branch_tip if held is not None else None
    verdicts = [
        judge(tag.line, candidate, known, one, branch_tip=tip, allow_backward=allow_backward) for one in asked
    ]
    refused = next((one for one in verdicts if isinstance(one, Refuse)), None)
    moves = next((one for one in verdicts if isinstance(one, Move | Keep)), None)
    wrongly = next((one for one in verdicts if isinstance(one, Withhold) and not one.rightly), None)
    return refused or moves or wrongly or verdicts[0]


def withhold_all(decision: Decision, reason: str) -> Decision:
    """`decision` with every tag withheld for `reason`; tags that were withheld before keep their reason."""
    withheld = tuple(Withheld(name=tag.name, reason=reason) for tag in decision.tags)
    return msgspec.structs.replace(decision, tags=(), references=(), withheld=(*withheld, *decision.withheld))
