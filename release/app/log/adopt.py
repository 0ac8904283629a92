"""Finds version tags that a registry has and the log does not, and records them with the evidence in the images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from release.app.component_policy import policy_of
from release.app.open import record_context
from release.app.releases.known import project_of
from release.app.session import Session
from release.config.load import Component
from release.errors import ConfigError, RegistryError
from release.log.rebuilt.proof import proof_of
from release.oci import ImageFacts, Repository
from release.oci.image_config import image_facts
from release.plan.release_key import release_key
from release.versions.git_tags import versions_in
from release.versions.model import Version
from release.versions.semver import version_of_image_tag


class UnrecordedTag(msgspec.Struct, frozen=True, kw_only=True):
    """A version tag of a target that no entry of the log set. `component`: the component with that target."""

    component: str
    target: str
    tag: str
    digest: str


class AdoptRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`tags`: image tags such as `1.4.2`; () for every version tag that the log lacks."""

    tags: tuple[str, ...] = ()


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
    found = unrecorded_tags(session)
    if missing := [tag for tag in request.tags if all(one.tag != tag for one in found)]:
        raise ConfigError(
            f"`{missing[0]}` is not a version tag that the log lacks",
            hint="`shipmark log verify --registry` lists those as `unrecorded`",
        )
    attempt = session.entropy.token()
    chosen = [one for one in found if not request.tags or one.tag in request.tags]
    return AdoptReport(tags=tuple(_adopt(session, one, attempt) for one in chosen))


def _of(session: Session, component: Component) -> Iterator[UnrecordedTag]:
    scheme, recorded = component.section.versions, session.log_state.last_hold
    for target in component.targets:
        repository = session.registries.open(target.image)
        for tag in sorted(repository.tags()):
            if version_of_image_tag(tag, scheme) is None or recorded(repository.name, tag) is not None:
                continue
            held = repository.resolve(tag)
            if held is not None:
                yield UnrecordedTag(
                    component=component.name, target=repository.name, tag=tag, digest=held.digest
                )


def _adopt(session: Session, one: UnrecordedTag, attempt: str) -> AdoptedTag:
    component = session.components_named(one.component)[0]
    read = version_of_image_tag(one.tag, component.section.versions)
    assert read is not None  # noqa: S101 - `unrecorded_tags` lists version tags only
    repository = next(
        found
        for target in component.targets
        if (found := session.registries.open(target.image)).name == one.target
    )
    commit, evidence, refused = _evidence(session, component, repository, one, read[0])
    if not refused:
        session.log.append(_facts(session, component, one, read, commit, evidence, attempt))
    return AdoptedTag(
        target=one.target, tag=one.tag, digest=one.digest, commit=commit, evidence=evidence, refused=refused
    )


def _evidence(
    session: Session, component: Component, repository: Repository, one: UnrecordedTag, version: Version
) -> tuple[str, str, str]:
    """The commit of the tag's image, what shows that, and why the tag cannot be recorded (or empty)."""
    try:
        facts: ImageFacts | None = image_facts(repository, one.digest, every=True)
    except RegistryError as error:
        return "", "", error.message
    policy = policy_of(component)
    tags = versions_in(session.git.completed(policy).tag_listing, policy.prefix, policy.versions).of(version)
    proof = proof_of(version, facts.labels if facts is not None else {}, tags)
    return proof.commit, proof.text, proof.refused


def _facts(
    session: Session,
    component: Component,
    one: UnrecordedTag,
    build: tuple[Version, int],
    commit: str,
    evidence: str,
    attempt: str,
) -> list[dict[str, Any]]:
    project = project_of(session, component)
    common = {
        **record_context(session, attempt),
        "project": project,
        "component": component.name,
        "release": release_key(project, commit, one.tag),
        "commit": commit,
        "image": {"digest": one.digest},
        "evidence": evidence,
    }
    tags = [{"name": one.tag, "digest": one.digest, "result": "already-there", "policy": "version"}]
    version, rebuild = build
    return [
        {**common, "kind": "pushed", "target": one.target, "tags": tags},
        {
            **common,
            "kind": "released",
            "version": str(version),
            "via": "adopt",
            **({"rebuild": rebuild} if rebuild else {}),
        },
    ]
