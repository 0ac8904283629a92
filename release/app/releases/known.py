"""Collects the known releases from git tags and the version log, without a question to a registry.

For each source the result says how much of it was read: `complete`, `partial`, `unknown` or `not asked`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from release.app.session import Session
from release.config.component import Component
from release.facts import may_lack_tags
from release.git.model import RemoteState, Snapshot
from release.tagging.model import Knowledge, KnownFrom, KnownReleases, KnownVersion, TagPolicy
from release.versions.git_tags import versions_in
from release.versions.model import Scheme
from release.versions.semver import version_of_name
from release.versions.status import KnownStatus, merged, with_status


def from_git(
    snapshot: Snapshot,
    prefix: str = "",
    scheme: Scheme = "semver",
    *,
    git_tag: str | None = None,
    remote: RemoteState = "not asked",
) -> KnownReleases:
    """The versions of all git tags of the snapshot, reachable from HEAD or not.

    `remote`: `answered` if the snapshot holds the tags of the remote too, which makes git `complete`; `refused` makes
    it `partial`. In other states git is `partial` if the clone may lack tags. `git_tag`: the git tag that triggered the
    run.
    """
    # A tag whose object is missing may be a release; the remote has the tag again if it is one.
    is_damaged = any(one.kind == "missing" for one in snapshot.unfit)
    lacks = remote != "answered" and (is_damaged or may_lack_tags(snapshot, git_tag))
    return KnownReleases(
        tagged=(versions_in(snapshot.tag_listing, prefix, scheme),),
        known_from=KnownFrom(git="partial" if lacks or remote == "refused" else "complete"),
    )


def from_log_versions(
    released: Iterable[tuple[str, str | None]],
    knowledge: Knowledge = "complete",
    scheme: Scheme = "semver",
    statuses: Iterable[KnownStatus] = (),
) -> KnownReleases:
    """The versions in a version log. `released`: pairs of a version or fixed image tag, and its commit.

    Names that are not versions (`sha-…` of a branch build) are left out.
    """
    return with_statuses(
        KnownReleases(
            versions=tuple(
                KnownVersion(version=read[0], rebuild=read[1], source="log", commit=commit)
                for name, commit in released
                if (read := version_of_name(name, scheme)) is not None
            ),
            known_from=KnownFrom(log=knowledge),
        ),
        statuses,
    )


def with_statuses(known: KnownReleases, *statuses: Iterable[KnownStatus]) -> KnownReleases:
    """`known` with `statuses` added to its own; of several statuses of one version, the valid one counts."""
    valid = merged(known.statuses.values(), *statuses)
    return msgspec.structs.replace(
        known,
        yanked=with_status(valid, "yanked"),
        prereleases=with_status(valid, "prerelease"),
        statuses=valid,
    )


def unite(*sources: KnownReleases) -> KnownReleases:
    """The union of all sources. Sources of one kind are `partial` together when, for example, only some answered."""
    united = KnownReleases(
        versions=tuple(chain.from_iterable(source.versions for source in sources)),
        tagged=tuple(chain.from_iterable(source.tagged for source in sources)),
        recorded=tuple(chain.from_iterable(source.recorded for source in sources)),
        known_from=KnownFrom(
            git=_all([source.known_from.git for source in sources]),
            log=_all([source.known_from.log for source in sources]),
            registry=_all([source.known_from.registry for source in sources]),
        ),
    )
    return with_statuses(united, *(source.statuses.values() for source in sources))


def _all(knowledge: Sequence[Knowledge]) -> Knowledge:
    asked = {one for one in knowledge if one != "not asked"}
    if not asked:
        return "not asked"
    return asked.pop() if len(asked) == 1 else "partial"


def project_of(session: Session, component: Component) -> str:
    """The project under which the log records releases: `project` of the config, else the first target's repository.

    With several components, the component's name is appended to `project`; and to a repository that another component
    has first, too, since the versions of one are not those of the other. No repository is called `acme/app#api`.
    """
    if session.config.project is not None:
        several = len(session.config.components) > 1
        return f"{session.config.project}/{component.name}" if several else session.config.project
    first = component.targets[0].image
    sharing = [one for one in session.config.components if one.targets and one.targets[0].image == first]
    return first if len(sharing) < 2 else f"{first}#{component.name}"


def projects_of(session: Session, component: Component) -> tuple[str, ...]:
    """`project_of`, and the repository's, which had the entries while no other component had it first."""
    own = project_of(session, component)
    return (own, component.targets[0].image) if session.config.project is None else (own,)


def known_locally(
    session: Session, component: Component, policy: TagPolicy, *, summary: bool = False
) -> KnownReleases:
    """The releases that are known without a connection: from git tags and, in a trusted run, from a log file.

    `summary`: see `known_from_log`.
    """
    of_git = from_git(
        session.git.snapshot(policy), policy.prefix, policy.versions, git_tag=session.ci.git_tag
    )
    return _with_file_log(of_git, session, component, policy, summary=summary)


def known_by_remote(
    session: Session, component: Component, policy: TagPolicy, *, summary: bool = False
) -> KnownReleases:
    """The releases that are known from git tags, those of the remote included, and from the version log.

    `summary`: see `known_from_log`.
    """
    snapshot, remote = session.git.completed(policy), session.git.remote.state
    of_git = from_git(snapshot, policy.prefix, policy.versions, git_tag=session.ci.git_tag, remote=remote)
    if session.config.log[0].store == "file":
        return _with_file_log(of_git, session, component, policy, summary=summary)
    return unite(of_git, known_from_log(session, component, policy, summary=summary))


def _with_file_log(
    of_git: KnownReleases, session: Session, component: Component, policy: TagPolicy, *, summary: bool
) -> KnownReleases:
    if session.config.log[0].store != "file" or not session.trust.trusted:
        return of_git
    return unite(of_git, known_from_log(session, component, policy, summary=summary))


def known_from_log(
    session: Session, component: Component, policy: TagPolicy, *, summary: bool = False
) -> KnownReleases:
    """The versions that the version log has as released or taken back.

    `summary`: a long log answers questions about its versions, and they are not listed. The guard needs no more.
    """
    section = session.config.log[0]
    if section.store == "file":
        session.require_own_folder()
    if section.store == "file" and not session.ports.has_log(os.path.join(session.root, section.path)):
        return KnownReleases(known_from=KnownFrom(log="complete"))  # saves importing the log's modules
    state = session.log_state
    project = project_of(session, component) if component.targets or session.config.project else None
    statuses = _statuses(session, component) if project is not None else state.statuses_of()
    if summary and state.is_long and project is not None:
        recorded = (state.recorded(project, policy.versions),)
        known = KnownReleases(recorded=recorded, known_from=KnownFrom(log="complete"))
        return with_statuses(known, statuses)
    from release.log.state import rebuild_name  # imported late, as above

    released = state.whole.released_versions(project)
    named = [(rebuild_name(version, rebuild), commit) for version, commit, rebuild in released]
    return from_log_versions(named, scheme=policy.versions, statuses=statuses)


def _statuses(session: Session, component: Component) -> tuple[KnownStatus, ...]:
    # As in the repository's artifact, a status from before the components shared it counts for each of them.
    state, names = session.log_state, dict.fromkeys(projects_of(session, component))
    return tuple(chain.from_iterable(state.statuses_of(name) for name in names))
