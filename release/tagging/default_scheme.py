"""The default tag scheme: proposes the image tags of a release, a pull request, a branch or a single commit. Pure.

The guard judges the proposed moving tags afterwards, and may withhold them.
"""

from __future__ import annotations

import msgspec

from release.facts import Facts
from release.tagging.model import Channel, FixedTag, Line, MovingTag, TagPolicy, Withheld
from release.tagging.names import branch_tag, commit_tag, request_commit_tag, request_tag
from release.versions.calver import line_names
from release.versions.model import Version
from release.versions.semver import image_tag_of


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """The version that HEAD is released as. `why`: the reason shown for its tags."""

    version: Version
    git_tag: str | None
    why: str


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """The proposed tags, before the guard judges them. `refused`: tags that must not be set, with the reason."""

    channel: Channel
    tags: tuple[FixedTag | MovingTag, ...]
    refused: tuple[Withheld, ...] = ()


def propose(
    facts: Facts, policy: TagPolicy, release: Release | None, rebuild: int, *, unread: str = ""
) -> Proposal:
    """The proposed tags of a run: for a release, a pull request, a branch build, or a commit outside of branches.

    `unread`: the reason why the run's git tag is not a version, so that the run gets no tags; empty if it is a version.
    """
    if release is not None:
        return _propose_release(facts, policy, release, rebuild)
    if facts.ci.pull_request is not None and facts.scope.may in ("request", "nothing"):
        return _propose_request(facts, policy, rebuild)
    fixed = _commit_fixed(facts, rebuild)
    if facts.scope.may == "nothing" or unread:
        refused = Withheld(name=fixed.name, reason=unread or facts.scope.reason)
        return Proposal(channel="snapshot", tags=(), refused=(refused,))
    moving = _branch_tags(facts, policy)
    return Proposal(channel="branch" if moving else "snapshot", tags=(fixed, *moving))


def refusal(facts: Facts, policy: TagPolicy) -> str | None:
    """The reason why the run may not push anything; None if it may push."""
    if facts.scope.may == "nothing":
        return facts.scope.reason
    if facts.scope.may == "request" and not policy.pull_requests:
        return "builds of pull requests are pushed only with `pull_requests: true`"
    return None


def _propose_release(facts: Facts, policy: TagPolicy, release: Release, rebuild: int) -> Proposal:
    version = release.version
    why = f"rebuild {rebuild} of {version}" if rebuild else release.why
    tags: list[FixedTag | MovingTag] = [
        FixedTag(name=image_tag_of(version, rebuild), reason=why, policy="version")
    ]
    if not rebuild:
        # A rebuild gets no `sha-` tag: the tags of the commit and version stay on the image of the first release.
        tags.append(_commit_fixed(facts, 0))
    tags += release_lines(version, policy)
    if facts.ci.branch is not None and facts.branch is not None:
        tags += _branch_tags(facts, policy)  # a build of the branch moves the branch's tag too
    return Proposal(channel="release" if version.is_stable else "prerelease", tags=tuple(tags))


def release_lines(version: Version, policy: TagPolicy) -> list[MovingTag]:
    """The moving tags of a release: `1.4`, `1`, `latest`, then channels, which follow stable releases too."""
    lines: list[tuple[str, Line]] = []
    if version.is_stable:
        minor, major = line_names(version)
        if minor != str(version):  # `24.04` has no second tag of that name
            lines.append((minor, Line(kind="release", major=version.major, minor=version.minor)))
        if version.major > 0:
            lines.append((major, Line(kind="release", major=version.major)))
        if policy.latest == "auto":
            lines.append(("latest", Line(kind="release")))
    own = version.prerelease.split(".", 1)[0]
    lines += [
        (channel, Line(kind="release", channel=channel))
        for channel in policy.channels
        if version.is_stable or channel == own
    ]
    return [MovingTag(name=name, reason="", line=line) for name, line in lines]


def _branch_tags(facts: Facts, policy: TagPolicy) -> list[MovingTag]:
    if facts.branch is None:
        return []
    line = Line(kind="branch", name=facts.branch)
    name = branch_tag(facts.branch, facts.branches, policy.channels)
    tags = [MovingTag(name=name, reason="", line=line)]
    if policy.latest == "default-branch" and facts.is_default_branch:
        tags.append(MovingTag(name="latest", reason="", line=line))
    return tags


def _propose_request(facts: Facts, policy: TagPolicy, rebuild: int) -> Proposal:
    request = facts.ci.pull_request
    assert request is not None  # noqa: S101 - checked by the caller
    head = f", head `{request.head_sha[:12]}`" if request.head_sha else ""
    fixed = request_commit_tag(request.number, facts.commit) + (f"_r{rebuild}" if rebuild else "")
    moving = request_tag(request.number)
    reason = refusal(facts, policy)
    if reason is not None:
        refused = tuple(Withheld(name=name, reason=reason) for name in (fixed, moving))
        return Proposal(channel="pull-request", tags=(), refused=refused)
    line = Line(kind="pull-request", number=request.number)
    reason = f"build of request {request.number}{head}"
    return Proposal(
        channel="pull-request",
        tags=(
            FixedTag(name=fixed, reason=reason, policy="first-wins"),
            MovingTag(name=moving, reason="", line=line),
        ),
    )


def _commit_fixed(facts: Facts, rebuild: int) -> FixedTag:
    name = commit_tag(facts.commit) + (f"_r{rebuild}" if rebuild else "")
    why = f"rebuild {rebuild} of the commit at HEAD" if rebuild else "the commit at HEAD"
    return FixedTag(name=name, reason=why, policy="first-wins")
