"""Reads the versions that tags name by the rules of components, such as `v1.4.2-alpine`, for rules with `semver`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from release.app.releases.version_tags import names_of, shares_repository
from release.app.session import Session
from release.config.component import Component
from release.config.retention import RetentionSection
from release.retention.selection import Naming, usual_naming
from release.versions.model import Version


def namings(session: Session, sections: Iterable[RetentionSection]) -> Mapping[str, Naming]:
    """How the tags of the components' repositories name versions, by repository; others name them as usual.

    Only asked for policies that select versions, since it takes the facts of the clone. Raises what those raise: with
    names that are not known, a rule of `keep` would keep nothing.
    """
    if not any(_selects_versions(one) for one in sections):
        return {}
    found: dict[str, list[Naming]] = {}
    for component in session.config.components:
        if component.section.tags == "default":
            continue
        naming = _naming(session, component)
        for target in component.targets:
            found.setdefault(session.registries.open(target.image).name, []).append(naming)
    return {name: _first_of((*several, usual_naming)) for name, several in found.items()}


def _selects_versions(section: RetentionSection) -> bool:
    deletes, keeps = section.delete, section.keep
    return any(one.semver is not None for one in deletes) or any(
        one.semver is not None or one.newest is not None for one in keeps
    )


def _naming(session: Session, component: Component) -> Naming:
    names = names_of(session, component)
    # Releases of several components in one repository are counted apart.
    owner = component.name if shares_repository(session, component) else ""

    def read(tag: str) -> tuple[Version, str] | None:
        found = None if names is None else names.read(tag)
        return None if found is None else (found[0], owner)

    return read


def _first_of(several: Iterable[Naming]) -> Callable[[str], tuple[Version, str] | None]:
    order = tuple(several)
    return lambda tag: next((found for one in order if (found := one(tag)) is not None), None)
