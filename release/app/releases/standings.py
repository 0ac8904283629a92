"""Whether a component changed: its files are compared with the commits from which its images were built."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from release.app.compared_files import branching_point, files_since
from release.app.session import Session
from release.config.component import Component
from release.config.components import Ownership
from release.errors import RegistryError
from release.facts import Facts
from release.tagging.model import Held
from release.tagging.names import branch_tag


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a component has to be built, and why. `since`: the commits that HEAD was compared with.

    `unknown`: the component counts as changed because the clone lacks the commit to compare with.
    """

    component: str
    changed: bool
    reason: str
    since: tuple[str, ...] = ()
    unknown: bool = False


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
    files = files_since(session, facts.commit, {one for one in revisions if one is not None})
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
    if request is not None:
        base = _request_base(session, facts)
    bases = {
        name: [base] if request is not None else [one.revision for one in rows if one.state != "free"]
        for name, rows in held.items()
    }
    earlier = {one for rows in bases.values() for one in rows if one is not None}
    files = files_since(session, facts.commit, earlier)
    owners = Ownership(session.config.components)
    config = _config_path(session)
    found = {}
    nameless = "the revision of its image" if request is None else "the commit where the request began"
    for name, revisions in bases.items():
        rows = held[name]
        lacks = request is None and (not rows or any(one.state == "free" for one in rows))
        found[name] = _standing(name, [] if lacks else revisions, files, owners, config, nameless)
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
    nameless: str = "the revision of its image",
) -> Standing:
    """`nameless`: what a revision of None is, for the reason."""
    if not revisions:
        return Standing(component=name, changed=True, reason="no image of it exists yet")
    since = tuple(dict.fromkeys(one for one in revisions if one is not None))
    for revision in revisions:
        if revision is None or revision not in files:
            what = nameless if revision is None else f"commit `{revision[:12]}`"
            reason = f"{what} is not known here"
            return Standing(component=name, changed=True, reason=reason, since=since, unknown=True)
        changed = files[revision]
        if config is not None and config in changed:
            return Standing(component=name, changed=True, reason=f"`{config}` changed", since=since)
        touched = owners.concerning(name, changed)
        if touched:
            reason = f"`{touched}` changed since `{revision[:12]}`"
            return Standing(component=name, changed=True, reason=reason, since=since)
    reason = f"none of its files changed since `{since[0][:12]}`"
    return Standing(component=name, changed=False, reason=reason, since=since)


def _request_base(session: Session, facts: Facts) -> str | None:
    """The commit at which a request's branch left its target branch; None if it is not known.

    If HEAD is the merge of the request into its target branch, the result is the first parent of HEAD.
    """
    request, parents = facts.ci.pull_request, facts.snapshot.parents
    if request is None:
        return None
    if len(parents) == 2 and request.head_sha in {None, parents[1]}:
        return parents[0]
    if request.base_sha is not None:
        return request.base_sha
    if request.target_branch is None:
        return None
    return branching_point(session, request.target_branch, facts.commit)
