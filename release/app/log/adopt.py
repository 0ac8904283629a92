"""Finds version tags that a registry has and the log does not, and records them with the evidence in the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from release.app.attempt_records import record_context
from release.app.log.read_registry import read_images
from release.app.log.vouching import origin_of, vouched_by
from release.app.releases.known import project_of
from release.app.session import Session
from release.config.component import Component
from release.errors import ConfigError, RegistryError
from release.log.rebuilt.identify import Found, Names, identify
from release.log.records.entry_members import without_rebuild
from release.oci import Repository
from release.versions.semver import version_of_image_tag


class UnrecordedTag(msgspec.Struct, frozen=True, kw_only=True):
    """A version tag of a target that no entry of the log set. `component`: the component with that target."""

    component: str
    target: str
    tag: str
    digest: str


class AdoptRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`tags`: image tags such as `1.4.2`; () for every version tag that the log lacks.

    `as_commit`: take images whose labels name no commit as those of their versions' git tags; images of `tags` also if
    their labels name another one. `reason`: why.
    """

    tags: tuple[str, ...] = ()
    as_commit: bool = False
    reason: str | None = None


class AdoptedTag(msgspec.Struct, frozen=True, kw_only=True):
    """`evidence`: what shows which release the tag is; `refused`: why it was not recorded, or empty."""

    target: str
    tag: str
    digest: str
    commit: str
    evidence: str
    refused: str


class AdoptReport(msgspec.Struct, frozen=True, kw_only=True):
    """The tags that were recorded, and those that were not."""

    schema: Literal["shipmark.log-adopt/1"] = "shipmark.log-adopt/1"
    tags: tuple[AdoptedTag, ...]


def unrecorded_tags(session: Session) -> tuple[UnrecordedTag, ...]:
    """The version tags of the components' targets that the log does not have. Raises `RegistryError`."""
    return tuple(one for component in session.components for one in _of(session, component))


def adopt(session: Session, request: AdoptRequest) -> AdoptReport:
    """Record the tags as released, where the images say of which commit they are, and git does not contradict.

    Raises `ConfigError` for a named tag that is not one of `unrecorded_tags`, and `RefusedError` in a run that is not
    trusted.
    """
    session.require_trusted("log adopt")
    vouched = vouched_by(as_commit=request.as_commit, reason=request.reason)
    found = unrecorded_tags(session)
    if missing := [tag for tag in request.tags if all(one.tag != tag for one in found)]:
        raise ConfigError(
            f"`{missing[0]}` is not a version tag that the log lacks",
            hint="`shipmark log verify --registry` lists those as `unrecorded`",
        )
    attempt = session.entropy.token()
    chosen = [one for one in found if not request.tags or one.tag in request.tags]
    return AdoptReport(
        tags=tuple(_adopt(session, one, attempt, vouched, is_named=bool(request.tags)) for one in chosen)
    )


def _of(session: Session, component: Component) -> Iterator[UnrecordedTag]:
    is_version, recorded = _version_tags(session, component), session.log_state.last_hold
    for target in component.targets:
        repository = session.registries.open(target.image)
        for tag in sorted(repository.tags()):
            if not is_version(tag) or recorded(repository.name, tag) is not None:
                continue
            held = repository.resolve(tag)
            if held is not None:
                yield UnrecordedTag(
                    component=component.name, target=repository.name, tag=tag, digest=held.digest
                )


def _version_tags(session: Session, component: Component) -> Callable[[str], bool]:
    """Whether a tag names a version of the component, by the default scheme or by its rules for its git tags."""
    origin, scheme = origin_of(session, component, ""), component.section.versions
    names: Names | None = origin.names
    if names is None:
        return lambda tag: version_of_image_tag(tag, scheme) is not None
    by_rules = frozenset(names.fixed(one.version, 0) for one in origin.git_tags.tags)
    shared = names.shared
    return lambda tag: (
        without_rebuild(tag) in by_rules or (not shared and version_of_image_tag(tag, scheme) is not None)
    )


def _adopt(session: Session, one: UnrecordedTag, attempt: str, vouched: str, *, is_named: bool) -> AdoptedTag:
    component = session.components_named(one.component)[0]
    repository = next(
        found
        for target in component.targets
        if (found := session.registries.open(target.image)).name == one.target
    )
    named, refused = _identified(session, component, repository, one, vouched, any_labels=is_named)
    if named is not None:
        session.log.append(_facts(session, component, one, named, attempt))
    return AdoptedTag(
        target=one.target,
        tag=one.tag,
        digest=one.digest,
        commit=named.commit if named is not None else "",
        evidence=named.evidence if named is not None else "",
        refused=refused,
    )


def _identified(
    session: Session,
    component: Component,
    repository: Repository,
    one: UnrecordedTag,
    vouched: str,
    *,
    any_labels: bool,
) -> tuple[Found | None, str]:
    """The release of the tag's image by the same evidence as `log rebuild`, or None and why it is not known."""
    try:
        images, unreadable = read_images(repository, (one.tag,), required=True, cancel=session.cancel)
    except RegistryError as error:
        return None, error.message
    if not images or images[0].image.digest != one.digest:
        return None, unreadable[0].reason if unreadable else "the tag was moved meanwhile"
    origin = origin_of(session, component, vouched)
    releases, left = identify(images[0], msgspec.structs.replace(origin, any_labels=any_labels))
    return (releases[0], "") if releases else (None, left[0].reason)


def _facts(
    session: Session, component: Component, one: UnrecordedTag, found: Found, attempt: str
) -> list[dict[str, Any]]:
    common = {
        **record_context(session, attempt),
        "project": project_of(session, component),
        "component": component.name,
        "release": found.key,
        "commit": found.commit,
        "image": {"digest": one.digest},
        "evidence": found.evidence,
    }
    tags = [{"name": one.tag, "digest": one.digest, "result": "already-there", "policy": "version"}]
    rebuild = {"rebuild": found.rebuild} if found.rebuild else {}
    vouched = [{**common, "kind": "built", "via": "adopt", "as_commit": True}] if found.as_commit else []
    return [
        *vouched,
        {**common, "kind": "pushed", "target": one.target, "tags": tags},
        {**common, "kind": "released", "version": found.version, "via": "adopt", **rebuild},
    ]
