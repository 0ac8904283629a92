"""Reads the versions that tags name by the rules of components, such as `v1.4.2-alpine`, for rules of retention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from release.app.releases.version_tags import names_of, shares_repository
from release.app.session import Session
from release.retention.selection import USUAL_NAMING, Naming
from release.tagging.version_names import VersionNames
from release.versions.model import Version


def namings(session: Session, repositories: Iterable[str]) -> Mapping[str, Naming]:
    """How the tags of repositories name versions, where a component has rules for them.

    Only asked where there are rules, since it takes the facts of the clone. Raises what those raise: with names that
    are not known, a rule of `keep` would keep nothing.
    """
    wanted = frozenset(repositories)
    found: dict[str, list[tuple[VersionNames, str]]] = {}
    for component in session.config.components:
        if component.section.tags == "default":
            continue
        own = {session.registries.open(target.image).name for target in component.targets} & wanted
        if own and (names := names_of(session, component)) is not None:
            # Releases of several components in one repository are counted apart.
            owner = component.name if shares_repository(session, component) else ""
            for name in own:
                found.setdefault(name, []).append((names, owner))
    return {name: _naming(tuple(several)) for name, several in found.items()}


def _naming(several: tuple[tuple[VersionNames, str], ...]) -> Naming:
    def version(tag: str) -> tuple[Version, str] | None:
        for names, owner in several:
            if (found := names.read(tag)) is not None:
                return found[0], owner
        return USUAL_NAMING.version(tag)

    def bare(tag: str) -> tuple[str, ...]:
        # Rules may put something around one of the tags only: `v1.4.2-alpine` beside `latest-alpine`.
        ends = dict.fromkeys((tag, *(tag.removesuffix(names.after) for names, _ in several)))
        return tuple(
            dict.fromkeys(
                one
                for end in ends
                for one in (end, *(end.removeprefix(names.before) for names, _ in several))
            )
        )

    return Naming(version=version, bare=bare)
