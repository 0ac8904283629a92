"""Gathers the planner's input for one component: from git, the version log and the registries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from release.app.clone_history import ancestry_of, branches_of
from release.app.component_policy import policy_of
from release.app.releases.concerned import unchanged, without_tags
from release.app.releases.connecting import connect
from release.app.releases.decide import Situation, decide_component
from release.app.releases.gathering.evidence import places_of, recorded_of
from release.app.releases.gathering.held_tags import gather_held, read_ahead
from release.app.releases.gathering.rebuild import rebuild_number, require_checked_out, scheduled_rebuild
from release.app.releases.gathering.status import learned, require_not_yanked, status_change, told
from release.app.releases.gathering.withheld import overtaken_tags, with_unpushed
from release.app.releases.known import project_of
from release.app.releases.known_everywhere import known_everywhere
from release.app.releases.log_base import with_log_base
from release.app.releases.request import RunRequest
from release.app.session import Session
from release.config.component import Component
from release.config.components import dependencies
from release.errors import ConfigError, ReleaseError
from release.facts import Facts
from release.hints import NAME_IMAGE
from release.log.timestamps import timestamp
from release.oci import Repository
from release.plan.evidence import ContentSource
from release.plan.release_input import ImageCheck, ReleaseInput, Target
from release.plan.supply import FROM, Supply
from release.tagging.decide import with_box
from release.tagging.model import Decision, HeldTags, KnownReleases, TagPolicy

if TYPE_CHECKING:
    from release.app.obtain.supplied import OpenedSupply

#: Milliseconds after which `log recover` may settle an attempt as abandoned: 6 hours, the limit of a job on GitHub's
#: runners. After less an attempt that still works could be settled; after more `run --wait` waits longer for a dead
#: one.
LEASE_MS = 6 * 60 * 60 * 1000


def require_some_target(component: Component) -> None:
    """Raise `ConfigError` unless the component has a target."""
    if not component.targets:
        raise ConfigError(
            f"component `{component.name}` has no image to go to",
            hint=NAME_IMAGE + ("" if component.name == "app" else f", below `components: {component.name}:`"),
        )


def gather(
    session: Session, component: Component, wishes: RunRequest, *, supplied: OpenedSupply | None = None
) -> ReleaseInput:
    """The planner's input for one component's release. Reads every target, unless `wishes.offline`.

    `supplied`: the image given with `--from`. Raises `ConfigError`, `GitError`, `LogError`, and `RefusedError`, for
    example if the labels of `supplied` do not name the commit.
    """
    require_some_target(component)
    policy = policy_of(component)
    if not wishes.offline:
        connect(session, component)
    facts = session.git.facts(policy, online=not wishes.offline)
    repositories = [] if wishes.offline else [session.registries.open(one.image) for one in component.targets]
    moving = [one for one, target in zip(repositories, component.targets, strict=False) if target.moving]
    expected = _reading_expected(session, component, policy, facts, wishes, repositories)
    releases = known_everywhere(session, component, policy, moving, summary=True, meanwhile=expected)
    facts = with_log_base(session, facts, releases, policy, online=not wishes.offline)
    situation = Situation(component=component, policy=policy, facts=facts, known=releases, request=wishes)
    first = decide_component(session, situation)
    if number := _rebuild_of(session, component, wishes, first, repositories):
        wishes = msgspec.structs.replace(wishes, rebuild=number)
        situation = msgspec.structs.replace(situation, request=wishes)
        first = decide_component(session, situation)
    require_not_yanked(first, releases)
    if wishes.offline:
        return _subject(session, component, situation, first, HeldTags(), supplied, repositories)
    branches = branches_of(session) if facts.branch is not None else {}
    held = gather_held(
        session.tags,
        ancestry_of(session),
        repositories,
        first,
        facts.commit,
        heads=branches,
        cancel=session.cancel,
    )
    decision = decide_component(session, msgspec.structs.replace(situation, held=held))
    same = None
    if wishes.version is None and wishes.rebuild_of is None and not wishes.places:
        same = unchanged(session, component, facts, first, held.held)
    if same is not None:
        decision = without_tags(decision, same.reason)
    decision = with_unpushed(session, policy, decision, releases)
    version = None if decision.candidate is None else decision.candidate.version
    overtaken = overtaken_tags(session, moving, decision, with_box(facts, version, releases))
    held = HeldTags(held=(*held.held, *overtaken), branch_tip=held.branch_tip)
    subject = _subject(session, component, situation, decision, held, supplied, repositories)
    for said in subject.learned:
        session.sink.emit(told(said))
    return msgspec.structs.replace(subject, unchanged=same)


def _rebuild_of(
    session: Session,
    component: Component,
    wishes: RunRequest,
    decision: Decision,
    repositories: Sequence[Repository],
) -> int:
    """The number of the rebuild that the run makes, by `--rebuild` or in a scheduled run; 0 if it makes none."""
    if wishes.rebuild_of is None:
        return scheduled_rebuild(session, component, decision, repositories)
    require_checked_out(decision, wishes.rebuild_of)
    return rebuild_number(session, component, decision, repositories)


def _reading_expected(
    session: Session,
    component: Component,
    policy: TagPolicy,
    facts: Facts,
    wishes: RunRequest,
    repositories: Sequence[Repository],
) -> Callable[[KnownReleases], None]:
    """A function that reads the tags which the release gets by what git and the log know.

    It saves a round trip: the registries list their tags meanwhile. Errors are met again when the tags are needed.
    """

    def read(known: KnownReleases) -> None:
        guess = Situation(component=component, policy=policy, facts=facts, known=known, request=wishes)
        with suppress(ReleaseError):
            decision = decide_component(session, guess, labelled=False)
            read_ahead(session.tags, repositories, decision, session.cancel)

    return read


def _subject(
    session: Session,
    component: Component,
    situation: Situation,
    decision: Decision,
    held: HeldTags,
    supplied: OpenedSupply | None,
    repositories: Sequence[Repository],
) -> ReleaseInput:
    facts, wishes = situation.facts, situation.request
    project = project_of(session, component)
    recorded = recorded_of(session, project, decision)
    supply = None
    if supplied is not None and decision.tags:
        from release.app.obtain.supplied import supply_of  # imported late: few runs have `--from`

        supply = supply_of(session, supplied, decision, as_commit=wishes.as_commit, targets=repositories)
    return ReleaseInput(
        component=component.name,
        project=project,
        targets=tuple(
            Target(name=session.registries.open(one.image).name, required=one.required, moving=one.moving)
            for one in component.targets
        ),
        decision=decision,
        build=component.build,
        own_dockerfile=session.config.has_components,
        depends=dependencies(session.config.components, component.name),
        committed_at=facts.snapshot.committed_at,
        held=held,
        recorded=recorded,
        places=None if wishes.offline else (*places_of(session, component, recorded), *_given(supply)),
        reuse=component.section.reuse == "commit" and not wishes.rebuild,  # a rebuild is a new build
        supply=supply,
        checks=image_checks(component),
        attest=component.section.attest == "release",
        status=status_change(facts, decision, situation.known),
        learned=learned(session.log_state, project, situation.known),
        untold=situation.known.untold,
        facts={**wishes.request, "source": _source_of(facts, decision), "lease_ms": LEASE_MS},
    )


def _source_of(facts: Facts, decision: Decision) -> dict[str, str]:
    """Where the commit comes from, for the `planned` record; unknown members are left out."""
    snapshot = facts.snapshot
    describe = snapshot.describe
    request = facts.ci.pull_request
    said = {
        "commit": decision.commit,
        "remote": snapshot.remote_url,
        "ref": f"refs/tags/{decision.git_tag}"
        if decision.git_tag
        else facts.branch and f"refs/heads/{facts.branch}",
        "describe": describe and f"{describe.git_tag}-{describe.distance}-g{decision.commit[:12]}",
        "committed_at": timestamp(snapshot.committed_at * 1000),
        "request_head": request and request.head_sha,
    }
    return {name: text for name, text in said.items() if text}


def image_checks(component: Component) -> tuple[ImageCheck, ...]:
    """The `checks:` of the component. Raises `ConfigError` for two of one name."""
    sections = component.section.checks
    names = [one.name for one in sections]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            f"component `{component.name}` has two checks called `{twice[0]}`",
            hint="give each check under `checks:` a name of its own",
        )
    return tuple(ImageCheck(name=one.name, run=one.run, timeout=one.timeout) for one in sections)


def _given(supply: Supply | None) -> tuple[ContentSource, ...]:
    """The places of `--from`, as one content source."""
    if supply is None:
        return ()
    return (ContentSource(name=FROM, digest=supply.digest, image=supply.said),)
