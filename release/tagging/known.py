"""The releases that exist, from git, the version log and registries, each with how much of it was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from release.errors import RegistryError
from release.facts import Facts, Snapshot, may_lack_tags
from release.git import Relation, relation
from release.tagging.labels import held_image
from release.tagging.listing import versions_in
from release.tagging.model import (
    Decision,
    FixedTag,
    Held,
    HeldTags,
    Knowledge,
    KnownFrom,
    KnownReleases,
    KnownVersion,
    MovingTag,
    Scheme,
)
from release.tagging.versions import parse_tag_name, version_of_image_tag
from release.world import Process

if TYPE_CHECKING:
    from release.registry import Repository


def from_git(
    snapshot: Snapshot, prefix: str = "", scheme: Scheme = "semver", *, git_tag: str | None = None
) -> KnownReleases:
    """The version tags of the clone: all of them, reachable or not; `partial` where the clone may lack some.

    `git_tag`: the tag that started the run.
    """
    partial = may_lack_tags(snapshot, git_tag)
    return KnownReleases(
        versions=tuple(
            KnownVersion(version=version, source="git tag")
            for version in versions_in(snapshot.tag_listing, prefix, scheme).versions
        ),
        known_from=KnownFrom(git="partial" if partial else "complete"),
    )


def from_remote_tags(
    tags: Mapping[str, str] | None, prefix: str = "", scheme: Scheme = "semver"
) -> KnownReleases:
    """The version tags of the remote (tag name to commit, as `git.remote_tags` gives them); None: it did not answer.

    United with a shallow clone's `partial` knowledge this makes git `complete`.
    """
    if tags is None:
        return KnownReleases()
    return KnownReleases(
        versions=tuple(
            KnownVersion(version=version, source="git tag", commit=commit)
            for name, commit in tags.items()
            if (version := parse_tag_name(name, prefix, scheme)) is not None
        ),
        known_from=KnownFrom(git="complete"),
    )


def from_log_versions(
    released: Iterable[tuple[str, str | None]],
    yanked: Iterable[str] = (),
    knowledge: Knowledge = "complete",
    scheme: Scheme = "semver",
) -> KnownReleases:
    """What a version log says: (fixed image tag or version, commit) of what was released, and what was taken back.

    Names that are no versions (a branch build's `sha-…`) are left out.
    """
    return KnownReleases(
        versions=tuple(
            KnownVersion(version=read[0], rebuild=read[1], source="log", commit=commit)
            for name, commit in released
            if (read := version_of_image_tag(name.replace("+", "_"), scheme)) is not None
        ),
        yanked=tuple(sorted(set(yanked))),
        known_from=KnownFrom(log=knowledge),
    )


def from_registry_tags(tags: Iterable[str] | None, scheme: Scheme = "semver") -> KnownReleases:
    """What one repository's tags say; None: it did not tell. An empty repository is known to be empty."""
    if tags is None:
        return KnownReleases(known_from=KnownFrom(registry="unknown"))
    return KnownReleases(
        versions=tuple(
            KnownVersion(version=read[0], rebuild=read[1], source="registry")
            for tag in tags
            if (read := version_of_image_tag(tag, scheme)) is not None
        ),
        known_from=KnownFrom(registry="complete"),
    )


def unite(*sources: KnownReleases) -> KnownReleases:
    """Everything that any source knows.

    Several registries are `partial` when only some answered. Git's tags are `complete` as soon as one source has
    them all (the remote for a shallow clone).
    """
    return KnownReleases(
        versions=tuple(one for source in sources for one in source.versions),
        yanked=tuple(sorted({version for source in sources for version in source.yanked})),
        known_from=KnownFrom(
            git=_best([source.known_from.git for source in sources]),
            log=_all([source.known_from.log for source in sources]),
            registry=_all([source.known_from.registry for source in sources]),
        ),
    )


def _best(knowledge: Sequence[Knowledge]) -> Knowledge:
    order: tuple[Knowledge, ...] = ("complete", "partial", "unknown")
    return next((one for one in order if one in knowledge), "not asked")


def _all(knowledge: Sequence[Knowledge]) -> Knowledge:
    asked = {one for one in knowledge if one != "not asked"}
    if not asked:
        return "not asked"
    return asked.pop() if len(asked) == 1 else "partial"


def gather_held(
    process: Process,
    repositories: Sequence[Repository],
    decision: Decision,
    facts: Facts,
    env: Mapping[str, str],
    *,
    heads: Mapping[str, str] | None = None,
) -> HeldTags:
    """What each repository holds under the decision's tags now; only reads.

    A repository that does not tell gives `unknown` with the cause. `heads`: the remote's branches, as
    `git.remote_heads` gives them: the tip of the branch whose tag is among the decision's.
    """
    held = [one for repository in repositories for one in _held_by(process, repository, decision, facts, env)]
    branch = next(
        (tag.line.name for tag in decision.tags if isinstance(tag, MovingTag) and tag.line.kind == "branch"),
        None,
    )
    return HeldTags(held=tuple(held), branch_tip=(heads or {}).get(branch or ""))


def _held_by(
    process: Process, repository: Repository, decision: Decision, facts: Facts, env: Mapping[str, str]
) -> list[Held]:
    held: list[Held] = []
    for tag in decision.tags:
        if held and held[-1].state == "unknown":
            # It was asked patiently once: asking the same silence for every tag would take minutes.
            held.append(Held(target=repository.name, tag=tag.name, state="unknown", cause=held[-1].cause))
            continue
        held.append(_held(process, repository, tag, facts, env))
    return held


def _held(
    process: Process, repository: Repository, tag: FixedTag | MovingTag, facts: Facts, env: Mapping[str, str]
) -> Held:
    from release.registry.inspect import image_facts

    try:
        descriptor = repository.resolve(tag.name)
        if descriptor is None:
            return Held(target=repository.name, tag=tag.name, state="free")
        # Only what a fixed tag holds can be adopted, so only there every platform is read.
        image = image_facts(repository, descriptor.digest, every=isinstance(tag, FixedTag))
    except RegistryError as error:
        return Held(target=repository.name, tag=tag.name, state="unknown", cause=error.message)
    held = held_image(repository.name, tag.name, descriptor.digest, image)
    if isinstance(tag, FixedTag) or tag.line.kind == "release":
        return held
    between: Relation = "unknown"
    if held.revision is not None:
        between = relation(process, facts.snapshot.root, held.revision, facts.commit, env)
    return msgspec.structs.replace(held, relation=between)
