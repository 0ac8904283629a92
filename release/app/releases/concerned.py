"""Which components a run concerns: those that its git tag releases; without one, those that may have changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from release.app.component_policy import policy_of
from release.app.releases.request import RunRequest
from release.app.session import Session
from release.config.component import Component
from release.facts import Facts
from release.tagging.model import Decision, Held, MovingTag, Withheld
from release.versions.git_tags import versions_in
from release.versions.semver import parse_tag_name
from release.versions.tag_listing import tags_at

if TYPE_CHECKING:
    from release.plan.release_input import Unchanged


def only_released(session: Session, component: Component, facts: Facts, decision: Decision) -> Decision:
    """The decision; without tags if the run's git tag releases other components alone.

    The git tag is the one that the CI system names; without a CI system, those at HEAD.
    """
    tag, names = released_by_tag(session.config.components, facts)
    if not names or component.name in names:
        return decision
    others = ", ".join(f"`{name}`" for name in names)
    return without_tags(decision, f"git tag `{tag}` releases {others} alone")


def released_by_tag(components: Sequence[Component], facts: Facts) -> tuple[str, tuple[str, ...]]:
    """The git tag of the run and the components that it releases; none where a branch or a request is built.

    If the config has only one component, no git tag and no component is given either.
    """
    if len(components) < 2:
        return "", ()
    if facts.ci.git_tag is not None:
        tag = facts.ci.git_tag
        return tag, tuple(one.name for one in belonging_to(components, tag))
    if facts.ci.system != "none":
        return "", ()
    tags: dict[str, str] = {}
    # The tags at HEAD are searched first: to read all version tags of each component would take much longer.
    if tags_at(facts.snapshot.tag_listing, facts.commit):
        for one in components:
            versions = versions_in(facts.snapshot.tag_listing, one.section.prefix, one.section.versions)
            if at_head := versions.at(facts.commit):
                tags[one.name] = at_head[0].git_tag
    return next(iter(tags.values()), ""), tuple(tags)


def named_by(
    session: Session, components: tuple[Component, ...], request: RunRequest
) -> tuple[Component, ...]:
    """Of several components those that `--release` or `--rebuild` is about; all of them if it names none.

    `--rebuild` without a name, or with a version alone, is about the components that the run's git tag releases.
    """
    named = request.release or request.rebuild_of
    if len(components) < 2 or named is None:
        return components
    chosen = belonging_to(components, named)
    if not chosen and request.rebuild_of is not None:
        released = released_by_tag(session.config.components, session.git.facts(policy_of(components[0])))[1]
        chosen = tuple(one for one in components if one.name in released)
    return chosen or components


def belonging_to(components: Sequence[Component], git_tag: str) -> tuple[Component, ...]:
    """The components whose prefix a git tag has, with a version behind it."""
    return tuple(
        one
        for one in components
        if parse_tag_name(git_tag, one.section.prefix, one.section.versions) is not None
    )


def without_tags(decision: Decision, reason: str) -> Decision:
    """The decision with every tag withheld for `reason`."""
    withheld = (*decision.withheld, *(Withheld(name=tag.name, reason=reason) for tag in decision.tags))
    return msgspec.structs.replace(decision, tags=(), references=(), withheld=withheld)


def follows_commits(decision: Decision) -> tuple[MovingTag, ...]:
    """The tags of a decision that move with a branch or a request."""
    moving = (tag for tag in decision.tags if isinstance(tag, MovingTag))
    return tuple(tag for tag in moving if tag.line.kind != "release")


def unchanged(
    session: Session, component: Component, facts: Facts, decision: Decision, held: Iterable[Held]
) -> Unchanged | None:
    """The reason why a component is not built for a branch or request; None if it is built.

    `held`: what the tags of the decision hold on the component's targets.
    """
    tags = follows_commits(decision)
    if not tags or not component.section.paths:
        return None
    here = [one for one in held if one.tag == tags[0].name]
    if any(one.revision == facts.commit for one in here):
        return None  # built from this commit already; a run that was killed may have left something to do
    from release.app.releases.standings import held_on_target_branch, standings

    standing = standings(session, facts, {component.name: here})[component.name]
    if standing.changed:
        return None
    from release.plan.release_input import Unchanged  # imported late: `preview --changed` needs no plan

    digests = {one.digest for one in here if one.digest is not None}
    tag = tags[0].name
    if not digests and (on_branch := held_on_target_branch(session, component, facts)):
        digests, tag = {one.digest for one in on_branch if one.digest}, on_branch[0].tag
    return Unchanged(
        reason=standing.reason,
        tag=tag,
        digest=digests.pop() if len(digests) == 1 else None,
        since=standing.since[0] if standing.since else None,
    )
