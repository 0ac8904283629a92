"""Collects the known releases from git tags, the version log and registries.

For each source the result says how much of it was read: `complete`, `partial`, `unknown` or `not asked`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Literal

import msgspec

from release.app.session import Session
from release.config.load import Component
from release.errors import LogError, RegistryError
from release.events import Note
from release.facts import may_lack_tags
from release.git.model import RemoteState, Snapshot
from release.tagging.model import (
    Knowledge,
    KnownFrom,
    KnownReleases,
    KnownVersion,
    TagPolicy,
)
from release.versions.git_tags import versions_in
from release.versions.model import Scheme
from release.versions.semver import version_of_image_tag
from release.versions.status import KnownStatus, lacking, merged, with_status

if TYPE_CHECKING:
    from release.oci import Repository


def from_git(
    snapshot: Snapshot,
    prefix: str = "",
    scheme: Scheme = "semver",
    *,
    git_tag: str | None = None,
    remote: RemoteState = "not asked",
) -> KnownReleases:
    """The versions of all git tags of the snapshot, reachable from HEAD or not.

    `remote`: `answered` if the snapshot holds the tags of the remote too, which makes git `complete`; `refused` makes
    it `partial`. In other states git is `partial` if the clone may lack tags. `git_tag`: the git tag that triggered the
    run.
    """
    lacks = may_lack_tags(snapshot, git_tag) if remote != "answered" else False
    return KnownReleases(
        tagged=(versions_in(snapshot.tag_listing, prefix, scheme),),
        known_from=KnownFrom(git="partial" if lacks or remote == "refused" else "complete"),
    )


def from_log_versions(
    released: Iterable[tuple[str, str | None]],
    knowledge: Knowledge = "complete",
    scheme: Scheme = "semver",
    statuses: Iterable[KnownStatus] = (),
) -> KnownReleases:
    """The versions in a version log. `released`: pairs of a version or fixed image tag, and its commit.

    Names that are not versions (`sha-…` of a branch build) are left out.
    """
    return with_statuses(
        KnownReleases(
            versions=tuple(
                KnownVersion(version=read[0], rebuild=read[1], source="log", commit=commit)
                for name, commit in released
                if (read := version_of_image_tag(name.replace("+", "_"), scheme)) is not None
            ),
            known_from=KnownFrom(log=knowledge),
        ),
        statuses,
    )


def with_statuses(known: KnownReleases, *statuses: Iterable[KnownStatus]) -> KnownReleases:
    """`known` with `statuses` added to its own; of several statuses of one version, the valid one counts."""
    valid = merged(known.statuses.values(), *statuses)
    return msgspec.structs.replace(
        known,
        yanked=with_status(valid, "yanked"),
        prereleases=with_status(valid, "prerelease"),
        statuses=valid,
    )


def from_registry_tags(
    tags: Iterable[str] | None, scheme: Scheme = "semver", statuses: Iterable[KnownStatus] = ()
) -> KnownReleases:
    """The versions of a repository's image tags. `statuses`: those that the repository's status artifact gives.

    `tags`: None if they could not be listed, which makes the registry `unknown`.
    """
    if tags is None:
        return KnownReleases(known_from=KnownFrom(registry="unknown"))
    return with_statuses(
        KnownReleases(
            versions=tuple(
                KnownVersion(version=read[0], rebuild=read[1], source="registry")
                for tag in tags
                if (read := version_of_image_tag(tag, scheme)) is not None
            ),
            known_from=KnownFrom(registry="complete"),
        ),
        statuses,
    )


def unite(*sources: KnownReleases) -> KnownReleases:
    """The union of all sources. Sources of one kind are `partial` together when, for example, only some answered."""
    united = KnownReleases(
        versions=tuple(chain.from_iterable(source.versions for source in sources)),
        tagged=tuple(chain.from_iterable(source.tagged for source in sources)),
        recorded=tuple(chain.from_iterable(source.recorded for source in sources)),
        known_from=KnownFrom(
            git=_all([source.known_from.git for source in sources]),
            log=_all([source.known_from.log for source in sources]),
            registry=_all([source.known_from.registry for source in sources]),
        ),
    )
    return with_statuses(united, *(source.statuses.values() for source in sources))


def _all(knowledge: Sequence[Knowledge]) -> Knowledge:
    asked = {one for one in knowledge if one != "not asked"}
    if not asked:
        return "not asked"
    return asked.pop() if len(asked) == 1 else "partial"


def project_of(session: Session, component: Component) -> str:
    """The project under which the log records releases: `project` of the config, else the first target's repository.

    With several components, the component's name is appended to `project`.
    """
    if session.config.project is not None:
        several = len(session.config.components) > 1
        return f"{session.config.project}/{component.name}" if several else session.config.project
    return component.targets[0].image


def known_locally(
    session: Session, component: Component, policy: TagPolicy, *, summary: bool = False
) -> KnownReleases:
    """The releases that are known without a connection: from git tags and, in a trusted run, from a log file.

    `summary`: see `known_from_log`.
    """
    of_git = from_git(
        session.git.snapshot(policy), policy.prefix, policy.versions, git_tag=session.ci.git_tag
    )
    return _with_file_log(of_git, session, component, policy, summary=summary)


def known_by_remote(
    session: Session, component: Component, policy: TagPolicy, *, summary: bool = False
) -> KnownReleases:
    """The releases that are known from git tags, those of the remote included, and from the version log.

    `summary`: see `known_from_log`.
    """
    snapshot, remote = session.git.completed(policy), session.git.remote.state
    of_git = from_git(snapshot, policy.prefix, policy.versions, git_tag=session.ci.git_tag, remote=remote)
    if session.config.log[0].store == "file":
        return _with_file_log(of_git, session, component, policy, summary=summary)
    return unite(of_git, known_from_log(session, component, policy, summary=summary))


def known_for_next(
    session: Session, component: Component, policy: TagPolicy, git_tag: Literal["none", "local", "pushed"]
) -> KnownReleases:
    """The versions that are taken, for the next version; for a git tag also those that only the registries have.

    A source that does not answer is `unknown`, after a warning. For a tag that is pushed, which others see, the error
    of the log or of a required target is raised: `LogError`, `RegistryError`.
    """
    must = git_tag == "pushed"
    try:
        found = [known_by_remote(session, component, policy)]
    except LogError as error:
        if must:
            raise
        session.warn(f"versions that only the version log has are not known: {error.message}")
        snapshot, state = session.git.completed(policy), session.git.remote.state
        found = [
            from_git(snapshot, policy.prefix, policy.versions, remote=state),
            KnownReleases(known_from=KnownFrom(log="unknown")),
        ]
    for target in component.targets if git_tag != "none" else ():
        try:
            found.append(from_registry_tags(session.registries.open(target.image).tags(), policy.versions))
        except RegistryError as error:
            if must and target.required:
                raise
            session.warn(f"versions that only `{target.image}` has are not known: {error.message}")
            found.append(from_registry_tags(None))
    return unite(*found)


def _with_file_log(
    of_git: KnownReleases, session: Session, component: Component, policy: TagPolicy, *, summary: bool
) -> KnownReleases:
    if session.config.log[0].store != "file" or not session.trust.trusted:
        return of_git
    return unite(of_git, known_from_log(session, component, policy, summary=summary))


def known_from_log(
    session: Session, component: Component, policy: TagPolicy, *, summary: bool = False
) -> KnownReleases:
    """The versions that the version log has as released or taken back.

    `summary`: a long log answers questions about its versions, and they are not listed. The guard needs no more.
    """
    section = session.config.log[0]
    if section.store == "file":
        session.require_own_folder()
    if section.store == "file" and not session.ports.has_log(os.path.join(session.root, section.path)):
        return KnownReleases(known_from=KnownFrom(log="complete"))  # saves importing the log's modules
    state = session.log_state
    project = project_of(session, component) if component.targets or session.config.project else None
    if summary and state.is_long and project is not None:
        recorded = (state.recorded(project, policy.versions),)
        known = KnownReleases(recorded=recorded, known_from=KnownFrom(log="complete"))
        return with_statuses(known, state.statuses_of(project))
    from release.log.state import rebuild_name  # imported late, as above

    released = state.whole.released_versions(project)
    named = [(rebuild_name(version, rebuild), commit) for version, commit, rebuild in released]
    return from_log_versions(named, scheme=policy.versions, statuses=state.statuses_of(project))


def known_everywhere(
    session: Session,
    component: Component,
    policy: TagPolicy,
    repositories: list[Repository],
    *,
    summary: bool = False,
    meanwhile: Callable[[KnownReleases], None] = lambda _: None,
) -> KnownReleases:
    """The releases known from git, the log, and the tags and statuses of `repositories`; without these, offline.

    `meanwhile`: called, while the repositories list their tags, with what git and the log know.

    A required target that does not answer makes the registries `unknown` or `partial`. An optional target that does not
    answer is ignored, so that it does not keep the tags of other targets from moving. `summary`: see `known_from_log`.
    """
    from release.task_group import TaskGroup

    optional = {session.registries.open(one.image).name for one in component.targets if not one.required}
    known = known_by_remote if repositories else known_locally
    parts = [known(session, component, policy, summary=summary)]
    lists = TaskGroup(jobs=len(repositories) or 1, name="list", cancel=session.cancel)
    for repository in repositories:
        lists.start(partial(session.tags.ahead, repository, listing=True))
    meanwhile(parts[0])
    lists.wait()
    told: dict[str, tuple[KnownStatus, ...]] = {}
    for repository in repositories:
        try:
            tags = session.tags.listing(repository)
            told[repository.name] = _told(session, repository, tags)
            parts.append(from_registry_tags(tags, policy.versions, told[repository.name]))
        except RegistryError as error:
            if _is_not_asked(session, repository, error):
                continue
            if repository.name not in optional:
                parts.append(from_registry_tags(None))
    united = unite(*parts)
    untold = {name: lacking(there, united.statuses.values()) for name, there in told.items()}
    return msgspec.structs.replace(united, untold={name: some for name, some in untold.items() if some})


def _told(session: Session, repository: Repository, tags: Collection[str]) -> tuple[KnownStatus, ...]:
    """The statuses in the repository's artifact; if they cannot be read, the error, after a warning with the cause.

    Without the warning the run would say no more than that releases are not known.
    """
    from release.effects.version_status import told_in

    try:
        return told_in(repository, tags)
    except RegistryError as error:
        if error.status not in (401, 403):
            text = f"it is not known which versions were taken back: {error.message}"
            session.sink.emit(Note(level="warning", text=text, hint=error.hint))
        raise


def _is_not_asked(session: Session, repository: Repository, error: RegistryError) -> bool:
    """Whether a repository counts as `not asked`: it needs a credential, and the run is not trusted to use one."""
    if session.trust.trusted or error.status not in (401, 403):
        return False
    text = f"`{repository.name}` is not asked (untrusted): it needs a credential, and this run uses none"
    session.sink.emit(Note(level="info", text=text))
    return True
