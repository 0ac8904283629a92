"""Makes the tags of a decision from what the rules give: their names, and fixed or moving. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from release.errors import ConfigError
from release.tagging.default_scheme import Proposal
from release.tagging.model import (
    Candidate,
    Decision,
    FixedTag,
    HeldTags,
    KnownReleases,
    Line,
    MovingTag,
    Withheld,
)
from release.tagging.names import branch_tag, is_image_tag
from release.tagging.rules.evaluate import RuleTag
from release.tagging.withholding import guarded

_BRANCH = "branch-"  # in front of a branch's name that reads like a release tag


_UNCOMPARED = "the version that it comes from cannot be compared with other releases"


def tagged(
    base: Decision,
    tags: Sequence[RuleTag],
    known: KnownReleases,
    held: HeldTags | None,
    allow_backward: bool,
) -> Decision:
    """`base` with the tags of the rules."""
    if not tags:
        return msgspec.structs.replace(base, warnings=(*base.warnings, "no rule gives this run a tag"))
    candidate = base.candidate or Candidate(commit=base.commit)
    fixed = _fixed(tags, candidate)
    moving = sorted(_moving(tags), key=lambda tag: _width(tag.line))
    unclear = tuple(
        Withheld(name=tag.name, reason=_UNCOMPARED, rightly=False) for tag in tags if tag.role is None
    )
    proposal = Proposal(channel=base.channel, tags=(*fixed, *moving), refused=unclear)
    kept, withheld = guarded(proposal, candidate, known, held, allow_backward)
    return msgspec.structs.replace(base, tags=kept, withheld=withheld)


def _fixed(tags: Sequence[RuleTag], candidate: Candidate) -> tuple[FixedTag, ...]:
    """The fixed tags: first those with the version, then those with the commit. A rebuild adds `_rN` to the names.

    For a rebuilt release, the tags of the commit stay on the image of the first release.
    """
    suffix = f"_r{candidate.rebuild}" if candidate.rebuild else ""
    versions = [tag for tag in tags if tag.role == "version"]
    commits = [tag for tag in tags if tag.role == "commit"]
    if suffix and versions:
        commits = []
    for tag in (*versions, *commits):
        if not is_image_tag(tag.name + suffix):
            raise ConfigError(
                f"{tag.rule.place}: `{tag.name}{suffix}` is too long for an image tag",
                hint=f"a tag has at most 128 characters, `{suffix}` included: shorten the rule's prefix or value",
            )
    return (
        *(FixedTag(name=tag.name + suffix, reason=tag.reason, policy="version") for tag in versions),
        *(FixedTag(name=tag.name + suffix, reason=tag.reason, policy="first-wins") for tag in commits),
    )


def _moving(tags: Sequence[RuleTag]) -> Iterable[MovingTag]:
    for tag in tags:
        if isinstance(tag.role, Line):
            yield MovingTag(name=_own_name(tag), reason=tag.reason, line=tag.role)


def _own_name(tag: RuleTag) -> str:
    """The tag's name, with `branch-` before it if a branch has the name of a release tag, which it would overwrite.

    The tag `latest` of `flavor: latest=true` keeps its name, since the user asked for it.
    """
    if (
        not tag.of_flavor
        and tag.rule.type == "ref"
        and tag.rule.text("event") == "branch"
        and branch_tag(tag.name).startswith(_BRANCH)
    ):
        return tag.name if tag.name.startswith(_BRANCH) else f"{_BRANCH}{tag.name}"
    return tag.name


def _width(line: Line) -> int:
    """Sort key of moving tags: narrow lines come before wide lines."""
    if line.kind != "release" or line.minor is not None:
        return 0
    return 1 if line.major is not None else 2
