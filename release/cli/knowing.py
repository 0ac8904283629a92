"""The releases that exist, as one command learns of them: from git and a local log, or from everywhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from release.cli.session import Session
from release.config.load import Component
from release.errors import RegistryError
from release.tagging import known
from release.tagging.model import KnownFrom, KnownReleases, TagPolicy
from release.world import Note

if TYPE_CHECKING:
    from release.registry import Repository


def project_of(session: Session, component: Component) -> str:
    """Names the releases: from the config, else the first image's repository; with several, the component too."""
    if session.config.project is not None:
        several = len(session.config.components) > 1
        return f"{session.config.project}/{component.name}" if several else session.config.project
    return component.targets[0].image


def known_locally(session: Session, component: Component, policy: TagPolicy) -> KnownReleases:
    """Git tags and a local log: what is known without a connection."""
    from_git = known.from_git(
        session.snapshot(policy), policy.prefix, policy.versions, git_tag=session.ci.git_tag
    )
    if session.config.log[0].store != "file" or not session.trust.trusted:
        return from_git
    return known.unite(from_git, known_from_log(session, component, policy))


def known_from_log(session: Session, component: Component, policy: TagPolicy) -> KnownReleases:
    """What the version log says was released, and taken back."""
    section = session.config.log[0]
    if section.store == "file":
        session.require_own_folder()
    if section.store == "file" and not os.path.lexists(os.path.join(session.root, section.path)):
        return KnownReleases(known_from=KnownFrom(log="complete"))  # and the log's code need not be loaded
    state = session.log_state
    project = project_of(session, component) if component.targets or session.config.project else None
    released = state.released_versions(project)
    named = [
        (f"{version}_r{rebuild}" if rebuild else version, commit) for version, commit, rebuild in released
    ]
    return known.from_log_versions(named, state.yanked(project), scheme=policy.versions)


def known_everywhere(
    session: Session, component: Component, policy: TagPolicy, repositories: list[Repository]
) -> KnownReleases:
    """Git tags, the log, and the tags of `repositories`; one that does not answer leaves `unknown`.

    Unless it is an optional target: what is not required keeps no tag of the others from moving.
    """
    optional = {session.registries.open(one.image).name for one in component.targets if not one.required}
    parts = [known_locally(session, component, policy)]
    if repositories and parts[0].known_from.git != "complete":
        parts.append(known.from_remote_tags(session.remote_tags, policy.prefix, policy.versions))
    if repositories and session.config.log[0].store != "file":
        parts.append(known_from_log(session, component, policy))
    for repository in repositories:
        try:
            parts.append(known.from_registry_tags(repository.tags(), policy.versions))
        except RegistryError as error:
            if _is_not_asked(session, repository, error):
                continue
            if repository.name not in optional:
                parts.append(known.from_registry_tags(None))
    return known.unite(*parts)


def _is_not_asked(session: Session, repository: Repository, error: RegistryError) -> bool:
    """Whether a repository that wants a credential counts as not asked: in a run that may not use one."""
    if session.trust.trusted or error.status not in (401, 403):
        return False
    text = f"`{repository.name}` is not asked (untrusted): it wants a credential, and this run uses none"
    session.sink.emit(Note(level="info", text=text))
    return True
