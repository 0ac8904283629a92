"""Decides the version and the image tags of a commit, each with its reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from ci.remedies import remedy
from release.errors import ConfigError, GitError, ShallowClone, TagConflict
from release.facts import Facts
from release.tagging.default_scheme import Proposal, propose
from release.tagging.guard import other_commit
from release.tagging.labels import source_url
from release.tagging.model import Candidate, Decision, FixedTag, HeldTags, KnownReleases, MovingTag, TagPolicy
from release.tagging.names import is_image_tag
from release.tagging.released import left_at_head, release_of, unread_tag
from release.tagging.unread import Unread
from release.tagging.warnings import cautions
from release.tagging.withholding import guarded
from release.versions.git_tags import VersionTags, versions_in
from release.versions.model import Version
from release.versions.semver import off_tag_version, parse_tag_name

_LABEL = "org.opencontainers.image."


def decide(
    facts: Facts,
    policy: TagPolicy,
    known: KnownReleases,
    *,
    component: str = "app",
    held: HeldTags | None = None,
    version: Version | None = None,
    asked: str | None = None,
    rebuild: int = 0,
    repositories: tuple[str, ...] = (),
    labels: Mapping[str, str] = {},
    annotations: Mapping[str, str] = {},
    allow_backward: bool = False,
) -> Decision:
    """The decision for one component, by the default scheme.

    `held`: the images that the tags name on the targets; None if no target was read. `version`: releases a commit
    without a git tag (`run --version`). `asked`: the git tag at HEAD to release, whatever the run's ref is (`run
    --release`); `""`: any version tag at HEAD. `rebuild`: N of the suffix `_rN`, if a released commit is built again.
    `labels`: override the decision's labels. Raises `AmbiguousVersion` (two version tags of equal precedence at HEAD),
    `TagConflict` (the version was released from another commit), `GitError` (a tag that no registry accepts, or a run
    for a git tag that looks like a version and is not one by `policy`).
    """
    basis = basis_of(facts, policy, known, component=component, version=version, asked=asked, rebuild=rebuild)
    base, known = basis.decision, basis.known
    if basis.unread is not None and basis.unread.looks == "version":
        raise basis.unread.error()
    require_valid(basis.proposal.tags)
    candidate = base.candidate or Candidate(commit=facts.commit)
    tags, withheld = guarded(basis.proposal, candidate, known, held, allow_backward)
    return msgspec.structs.replace(
        base,
        tags=tags,
        withheld=withheld,
        references=tuple(f"{repository}:{tag.name}" for repository in repositories for tag in tags),
        labels={**base.labels, **labels},
        annotations=dict(annotations),
    )


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """A decision without tags, and the tags that the default scheme proposes, before the guard judges them.

    `known`: the known releases, with the status that this run's release event gives to the version. `unread`: the git
    tag of the run, if it is not a version.
    """

    decision: Decision
    known: KnownReleases
    unread: Unread | None
    proposal: Proposal


def basis_of(
    facts: Facts,
    policy: TagPolicy,
    known: KnownReleases,
    *,
    component: str = "app",
    version: Version | None = None,
    asked: str | None = None,
    rebuild: int = 0,
) -> Basis:
    """Version, channel, labels and warnings of the commit. Arguments and errors are those of `decide`.

    The proposed tags are neither checked nor guarded: an invalid name of the default scheme must not be an error for
    tag rules, which make other names.
    """
    found = versions_in(facts.snapshot.tag_listing, policy.prefix, policy.versions)
    release = release_of(facts, policy, found, version=version, asked=asked)
    odd = unread_tag(facts, policy, release)
    candidate = Candidate(commit=facts.commit, version=release.version if release else None, rebuild=rebuild)
    require_own_version(candidate, known, found)
    known = with_box(facts, candidate.version, known)
    proposal = propose(facts, policy, release, rebuild, unread="" if odd is None else odd.reason)
    is_boxed = release is not None and str(release.version) in known.prereleases
    shown = release.version if release else _off_tag(facts, policy, found)
    return Basis(
        known=known,
        unread=odd,
        proposal=proposal,
        decision=Decision(
            component=component,
            version=None if shown is None else str(shown),
            commit=facts.commit,
            channel="prerelease" if is_boxed else proposal.channel,
            git_tag=release.git_tag if release else None,
            known_from=known.known_from,
            labels=_labels(facts, shown),
            warnings=(
                *cautions(facts, found, shown, policy, known),
                *left_at_head(facts, policy, found, release),
                *([f"nothing is released: {odd.reason}"] if odd is not None and odd.looks == "other" else []),
            ),
            candidate=candidate,
        ),
    )


def require_version(decision: Decision, facts: Facts) -> str:
    """The decision's version. Raises `ShallowClone` if missing history or git tags hide it, else `ConfigError`."""
    if decision.version is not None:
        return decision.version
    if facts.snapshot.shallow:
        raise ShallowClone(
            "this clone is shallow, and its version depends on history that it lacks",
            hint=remedy(facts.ci.system, "shallow"),
        )
    if facts.snapshot.commit_count is None and facts.snapshot.describe is None:
        raise ShallowClone(
            "the remote has git tags that this clone lacks, so its version is not known",
            hint=remedy(facts.ci.system, "no-tags"),
        )
    raise ConfigError(
        "this component has no versions", hint="set `versions: semver`, or run `shipmark tags` instead"
    )


def _off_tag(facts: Facts, policy: TagPolicy, found: VersionTags) -> Version | None:
    snapshot = facts.snapshot
    if policy.versions == "none":
        return None
    if snapshot.describe is not None:
        base = parse_tag_name(snapshot.describe.git_tag, policy.prefix, policy.versions)
        return off_tag_version(base, snapshot.describe.distance, facts.commit)
    if at_head := found.at(facts.commit):
        # This run may not release the version tag at HEAD: it has the tag's version, but sets no tags of a release.
        return at_head[0].version
    if snapshot.commit_count is not None:
        return off_tag_version(None, snapshot.commit_count, facts.commit)
    return None


def require_valid(tags: tuple[FixedTag | MovingTag, ...]) -> None:
    """Raise `GitError` for a tag whose name no registry accepts."""
    for tag in tags:
        if not is_image_tag(tag.name):
            raise GitError(
                f"`{tag.name}` is not an image tag that a registry accepts ({len(tag.name)} characters, 128 at most)",
                hint="release from a git tag with a shorter name",
            )


def require_own_version(candidate: Candidate, known: KnownReleases, found: VersionTags) -> None:
    """Raise `TagConflict` when the candidate's version was released, or is tagged in git, from another commit."""
    if candidate.version is None:
        return
    elsewhere = [
        (tag.commit, f"git tag `{tag.git_tag}`")
        for tag in found.of(candidate.version)
        if tag.commit != candidate.commit
    ]
    if clash := other_commit(candidate, known):
        elsewhere.insert(0, (str(clash.commit), clash.source))
    for commit, source in elsewhere:
        raise TagConflict(
            f"{candidate.version} was released from commit `{commit}` ({source}), and HEAD is `{candidate.commit}`",
            hint="a released version is never moved: put the git tag back, or release the next version",
        )


def with_box(facts: Facts, version: Version | None, known: KnownReleases) -> KnownReleases:
    """`known` with the status of `version` that the pre-release box of this run's release event gives."""
    box = facts.ci.prerelease
    if version is None or box is None or facts.git_tag is None:
        return known
    others = {one for one in known.prereleases if one != str(version)}
    own = {str(version)} if box else set()
    return msgspec.structs.replace(known, prereleases=tuple(sorted(others | own)))


def _labels(facts: Facts, version: Version | None) -> dict[str, str]:
    created = datetime.fromtimestamp(facts.snapshot.committed_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = {f"{_LABEL}created": created, f"{_LABEL}revision": facts.commit}
    if version is not None:
        labels[f"{_LABEL}version"] = str(version)
    source = source_url(facts.ci.repository_url or facts.snapshot.remote_url)
    if source is not None:
        labels[f"{_LABEL}source"] = source
    return dict(sorted(labels.items()))
