"""Which components a run concerns: those that its git tag releases; without one, those that may have changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from release.app.session import Session
from release.config.components import Ownership
from release.config.load import Component
from release.errors import GitError, RegistryError
from release.facts import Facts
from release.git.changed_files import changed_files, merge_base
from release.git.command import Git
from release.tagging.model import Decision, Held, MovingTag, Withheld
from release.tagging.names import branch_tag
from release.versions.git_tags import tags_at, versions_in
from release.versions.semver import parse_tag_name

if TYPE_CHECKING:
    from release.plan.release_input import Unchanged


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a component has to be built, and why. `since`: the commits that HEAD was compared with."""

    component: str
    changed: bool
    reason: str
    since: tuple[str, ...] = ()


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


def held_on_target_branch(session: Session, component: Component, facts: Facts) -> list[Held]:
    """What the tag of a request's target branch holds on the component's targets.

    Empty if one of the targets has no such image, or if a file of the component differs between it and HEAD.
    """
    request = facts.ci.pull_request
    if request is None or request.target_branch is None:
        return []
    name = branch_tag(request.target_branch, facts.branches, component.section.channels)
    found = []
    with suppress(RegistryError):  # an image that cannot be read is not named
        for target in component.targets:
            repository = session.registries.open(target.image)
            found.append(session.tags.read(repository, repository.name, name))
    revisions = [one.revision for one in found if one.state != "free"]
    if not found or len(revisions) < len(component.targets):
        return []
    git = Git(session.process, facts.snapshot.root, session.settings.env)
    files = changed_files(git, facts.commit, {one for one in revisions if one is not None})
    owners = Ownership(session.config.components)
    standing = _standing(component.name, revisions, files, owners, _config_path(session))
    return [] if standing.changed else found


def standings(session: Session, facts: Facts, held: Mapping[str, Sequence[Held]]) -> dict[str, Standing]:
    """For each component in `held`, whether the component changed.

    `held`: what the component's branch tag holds on each of its targets. Takes at most three git processes for any
    number of components. Where git cannot answer, a component counts as changed.
    """
    request = facts.ci.pull_request
    base = None
    git = Git(session.process, facts.snapshot.root, session.settings.env)
    if request is not None:
        base = _request_base(git, facts)
    bases = {
        name: [base] if request is not None else [one.revision for one in rows if one.state != "free"]
        for name, rows in held.items()
    }
    earlier = {one for rows in bases.values() for one in rows if one is not None}
    try:
        files = changed_files(git, facts.commit, earlier)
    except GitError as error:
        session.warn(f"which components changed is not known: {error.message}")
        files = {}
    owners = Ownership(session.config.components)
    config = _config_path(session)
    found = {}
    for name, revisions in bases.items():
        rows = held[name]
        lacks = request is None and (not rows or any(one.state == "free" for one in rows))
        found[name] = _standing(name, [] if lacks else revisions, files, owners, config)
    return found


def _config_path(session: Session) -> str | None:
    """The path of the config file from the top folder of the repository; None without a file, or one elsewhere."""
    source = session.config.source
    if source is None:
        return None
    path = os.path.relpath(os.path.join(session.directory, source), session.root)
    return None if path.startswith("..") else path.replace(os.sep, "/")


def _standing(
    name: str,
    revisions: Sequence[str | None],
    files: Mapping[str, tuple[str, ...]],
    owners: Ownership,
    config: str | None,
) -> Standing:
    if not revisions:
        return Standing(component=name, changed=True, reason="no image of it exists yet")
    since = tuple(dict.fromkeys(one for one in revisions if one is not None))
    for revision in revisions:
        if revision is None or revision not in files:
            what = "the revision of its image" if revision is None else f"commit `{revision[:12]}`"
            return Standing(component=name, changed=True, reason=f"{what} is not known here", since=since)
        changed = files[revision]
        if config is not None and config in changed:
            return Standing(component=name, changed=True, reason=f"`{config}` changed", since=since)
        touched = owners.concerning(name, changed)
        if touched:
            reason = f"`{touched}` changed since `{revision[:12]}`"
            return Standing(component=name, changed=True, reason=reason, since=since)
    reason = f"none of its files changed since `{since[0][:12]}`"
    return Standing(component=name, changed=False, reason=reason, since=since)


def _request_base(git: Git, facts: Facts) -> str | None:
    """The commit at which a request's branch left its target branch; None if it is not known.

    If HEAD is the merge of the request into its target branch, the result is the first parent of HEAD.
    """
    request, parents = facts.ci.pull_request, facts.snapshot.parents
    if request is None:
        return None
    if len(parents) == 2 and request.head_sha in {None, parents[1]}:
        return parents[0]
    if request.target_branch is None:
        return None
    return merge_base(git, f"refs/remotes/origin/{request.target_branch}", facts.commit)
