"""Works out the next version from the releases and commits in HEAD's history, and creates its git tag on request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec

from ci.remedies import remedy
from release.app.clone_history import edge_of, lacks_trees, tag_of_the_clone_only
from release.app.component_policy import policy_of
from release.app.releases.known_everywhere import known_for_next
from release.app.releases.log_base import log_listing, tag_style
from release.app.session import Session
from release.app.versions.next_step import Due, GitTags, NextPart, Wish, next_due
from release.app.versions.version import Found, VersionReport, version_report
from release.app.versions.version_tag import make_tag, require_taggable, require_unreleased
from release.config.component import Component
from release.config.components import Ownership
from release.errors import ConfigError, ShallowClone
from release.events import Note
from release.facts import commit_of_tag
from release.git.command import Git
from release.git.history import History, history
from release.tagging.line_releases import highest
from release.tagging.model import Line
from release.tagging.version_text import VersionFacts
from release.tagging.warnings import clone_cautions
from release.versions.git_tags import versions_in
from release.versions.semver import parse_tag_name, precedence_key

if TYPE_CHECKING:
    from release.git.model import Snapshot
    from release.tagging.model import KnownReleases, TagPolicy
    from release.versions.model import Version


# Versions that were passed over and are named in the reason, which has to fit into one line.
_NAMED = 3


class NextVersionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for the next version of one component. `component`: None for the workspace's only component.

    `part`: the part of the version that is raised; `auto` concludes the part from the commits (Conventional Commits);
    `prerelease` gives the next prerelease of `channel`, or of the channel in progress.
    `git_tag`: `local` creates the annotated git tag; `pushed` also pushes it to the remote, and removes it again if the
    push fails. `force_unpushed`: also for a commit that no branch of the remote has.
    """

    part: NextPart = "auto"
    channel: str | None = None
    component: str | None = None
    git_tag: Literal["none", "local", "pushed"] = "none"
    force_unpushed: bool = False


def next_version(workspace: Session, request: NextVersionRequest) -> VersionReport | None:
    """The next version; None, after a note, if no commit since the last release requires a release."""
    found = next_found(workspace, request)
    return None if found is None else version_report(found)


def next_found(
    session: Session,
    request: NextVersionRequest,
    *,
    check: Callable[[VersionFacts], object] | None = None,
) -> Found | None:
    """The next version; None, after a note, if none is due.

    `check` is called before the git tag is made, and what it raises prevents the tag: a version that cannot be written
    in the requested form must not leave a tag that is pushed.
    """
    component, policy = _component(session, request)
    push = request.git_tag == "pushed"
    if request.git_tag != "none":
        # Checked first: fetching history and listing registries take longer.
        require_taggable(session, policy, push=push, force_unpushed=request.force_unpushed)
    facts = session.git.facts(policy, online=True)
    snapshot = facts.snapshot
    reach = Ownership(session.config.components).reach(component.name)
    known = known_for_next(session, component, policy, request.git_tag)
    logged = log_listing(snapshot, known, policy)
    listed = msgspec.structs.replace(snapshot, tag_listing=snapshot.tag_listing + logged)
    found = history_of(session, listed, policy, paths=reach is not None)
    wish, tags = Wish(part=request.part, channel=request.channel), _git_tags(snapshot, policy)
    taken = [*(one.version for one in known.listed), *_unfit(snapshot, policy)]
    due = next_due(component, found, wish, taken, session.clock.now(), reach=reach, tags=tags)
    only_here = _only_here(session, found)
    if due is None:
        session.sink.emit(Note(level="info", text=f"note: {_nothing_asked(found)}"))
        if only_here:  # such as the tag of `--create` without `--push`
            session.warn(only_here)
        return None
    version = due.version
    reasons = [
        *([due.reason] if due.reason else []),
        *_untagged(snapshot, found),
        *_elsewhere(due, known, found),
    ]
    _report(session, due, reasons, only_here)
    git_tag = f"{policy.prefix}{tag_style(found.highest or found.stable, policy.prefix)}{version}"
    of_version = VersionFacts(
        version=version,
        commit=snapshot.head,
        channel="release" if version.is_stable else "prerelease",
        component=component.name,
        committed_at=snapshot.committed_at,
        git_tag=git_tag,
        base=found.stable.git_tag if found.stable else None,
        distance=len(found.commits),
        branch=snapshot.branch,
        dirty=snapshot.dirty_count > 0,
        reason="; ".join(reasons) or None,
    )
    if check is not None:
        check(of_version)
    if request.git_tag != "none":
        require_unreleased(snapshot, policy, known, version)
        make_tag(session, policy, git_tag, version, push=push)
    warnings = (*facts.warnings, *clone_cautions(facts, known, has_version=True))
    return Found(facts=of_version, known_from=known.known_from, warnings=warnings)


def _report(session: Session, due: Due, reasons: list[str], only_here: str) -> None:
    """Say why the version is due, and what to be careful about."""
    if reasons:
        session.sink.emit(Note(level="info", text=f"note: {due.version} is due: {'; '.join(reasons)}"))
    for warning in filter(None, (due.warning, only_here)):
        session.warn(warning)


def _component(session: Session, request: NextVersionRequest) -> tuple[Component, TagPolicy]:
    """The component that the request is about, and its policy. Raises `ConfigError` and `RefusedError`."""
    components = session.components_named(request.component)
    if len(components) != 1:
        raise ConfigError("there are several components", hint="choose one with `--component NAME`")
    if request.git_tag != "none":
        session.require_trusted("version --create")
    policy = policy_of(components[0])
    if policy.versions == "none":
        raise ConfigError(
            "with `versions: none` the next version cannot be worked out",
            hint="give the version to `run --version`, or tag it by hand",
        )
    return components[0], policy


def _unfit(snapshot: Snapshot, policy: TagPolicy) -> list[Version]:
    """The versions of git tags that name no commit: they are no releases, and yet their names are taken."""
    named = (parse_tag_name(one.git_tag, policy.prefix, policy.versions) for one in snapshot.unfit)
    return [version for version in named if version is not None]


def _git_tags(snapshot: Snapshot, policy: TagPolicy) -> GitTags:
    tags = versions_in(snapshot.tag_listing, policy.prefix, policy.versions)
    return GitTags(named=lambda version: [one.git_tag for one in tags.of(version)], remote=snapshot.remote)


def history_of(session: Session, snapshot: Snapshot, policy: TagPolicy, *, paths: bool = False) -> History:
    """The releases and commits in HEAD's history, from the clone if that has enough, else from the remote too.

    Raises `ShallowClone` if the clone lacks history that the result depends on, and the history cannot be fetched.
    """
    clone = Git(session.process, snapshot.root, session.settings.env)
    of_clone = partial(history, clone, snapshot, policy.prefix, scheme=policy.versions, paths=paths)
    edge = edge_of(session, snapshot)
    is_readable = not (paths and lacks_trees(clone))
    if is_readable:
        with suppress(ShallowClone):
            return of_clone(edge=edge, certain=True)
    whole = session.git.whole_history(trees=paths)
    if whole is None:
        if is_readable:
            with suppress(ShallowClone):
                return of_clone(edge=edge)
        raise ShallowClone(
            "the next version depends on the commits since the last release, which this clone does not have in full",
            hint=f"{remedy(session.ci.system, 'shallow')}, or add `--deepen`",
        )
    return history(whole, snapshot, policy.prefix, scheme=policy.versions, paths=paths)


def _untagged(snapshot: Snapshot, found: History) -> list[str]:
    """That the last release has no git tag, so that a clone without the version log counts from an earlier one."""
    last = found.highest
    if last is None or commit_of_tag(snapshot, last.git_tag) is not None:
        return []
    return [f"it follows {last.version}, which only the version log has"]


def _only_here(session: Session, found: History) -> str:
    """A warning if the remote lacks the git tag of the last release; otherwise empty.

    A workspace that a CI system keeps has tags that were deleted on the remote.
    """
    return "" if found.highest is None else tag_of_the_clone_only(session, found.highest.git_tag)


def _elsewhere(due: Due, known: KnownReleases, found: History) -> list[str]:
    """Which versions were passed over, and which release elsewhere is higher."""
    version = due.version
    if due.passed:
        names = ", ".join(f"{one} ({_source(one, known)})" for one in due.passed[:_NAMED])
        more = ", …" if len(due.passed) > _NAMED else ""
        verb = "are" if len(due.passed) > 1 else "is"
        return [
            f"it is the next free version: {names}{more} {verb} taken, from a commit outside of HEAD's history"
        ]
    top = highest(Line(kind="release"), known)
    if top is None or precedence_key(top.version) <= precedence_key(version):
        return []
    own = found.stable is not None and found.stable.version == top.version
    return [] if own else [f"{top.version} ({top.source}) is higher, from a commit outside of HEAD's history"]


def _source(version: Version, known: KnownReleases) -> str:
    keys = precedence_key(version)
    return next((one.source for one in known.listed if precedence_key(one.version) == keys), "git tag")


def _nothing_asked(found: History) -> str:
    since = f" since `{found.stable.git_tag}`" if found.stable else ""
    return f"no commit{since} asks for a release (`feat:`, `fix:`, `!`, `BREAKING CHANGE:`)"
