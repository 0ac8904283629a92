"""Which releases count when a moving tag moves: at the project's own targets, at a promotion's, after a rollback."""

from __future__ import annotations

from collections.abc import Sequence

from release.app.releases import known
from release.app.releases.known import known_everywhere
from release.app.session import Session, policy_of
from release.config.load import Component
from release.effects.watch import ReleaseSource
from release.errors import RegistryError
from release.oci import Repository
from release.plan.rollback import without
from release.tagging.model import KnownFrom, KnownReleases, Line


def at_own_targets(session: Session) -> ReleaseSource:
    """For a release: every release of the component. Tags of branches follow git alone, and ask no registry."""

    def releases(scope: str, line: Line, repository: Repository) -> KnownReleases:
        component = next(one for one in session.config.components if one.name == scope)
        if line.kind == "release":
            return known_everywhere(session.again(), component, policy_of(component), [repository])
        return known_everywhere(session, component, policy_of(component), [])

    return releases


def at_destinations(session: Session, project: str) -> ReleaseSource:
    """For a promotion: see `known_at`."""

    def releases(scope: str, line: Line, repository: Repository) -> KnownReleases:
        del scope, line
        return known_at(session.again(), project, repository)

    return releases


def without_yanked(session: Session, component: Component, yanks: Sequence[str]) -> ReleaseSource:
    """For a rollback: every release of the component; what this run yanks counts as yanked."""

    def releases(scope: str, line: Line, repository: Repository) -> KnownReleases:
        del scope, line
        found = known_everywhere(session.again(), component, policy_of(component), [repository])
        return without(found, yanks)

    return releases


def known_at(session: Session, project: str, repository: Repository) -> KnownReleases:
    """The releases that count at a destination.

    At one of the project's own targets every release does. Elsewhere (`production`) only those that are there: what
    was never promoted is not newer. What was taken back counts nowhere.
    """
    for component in session.config.components:
        if repository.name in {session.registries.open(one.image).name for one in component.targets}:
            return known_everywhere(session, component, policy_of(component), [repository])
    try:
        there = known.from_registry_tags(repository.tags())
    except RegistryError:
        there = known.from_registry_tags(None)
    taken_back = KnownReleases(yanked=session.log_state.yanked(project), known_from=KnownFrom(log="complete"))
    return known.unite(there, taken_back)
