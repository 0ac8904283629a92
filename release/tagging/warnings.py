"""Warnings about a decision, one line each."""

from __future__ import annotations

from ci.remedies import remedy
from release.facts import Facts
from release.tagging.model import KnownReleases, TagPolicy
from release.tagging.unread import is_ignored
from release.versions.git_tags import VersionTags, examples_of
from release.versions.model import Version
from release.versions.semver import image_tag_of


def cautions(
    facts: Facts, found: VersionTags, version: Version | None, policy: TagPolicy, known: KnownReleases
) -> tuple[str, ...]:
    """The warnings of a decision, with the remedy for the CI system of the run.

    `found`: the version tags of the clone; `version`: the decision's, None if it is unknown.
    """
    warnings = [*facts.warnings, *_idle(facts), *_dirty(facts), *_detached(facts, found)]
    if version is not None and version.build_metadata:
        warnings.append(f"a registry takes no `+`: {version} is the image tag `{image_tag_of(version)}`")
    if policy.versions != "none":
        warnings += [*_incomplete_clone(facts, version, known), *_odd(found, policy)]
    return tuple(warnings)


def _idle(facts: Facts) -> list[str]:
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
    text = "HEAD is detached and nothing says which branch this is: there is no branch's tag"
    at_head = () if facts.scope.at_head else found.at(facts.commit)
    return [f"{text}; `run --release {at_head[0].git_tag}` releases the git tag at HEAD" if at_head else text]


def _incomplete_clone(facts: Facts, version: Version | None, known: KnownReleases) -> list[str]:
    system, snapshot = facts.ci.system, facts.snapshot
    if snapshot.shallow and version is None:
        return [
            "this clone is shallow and no version tag is at HEAD, so there is no version: "
            + remedy(system, "shallow")
        ]
    if version is None and snapshot.commit_count is None:
        return [
            "the remote has git tags that this clone lacks, so there is no version: "
            + remedy(system, "no-tags")
        ]
    if known.known_from.git != "partial":
        return []
    if snapshot.shallow:
        return ["this clone is shallow, so it may lack other releases: " + remedy(system, "shallow")]
    # Warn in CI only, where tags are often not fetched. Elsewhere, no tags usually means that there is no release yet.
    if system == "none":
        return []
    return ["this clone lacks git tags; if there are any, " + remedy(system, "no-tags")]


def _odd(found: VersionTags, policy: TagPolicy) -> list[str]:
    names = [name for name in found.odd if not is_ignored(name, policy.ignore_tags)]
    if not names:
        return []
    shown = ", ".join(f"`{name}`" for name in examples_of(names))
    more = ", …" if len(names) > len(examples_of(names)) else ""
    tags = "git tag is not a version and is" if len(names) == 1 else "git tags are not versions and are"
    return [f"{len(names)} {tags} ignored: {shown}{more}"]
