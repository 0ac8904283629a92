"""Collects the known releases from registries, besides git tags and the version log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec

from release.app.releases.known import from_git, known_by_remote, known_locally, unite, with_statuses
from release.app.releases.version_tags import names_of
from release.app.session import Session
from release.config.component import Component
from release.errors import LogError, RegistryError
from release.events import Note
from release.tagging.model import KnownFrom, KnownReleases, KnownVersion, TagPolicy
from release.tagging.version_names import VersionNames
from release.versions.model import Scheme
from release.versions.semver import version_of_image_tag
from release.versions.status import KnownStatus, lacking

if TYPE_CHECKING:
    from release.oci import Repository


def from_registry_tags(
    tags: Iterable[str] | None,
    scheme: Scheme = "semver",
    statuses: Iterable[KnownStatus] = (),
    names: VersionNames | None = None,
) -> KnownReleases:
    """The versions of a repository's image tags. `statuses`: those that the repository's status artifact gives.

    `tags`: None if they could not be listed, which makes the registry `unknown`. `names`: how rules name versions; None
    for the default scheme.
    """
    read_tag = version_of_image_tag if names is None else names.read
    if tags is None:
        return KnownReleases(known_from=KnownFrom(registry="unknown"))
    return with_statuses(
        KnownReleases(
            versions=tuple(
                KnownVersion(version=read[0], rebuild=read[1], source="registry", tag=tag)
                for tag in tags
                if (read := read_tag(tag, scheme)) is not None
            ),
            known_from=KnownFrom(registry="complete"),
        ),
        statuses,
    )


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
    names = names_of(session, component) if git_tag != "none" else None
    for target in component.targets if git_tag != "none" else ():
        try:
            tags = session.registries.open(target.image).tags()
            found.append(from_registry_tags(tags, policy.versions, names=names))
        except RegistryError as error:
            if must and target.required:
                raise
            session.warn(f"versions that only `{target.image}` has are not known: {error.message}")
            found.append(from_registry_tags(None))
    return unite(*found)


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
    names = names_of(session, component) if repositories else None
    for repository in repositories:
        try:
            tags = session.tags.listing(repository)
            told[repository.name] = _told(session, repository, tags)
            parts.append(from_registry_tags(tags, policy.versions, told[repository.name], names))
        except RegistryError as error:
            if _is_not_asked(session, repository, error):
                continue
            if repository.name not in optional:
                parts.append(from_registry_tags(None))
    united = unite(*parts)
    if repositories:
        from release.app.releases.unfit_on_remote import without_unfit

        united = without_unfit(session, policy, united)
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
