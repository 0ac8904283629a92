"""Leaves out version tags of the remote that name no commit, where the clone lacks them."""

from __future__ import annotations

import msgspec

from release.app.session import Session
from release.tagging.model import KnownReleases, TagPolicy
from release.versions.git_tags import VersionTag
from release.versions.semver import precedence_key
from release.versions.tag_listing import commit_named


def without_unfit(session: Session, policy: TagPolicy, known: KnownReleases) -> KnownReleases:
    """`known` without the versions of tags that name a tree or a blob on the remote, after a warning.

    `git ls-remote` does not say what a tag names, and a shallow clone has few tags. Only tags are asked for that would
    withhold a moving tag of HEAD's version, and whose version neither the version log nor a registry has.
    """
    suspects = _suspects(session, policy, known)
    if not suspects:
        return known
    unfit = [tag for tag in suspects if _kind(session, tag) in ("tree", "blob")]
    if not unfit:
        return known
    versions = {tag.version for tag in unfit}
    left = tuple(tags.where(lambda version: version not in versions) for tags in known.tagged)
    # The next highest tags may name no commit, either.
    return without_unfit(session, policy, msgspec.structs.replace(known, tagged=left))


def _suspects(session: Session, policy: TagPolicy, known: KnownReleases) -> list[VersionTag]:
    """The tags above HEAD's version that only the remote has, and no registry and no log."""
    if session.git.remote.state != "answered":
        return []
    taken = session.git.snapshot(policy)
    above = [tag for tags in known.tagged for tag in tags.tops_above(taken.head)]
    alone = [tag for tag in above if commit_named(taken.tag_listing, tag.git_tag) is None]
    if not alone:
        return []
    released = {precedence_key(one.version) for one in known.versions}
    return [
        tag
        for tag in alone
        if precedence_key(tag.version) not in released
        and not any(log.of(tag.version) for log in known.recorded)
    ]


def _kind(session: Session, tag: VersionTag) -> str:
    """The type of what the remote's tag names, asked once; "" if it is not known."""
    kinds, key = session.git.tag_kinds, (tag.git_tag, tag.commit)
    if key not in kinds:
        from release.app.clone_history import tags_of_remote
        from release.git.remote_tags import kind_of

        kinds[key] = kind_of(tags_of_remote(session), tag.git_tag)
        if kinds[key] in ("tree", "blob"):
            shown = f"`{tag.git_tag}` of the remote names a {kinds[key]} (`{tag.commit[:12]}`)"
            session.warn(f"git tag {shown}, no commit, and is no release")
    return kinds[key]
