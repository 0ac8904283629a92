"""Asks git, the version log and the registries what the planner needs, and hands it over as values."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from release import git
from release.cli.rules import decide_component
from release.cli.session import Session, policy_of
from release.config.load import Component
from release.errors import ConfigError, RegistryError
from release.facts import Facts
from release.plan.obtain import STORE, Place, Recorded
from release.plan.operands import BuildSpec
from release.plan.release import release_key
from release.plan.subject import Subject, Target
from release.registry import Repository
from release.registry.layout import Layout
from release.tagging import known
from release.tagging.model import Decision, FixedTag, HeldTags, KnownReleases, TagPolicy, Version


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks of this release beyond the configuration."""

    version: Version | None = None
    rebuild: int = 0
    reason: str | None = None
    allow_backward: bool = False
    offline: bool = False

    @property
    def request(self) -> dict[str, Any]:
        """As the plan and the `planned` record say it; empty when nothing special was asked."""
        asked: dict[str, Any] = {}
        if self.version is not None:
            asked["version"] = str(self.version)
        if self.rebuild:
            asked["rebuild"] = self.rebuild
        if self.allow_backward:
            asked["allow_backward"] = True
        if self.reason:
            asked["reason"] = self.reason
        return asked


def project_of(session: Session, component: Component) -> str:
    """Names the releases: from the config, else the first image's repository; with several, the component too."""
    if session.config.project is not None:
        several = len(session.config.components) > 1
        return f"{session.config.project}/{component.name}" if several else session.config.project
    return component.targets[0].image


def known_locally(session: Session, component: Component, policy: TagPolicy) -> KnownReleases:
    """Git tags and a local log: what is known without a connection."""
    from_git = known.from_git(session.snapshot(policy), policy.prefix)
    if not session.log.store.local:
        return from_git
    return known.unite(from_git, known_from_log(session, component))


def known_from_log(session: Session, component: Component) -> KnownReleases:
    """What the version log says was released, and taken back."""
    state = session.log_state
    project = project_of(session, component) if component.targets or session.config.project else None
    released = state.released_versions(project)
    named = [
        (f"{version}_r{rebuild}" if rebuild else version, commit) for version, commit, rebuild in released
    ]
    return known.from_log_versions(named, state.yanked(project))


def require_targets(component: Component) -> None:
    """Raise `ConfigError` unless the component has somewhere to go."""
    if not component.targets:
        raise ConfigError(
            f"component `{component.name}` has no image to go to",
            hint="give `--image ghcr.io/acme/app`, or write `image: ghcr.io/acme/app` into shipmark.yml",
        )


def gather(session: Session, component: Component, wishes: Wishes) -> Subject:
    """Everything about one component's release. Asks every target, unless `wishes.offline`."""
    require_targets(component)
    policy = policy_of(component)
    facts = session.facts(policy)
    repositories = [] if wishes.offline else [session.registries.open(one.image) for one in component.targets]
    releases = known_everywhere(session, component, policy, repositories)
    first = decide_component(session, component, facts, policy, releases, None, wishes)
    if wishes.offline:
        return _subject(session, component, facts, first, HeldTags(), wishes)
    held = known.gather_held(session.process, repositories, first, facts, session.settings.env)
    decision = decide_component(session, component, facts, policy, releases, held, wishes)
    return _subject(session, component, facts, decision, held, wishes)


def known_everywhere(
    session: Session, component: Component, policy: TagPolicy, repositories: list[Repository]
) -> KnownReleases:
    """Git tags, the log, and each target's tags; a target that does not answer leaves `unknown`."""
    parts = [known_locally(session, component, policy)]
    if repositories and session.snapshot(policy).shallow:
        tags = git.remote_tags(session.process, session.root, session.settings.env)
        parts.append(known.from_remote_tags(tags, policy.prefix))
    if repositories and not session.log.store.local:
        parts.append(known_from_log(session, component))
    for target, repository in zip(component.targets, repositories, strict=False):
        if not target.moving:
            continue
        try:
            parts.append(known.from_registry_tags(repository.tags()))
        except RegistryError:
            parts.append(known.from_registry_tags(None))
    return known.unite(*parts)


def _subject(
    session: Session,
    component: Component,
    facts: Facts,
    decision: Decision,
    held: HeldTags,
    wishes: Wishes,
) -> Subject:
    project = project_of(session, component)
    recorded = _recorded(session, project, decision)
    build = component.build
    return Subject(
        component=component.name,
        project=project,
        targets=tuple(
            Target(name=session.registries.open(one.image).name, required=one.required, moving=one.moving)
            for one in component.targets
        ),
        decision=decision,
        build=BuildSpec(
            builder=build.builder,
            context=build.context,
            dockerfile=build.dockerfile,
            stage=build.target,
            platforms=build.platforms,
            args=tuple(sorted(build.args)),
            annotations=decision.annotations,
        ),
        committed_at=facts.snapshot.committed_at,
        held=held,
        recorded=recorded,
        places=() if wishes.offline else _places(session, component, recorded),
        reuse=component.section.reuse == "commit",
        facts=wishes.request,
    )


def _recorded(session: Session, project: str, decision: Decision) -> Recorded:
    """What the log says of this very release."""
    primary = next((tag.name for tag in decision.tags if isinstance(tag, FixedTag)), None)
    if primary is None:
        return Recorded()
    state = session.log_state.release(release_key(project, decision.commit, primary))
    if state is None:
        return Recorded()
    return Recorded(
        digest=state.image.digest if state.image is not None else None,
        inputs=state.inputs,
        attempt=state.attempts[-1].id if state.attempts else None,
        pushed=tuple(one.target for one in state.pushed),
        moved=tuple(one.target for one in state.moved),
        released=state.state == "released",
    )


def _places(session: Session, component: Component, recorded: Recorded) -> tuple[Place, ...]:
    """Who has the bytes of the recorded digest. A target that does not answer has not; preflight says so."""
    if recorded.digest is None:
        return ()
    places = []
    here: list[tuple[str | None, Repository]] = [(STORE, Layout(store_path(session)))]
    targets = [(None, session.registries.open(one.image)) for one in component.targets]
    for name, repository in [*here, *targets]:
        try:
            if repository.resolve(recorded.digest) is not None:
                places.append(Place(name=name or repository.name, digest=recorded.digest))
        except RegistryError:
            continue
    return tuple(places)


def store_path(session: Session) -> str:
    """The local content store: an OCI layout inside `.shipmark/`."""
    return os.path.join(session.root, ".shipmark", "cache", "images")
