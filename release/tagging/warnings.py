"""Warnings about a decision, one line each."""

from __future__ import annotations

from ci.remedies import remedy
from release.facts import Facts, may_lack_tags
from release.git.model import Snapshot
from release.tagging.line_releases import highest
from release.tagging.model import KnownReleases, Line, TagPolicy
from release.tagging.unread import belongs_elsewhere, not_ignored
from release.versions.git_tags import VersionTags, examples_of
from release.versions.model import Version
from release.versions.semver import image_tag_of, precedence_key
from release.versions.tag_listing import has_version_tag

# Version tags without a commit that the warning names, so that it stays one line.
_UNFIT = 3


def cautions(
    facts: Facts, found: VersionTags, version: Version | None, policy: TagPolicy, known: KnownReleases
) -> tuple[str, ...]:
    """The warnings of a decision, with the remedy for the CI system of the run.

    `found`: the version tags of the clone; `version`: the decision's, None if it is unknown.
    """
    warnings = [*facts.warnings, *idle(facts), *_dirty(facts), *_detached(facts, found)]
    if version is not None and version.build_metadata:
        warnings.append(f"a registry takes no `+`: {version} is the image tag `{image_tag_of(version)}`")
    if policy.versions != "none":
        warnings += [
            *clone_cautions(facts, known, has_version=version is not None),
            *_below_released(facts, found, version, policy, known),
            *_odd(found, policy),
        ]
    return tuple(warnings)


def idle(facts: Facts) -> list[str]:
    """A warning for a trusted run that releases nothing; commands themselves report a run that is not trusted."""
    scope = facts.scope
    return (
        [f"this run releases nothing: {scope.reason}"]
        if scope.may == "nothing" and scope.trust.trusted
        else []
    )


def _dirty(facts: Facts) -> list[str]:
    count, shown = facts.snapshot.dirty_count, facts.snapshot.dirty
    if not count:
        return []
    paths = ", ".join(f"`{path}`" for path in shown[:3]) + (", …" if count > 3 else "")
    files = "file differs" if count == 1 else "files differ"
    return [
        f"{count} tracked {files} from the commit ({paths}): `run` refuses, this is what it would do with a clean tree"
    ]


def _detached(facts: Facts, found: VersionTags) -> list[str]:
    ci = facts.ci
    known = facts.branch or facts.git_tag or facts.scope.may != "branch"
    # If the CI system names another commit, `reconcile` has warned already.
    if known or facts.snapshot.branch is not None or ci.branch is not None:
        return []
    if facts.scope.at_head and found.at(facts.commit):
        return []  # a laptop at a version tag: the run releases it, and moves no branch's tag anyway
    text = "HEAD is detached and nothing says which branch this is: there is no branch's tag"
    at_head = () if facts.scope.at_head else found.at(facts.commit)
    return [f"{text}; `run --release {at_head[0].git_tag}` releases the git tag at HEAD" if at_head else text]


def clone_cautions(facts: Facts, known: KnownReleases, *, has_version: bool) -> list[str]:
    """Warnings about tags and history that the clone lacks, and about a remote that did not list its tags."""
    return [*_refused(facts, known), *_lacking(facts, has_version=has_version), *_unfit(facts.snapshot)]


def _unfit(snapshot: Snapshot) -> list[str]:
    """A warning about version tags that name no commit."""
    if not snapshot.unfit:
        return []
    shown = ", ".join(
        f"`{one.git_tag}` ({'missing object' if one.kind == 'missing' else one.kind} `{one.target[:12]}`)"
        for one in snapshot.unfit[:_UNFIT]
    )
    more = f" and {len(snapshot.unfit) - _UNFIT} more" if len(snapshot.unfit) > _UNFIT else ""
    return [f"version tags that name no commit are no releases: {shown}{more}"]


def _refused(facts: Facts, known: KnownReleases) -> list[str]:
    remote = facts.remote
    if remote.state != "refused":
        return []
    whose = f"remote `{remote.name}`" if remote.name else "remotes"
    text = f"the {whose} could not be asked for git tags: {remote.cause}"
    if remote.locked:
        text += f" ({remedy(facts.ci.system, 'no-credential')})"
    by_registry = known.known_from.registry == "complete"
    return [f"{text}; moving tags are judged by the registry's list of tags" if by_registry else text]


def _lacking(facts: Facts, *, has_version: bool) -> list[str]:
    """Warnings about tags and history that this clone lacks or may lack, with the remedy for the run's CI system.

    Empty if the remote listed its tags and the version is known.
    """
    system, snapshot = facts.ci.system, facts.snapshot
    answered = facts.remote.state == "answered"
    if snapshot.shallow:
        if not has_version:
            text = "this clone is shallow, and its version depends on history that it lacks"
            return [f"{text}: {remedy(system, 'shallow')}"]
        text = f"this clone is shallow, so it may lack other releases: {remedy(system, 'shallow')}"
        return [] if answered else [text]
    if answered or not may_lack_tags(snapshot, facts.ci.git_tag):
        return []
    if facts.ci.git_tag is not None and has_version_tag(snapshot.tag_listing):
        return [
            f"this clone may lack git tags, as it lacks `{facts.ci.git_tag}`: {remedy(system, 'no-tags')}"
        ]
    return [without_version_tag(snapshot, system)]


def without_version_tag(snapshot: Snapshot, system: str) -> str:
    """The warning that a clone with a remote has no version tag, with the remedy for the CI system `system`."""
    whose = f"its remote `{snapshot.remote}`" if snapshot.remote else "one of its remotes"
    return f"this clone has no version tag; if {whose} has any, {remedy(system, 'no-tags')}"


def _below_released(
    facts: Facts, found: VersionTags, version: Version | None, policy: TagPolicy, known: KnownReleases
) -> list[str]:
    """A warning if a prerelease or an untagged commit of the default branch has a version below a release."""
    if version is None or version.is_stable or not facts.is_default_branch:
        return []
    top = found.highest_stable
    # If all known versions come from git tags, `found` has the highest. Comparing 20,000 `KnownVersion`s would take
    # longer than git itself.
    elsewhere = [one for one in known.versions if one.source != "git tag"]
    if elsewhere or known.recorded or known.yanked:
        best = highest(Line(kind="release"), known)
        top = None if best is None else best.version
    if top is None or precedence_key(top) < precedence_key(version):
        return []
    if found.at(facts.commit):
        # A prerelease at HEAD. Whether the history has the release was not looked up.
        return [f"{version} is below {top}, which is released already"]
    if policy.base == "nearest":
        # The history may well have the higher release, behind the nearest one.
        counted = facts.snapshot.describe
        why = f": `base: nearest` counts from `{counted.git_tag}`" if counted is not None else ""
        return [f"{version} is below {top}, which is released already{why}"]
    where = f"a commit that is not in the history of `{facts.branch}`"
    if facts.snapshot.shallow and facts.remote.state != "answered":
        where += ", as far as this clone has it"
    return [
        f"{version} is below {top}, which was released from {where}: versions here count from {top} once it is merged"
    ]


def _odd(found: VersionTags, policy: TagPolicy) -> list[str]:
    names = not_ignored(found.odd, policy.ignore_tags) if found.odd else []
    if policy.other_prefixes:  # a repository of one component may have 20,000 odd tags
        names = [name for name in names if not belongs_elsewhere(name, policy)]
    if not names:
        return []
    shown = ", ".join(f"`{name}`" for name in examples_of(names))
    more = ", …" if len(names) > len(examples_of(names)) else ""
    tags = "git tag is not a version and is" if len(names) == 1 else "git tags are not versions and are"
    return [f"{len(names)} {tags} ignored: {shown}{more}"]
