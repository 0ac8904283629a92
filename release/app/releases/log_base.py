"""Counts the version of a commit from a release that only the version log has (`run --version 1.1.0 --reason …`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release.facts import Facts
from release.git.model import Describe, Snapshot
from release.ref_names import is_commit
from release.tagging.model import KnownReleases, TagPolicy
from release.versions.git_tags import VersionTag, VersionTags, versions_in
from release.versions.model import Version
from release.versions.semver import parse_tag_name, precedence_key

if TYPE_CHECKING:
    from release.app.session import Session


def with_log_base(
    session: Session, facts: Facts, known: KnownReleases, policy: TagPolicy, *, online: bool = False
) -> Facts:
    """`facts`, with the version counted from a release of the version log if that is higher than any git tag's.

    The release is at HEAD or in its history, and has no git tag. A warning names the tag that all clones would count
    from. `online`: history that a shallow clone lacks may be fetched. Runs git only if the log has such a release.
    """
    snapshot = facts.snapshot
    if policy.versions == "none" or versions_in(snapshot.tag_listing, policy.prefix, policy.versions).at(
        snapshot.head
    ):
        return facts
    describe = snapshot.describe
    if describe is None and snapshot.commit_count is None:
        return facts  # the clone lacks the history or the git tags that would decide
    base = None if describe is None else parse_tag_name(describe.git_tag, policy.prefix, policy.versions)
    listing = log_listing(snapshot, known, policy, above=base)
    releases = versions_in(listing, policy.prefix, policy.versions)
    if base is not None:
        floor = precedence_key(base)
        releases = releases.where(lambda version: precedence_key(version) > floor)
    if not releases:
        return facts
    found = _position(session, snapshot, releases, online=online)
    if found is None:
        return facts
    told = (
        f"the version counts from {found.git_tag.removeprefix(policy.prefix).removeprefix('v')}, which only the "
        f"version log has: `git tag {found.git_tag} {found.commit[:12]}` makes every clone count from it"
    )
    return msgspec.structs.replace(
        facts,
        snapshot=msgspec.structs.replace(snapshot, describe=found, commit_count=None),
        warnings=(*facts.warnings, told),
    )


def log_listing(
    snapshot: Snapshot, known: KnownReleases, policy: TagPolicy, *, above: Version | None = None
) -> bytes:
    """Lines as of `show-ref` for the releases that only the log has, under the names that their git tags would have.

    above: a long log's lower versions are left out.
    """
    # Releases of git tags (`known.tagged`) are not of the log.
    of_log = [*known.versions, *(one for log in known.recorded for one in log.every(above))]
    logged = [one for one in of_log if one.source == "log" and one.commit and not one.rebuild]
    if not logged:
        return b""
    found = versions_in(snapshot.tag_listing, policy.prefix, policy.versions)
    tagged = {precedence_key(version) for version in found.versions}
    style = tag_style(found.highest, policy.prefix)
    return b"".join(
        f"{one.commit} refs/tags/{policy.prefix}{style}{one.version}\n".encode()
        for one in logged
        if precedence_key(one.version) not in tagged and is_commit(one.commit or "")
    )


def tag_style(last: VersionTag | None, prefix: str) -> str:
    """The `v` of `v1.4.2` if the version tag `last` has it, or if there is none; else empty."""
    return "v" if last is None or last.git_tag.removeprefix(prefix).startswith("v") else ""


def _position(
    session: Session, snapshot: Snapshot, releases: VersionTags, *, online: bool
) -> Describe | None:
    """The highest of `releases` at HEAD or in its history, with the number of commits since; None if there is none."""
    if at_head := releases.at(snapshot.head):
        return Describe(git_tag=at_head[0].git_tag, commit=snapshot.head, distance=0)
    # Imported late: `tags` seldom needs the modules that it loads.
    from release.app.clone_history import edge_of
    from release.git.command import Git
    from release.git.describe import position_of, sure_position

    git = Git(session.process, snapshot.root, session.settings.env)
    edge = edge_of(session, snapshot)
    if online:
        return sure_position(git, snapshot.head, releases, session.git.whole_history, edge=edge)[0]
    return position_of(git, snapshot.head, releases, nearest=False, walk=False, edge=edge)[0]
