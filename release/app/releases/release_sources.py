"""The releases that count when a moving tag moves: for a release, for a promotion, and for a rollback."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from release.app.component_policy import policy_of
from release.app.releases.known import project_of, unite, with_statuses
from release.app.releases.known_everywhere import from_registry_tags, known_everywhere
from release.app.releases.version_tags import names_of
from release.app.session import Session
from release.config.component import Component
from release.effects.version_status import told_in
from release.effects.watch import ReleaseSource
from release.errors import RegistryError
from release.oci import Repository
from release.tagging.line_releases import without
from release.tagging.model import KnownFrom, KnownReleases, Line
from release.versions.semver import image_tag_of
from release.versions.status import KnownStatus


def at_own_targets(session: Session) -> ReleaseSource:
    """For a release: all known releases of the component; for the tag of a branch, those known without a registry."""

    def releases(scope: str, line: Line, repository: Repository) -> KnownReleases:
        component = next(one for one in session.config.components if one.name == scope)
        if line.kind == "release":
            again = session.again()
            return known_everywhere(again, component, policy_of(component), [repository], summary=True)
        return known_everywhere(session, component, policy_of(component), [], summary=True)

    return releases


def at_destinations(session: Session, project: str) -> ReleaseSource:
    """For a promotion: the releases that count at the repository of the tag, see `known_at`."""

    def releases(scope: str, line: Line, repository: Repository) -> KnownReleases:
        del scope, line
        return known_at(session.again(), project, repository)

    return releases


def with_decided(
    session: Session, component: Component, statuses: Sequence[KnownStatus], passed: Collection[str] = ()
) -> ReleaseSource:
    """For a rollback or a restore: all known releases of the component, with the new `statuses` of versions.

    `passed`: builds that count for nothing until the repository has an image of theirs.
    """

    def releases(scope: str, line: Line, repository: Repository) -> KnownReleases:
        del scope, line
        again = session.again()
        found = known_everywhere(again, component, policy_of(component), [repository], summary=True)
        there = {image_tag_of(one.version, one.rebuild) for one in found.versions if one.source == "registry"}
        return without(with_statuses(found, statuses), [name for name in passed if name not in there])

    return releases


def known_at(session: Session, project: str, repository: Repository) -> KnownReleases:
    """The releases that count at the destination of a promotion.

    At a target of a configured component all known releases count. In another repository (`production`) only releases
    count that were promoted there before. Yanked versions and pre-releases count nowhere.
    """
    for component in session.config.components:
        if repository.name in {session.registries.open(one.image).name for one in component.targets}:
            return known_everywhere(session, component, policy_of(component), [repository], summary=True)
    own = (one for one in session.config.components if one.targets and project_of(session, one) == project)
    promoted = next(own, None)
    names = None if promoted is None else names_of(session, promoted)
    try:
        tags = session.tags.listing(repository)
        there = from_registry_tags(tags, statuses=told_in(repository, tags), names=names)
    except RegistryError:
        there = from_registry_tags(None)
    of_log = with_statuses(
        KnownReleases(known_from=KnownFrom(log="complete")), session.log_state.statuses_of(project)
    )
    return unite(there, of_log)
