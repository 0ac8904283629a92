"""The releases that exist, united over git tags, the version log and registries.

Each source says how much of it was read: `complete`, `partial`, `unknown` or `not asked`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from release.app.session import Session
from release.config.load import Component
from release.errors import RegistryError
from release.events import Note
from release.facts import may_lack_tags
from release.git.model import Snapshot
from release.tagging.model import (
    Knowledge,
    KnownFrom,
    KnownReleases,
    KnownVersion,
    TagPolicy,
)
from release.versions.git_tags import versions_in
from release.versions.model import Scheme
from release.versions.semver import parse_tag_name, version_of_image_tag

if TYPE_CHECKING:
    from release.oci import Repository


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


def project_of(session: Session, component: Component) -> str:
    """Names the releases: from the config, else the first image's repository; with several, the component too."""
    if session.config.project is not None:
        several = len(session.config.components) > 1
        return f"{session.config.project}/{component.name}" if several else session.config.project
    return component.targets[0].image


def known_locally(session: Session, component: Component, policy: TagPolicy) -> KnownReleases:
    """Git tags and a local log: what is known without a connection."""
    of_git = from_git(session.snapshot(policy), policy.prefix, policy.versions, git_tag=session.ci.git_tag)
    if session.config.log[0].store != "file" or not session.trust.trusted:
        return of_git
    return unite(of_git, known_from_log(session, component, policy))


def known_from_log(session: Session, component: Component, policy: TagPolicy) -> KnownReleases:
    """What the version log says was released, and taken back."""
    section = session.config.log[0]
    if section.store == "file":
        session.require_own_folder()
    if section.store == "file" and not session.ports.has_log(os.path.join(session.root, section.path)):
        return KnownReleases(known_from=KnownFrom(log="complete"))  # and the log's code need not be loaded
    state = session.log_state
    project = project_of(session, component) if component.targets or session.config.project else None
    released = state.released_versions(project)
    named = [
        (f"{version}_r{rebuild}" if rebuild else version, commit) for version, commit, rebuild in released
    ]
    return from_log_versions(named, state.yanked(project), scheme=policy.versions)


def known_everywhere(
    session: Session, component: Component, policy: TagPolicy, repositories: list[Repository]
) -> KnownReleases:
    """Git tags, the log, and the tags of `repositories`; one that does not answer leaves `unknown`.

    Unless it is an optional target: what is not required keeps no tag of the others from moving.
    """
    optional = {session.registries.open(one.image).name for one in component.targets if not one.required}
    parts = [known_locally(session, component, policy)]
    if repositories and parts[0].known_from.git != "complete":
        parts.append(from_remote_tags(session.remote_tags, policy.prefix, policy.versions))
    if repositories and session.config.log[0].store != "file":
        parts.append(known_from_log(session, component, policy))
    for repository in repositories:
        try:
            parts.append(from_registry_tags(repository.tags(), policy.versions))
        except RegistryError as error:
            if _is_not_asked(session, repository, error):
                continue
            if repository.name not in optional:
                parts.append(from_registry_tags(None))
    return unite(*parts)


def _is_not_asked(session: Session, repository: Repository, error: RegistryError) -> bool:
    """Whether a repository that wants a credential counts as not asked: in a run that may not use one."""
    if session.trust.trusted or error.status not in (401, 403):
        return False
    text = f"`{repository.name}` is not asked (untrusted): it wants a credential, and this run uses none"
    session.sink.emit(Note(level="info", text=text))
    return True
