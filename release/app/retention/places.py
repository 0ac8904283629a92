"""Finds the repositories that a prune is about: the images of the config, names, lists in files, and patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import cast

import msgspec

from release.app.releases.known import project_of
from release.app.retention.reports import PruneRequest
from release.app.retention.trash import longest, trash_of
from release.app.session import Session
from release.config.load import load_policy
from release.config.retention import RetentionSection
from release.errors import ConfigError, NotFound
from release.hints import NAME_IMAGE
from release.oci.reference import Reference, parse_repository
from release.patterns import expression_of, has_wildcard
from release.retention.trash import emptying


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A repository to prune, the project that records it, and the policy. `where`: the policy's file.

    `trash`: the repository to which images are copied before they are deleted; `""`: none. `is_trash`: whether this is
    such a repository, whose names tell its times.
    """

    name: str
    project: str
    section: RetentionSection
    where: str
    trash: str = ""
    is_trash: bool = False


class _Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern of repositories. `within`: the registry, and the path before the first wildcard, which may be empty."""

    text: str
    within: Reference
    path: re.Pattern[str]


def places_of(
    session: Session, request: PruneRequest, planned: frozenset[str] | None = None
) -> tuple[Place, ...]:
    """The repositories to prune: those that the request names, or the images of the config.

    `planned`: the repositories of an approved plan, to which the result is reduced; registries are not asked which
    repositories they have then. Raises `ConfigError`, also for a repository of the plan that the request does not name.
    """
    given = None if request.policy is None else load_policy(request.policy, request.policy_name)
    found = (
        _named(session, request, given, planned)
        if request.repositories
        else _configured(session, request, given)
    )
    found = _with_trash(found)
    if planned is None:
        return found
    foreign = sorted(planned - {place.name for place in found})
    if foreign:
        more = f" and {len(foreign) - 1} more repositories" if len(foreign) > 1 else ""
        raise ConfigError(
            f"`{request.plan_name}` is about `{foreign[0]}`{more}, which this command does not prune",
            hint="give the `--image` or `--repositories` with which the plan was written",
        )
    return tuple(place for place in found if place.name in planned)


def _configured(session: Session, request: PruneRequest, given: RetentionSection | None) -> tuple[Place, ...]:
    found = _components(session, given, request.policy_name)
    if not found:
        raise _nothing(session, request, given)
    return found


def _components(session: Session, given: RetentionSection | None = None, name: str = "") -> tuple[Place, ...]:
    """The images of the components that have a policy. `given`: the policy for all of them, from the file `name`."""
    found: dict[str, Place] = {}
    for component in session.components:
        section = given or component.section.retention
        if section is None:
            continue
        where = name if given else _where(session, component.name, len(session.components))
        for target in component.targets:
            image = session.registries.open(target.image).name
            project = project_of(session, component)
            found.setdefault(image, Place(name=image, project=project, section=section, where=where))
    return tuple(found.values())


def _with_trash(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The places, each with its trash, and a place for each trash, from which goes what was kept long enough.

    A trash that a pattern names, too, is not pruned by the policy. Raises `ConfigError`.
    """
    found = {
        one.name: trash_of(one.name, one.section, project=one.project, where=one.where) for one in places
    }
    kept = longest(trash for name, trash in found.items() if trash is not None and trash.name != name)
    pruned = []
    for one in places:
        trash = found[one.name]
        if trash is not None and trash.name == one.name and one.name not in kept:
            raise ConfigError(
                f"{one.where}: `{one.name}` cannot be its own trash", hint=f"write `trash: {one.name}-trash`"
            )
        if one.name not in kept:
            pruned.append(one if trash is None else msgspec.structs.replace(one, trash=trash.name))
    emptied = (
        Place(
            name=one.name,
            project=one.project,
            section=emptying(one.keep),
            where=f"the trash {one.name}",
            is_trash=True,
        )
        for one in kept.values()
    )
    return (*pruned, *emptied)


def _where(session: Session, component: str, components: int) -> str:
    source = session.config.source or "shipmark.yml"
    return f"{source} (component `{component}`)" if components > 1 else source


def _named(
    session: Session, request: PruneRequest, given: RetentionSection | None, planned: frozenset[str] | None
) -> tuple[Place, ...]:
    """The repositories that the request names. Without `--policy`, an image of a component has its component's policy.

    Raises `ConfigError` for the image of a component without a policy, and for another repository if the components
    have different ones.
    """
    own = {} if given else {one.name: one for one in _components(session)}
    images = {
        session.registries.open(target.image).name for one in session.components for target in one.targets
    }
    shared = _shared(session, request, given)
    found = []
    for name in dict.fromkeys(_expanded(session, request.repositories, planned)):
        place = own.get(name)
        if place is None and (shared is None or (given is None and name in images)):
            raise _no_policy_for(session, name)
        found.append(place or msgspec.structs.replace(cast(Place, shared), name=name, project=name))
    return tuple(found)


def _shared(session: Session, request: PruneRequest, given: RetentionSection | None) -> Place | None:
    """The policy for repositories that are no component's, as a place without a name; None if there are several.

    Raises `ConfigError` if there is none.
    """
    if given is not None:
        return Place(name="", project="", section=given, where=request.policy_name)
    found = [one.section.retention for one in session.components if one.section.retention is not None]
    if not found:
        raise _nothing(session, request, given)
    where = session.config.source or "shipmark.yml"
    is_one = all(one == found[0] for one in found)
    return Place(name="", project="", section=found[0], where=where) if is_one else None


def _no_policy_for(session: Session, name: str) -> ConfigError:
    named = ", ".join(f"`{one.name}`" for one in session.components if one.section.retention is not None)
    return ConfigError(
        f"no policy is meant for `{name}`: the components {named} have policies for their own images",
        hint="name a file with `--policy FILE`, or choose the policy with `--component NAME`",
    )


def _expanded(session: Session, given: Iterable[str], planned: frozenset[str] | None) -> Iterator[str]:
    for text in given:
        if text.startswith("oci:"):
            raise ConfigError(
                f"`--repositories {text}` is a folder, and not a repository of a registry",
                hint=f"name it with `--image {text}`",
            )
        if not has_wildcard(text):
            yield parse_repository(text).name
            continue
        pattern = _pattern(text)
        if planned is not None:
            yield from (name for name in sorted(planned) if _matches(pattern, name))
            continue
        found = session.registries.repositories(pattern.within, partial(_fits, pattern))
        if not found:
            raise NotFound(
                f"`{pattern.within.registry}` lists no repository that matches `{text}`",
                hint="`*` stands for one part of a path, `**` for several: `ghcr.io/acme/**`; a registry lists only "
                "what the credential may see",
            )
        yield from (f"{pattern.within.registry}/{path}" for path in found)


def _fits(pattern: _Pattern, path: str) -> bool:
    return pattern.path.fullmatch(path) is not None


def _matches(pattern: _Pattern, name: str) -> bool:
    registry, _, path = name.partition("/")
    return registry == pattern.within.registry and _fits(pattern, path)


def _pattern(text: str) -> _Pattern:
    """The pattern `ghcr.io/acme/*`. Raises `ConfigError` if a wildcard stands in the registry's name."""
    literal = re.split(r"[*?\[\\]", text, maxsplit=1)[0]
    folder, slash, _ = literal.rpartition("/")
    if not slash:
        raise ConfigError(
            f"`--repositories {text}` does not name the registry before its first wildcard",
            hint="write `REGISTRY/PATH/*`, for example `ghcr.io/acme/*`",
        )
    # A name in place of the wildcards, so that registry and path are found as in a reference.
    reference = parse_repository(f"{folder}/x")
    path = reference.repository.rpartition("/")[0]
    rest = text[len(folder) + 1 :]
    try:
        expression = re.compile(expression_of(f"{path}/{rest}" if path else rest), re.ASCII)
    except ValueError as error:
        raise ConfigError(
            f"`--repositories {text}` is not a pattern: {error}", hint="write `ghcr.io/acme/*`"
        ) from error
    within = msgspec.structs.replace(reference, repository=path)
    return _Pattern(text=text, within=within, path=expression)


def _nothing(session: Session, request: PruneRequest, given: RetentionSection | None) -> ConfigError:
    if given is not None or any(one.section.retention for one in session.components):
        return ConfigError(
            "there is no image whose repository could be pruned",
            hint=NAME_IMAGE,
        )
    if request.apply is not None or request.plan is not None:
        return ConfigError(
            "no policy says what may be deleted, and an approved plan is executed as the policy says now",
            hint="add the `--policy FILE` with which the plan was made",
        )
    return ConfigError(
        "no policy says what may be deleted",
        hint='write `retention: {delete: [{match: "sha-*", older_than: 30d}]}` into shipmark.yml, '
        "or name a file with `--policy FILE`",
    )
