"""Works out the next version from the releases and commits in HEAD's history, and creates its git tag on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from ci.remedies import remedy
from release.app.releases.next_step import NextPart, Wish, next_due
from release.app.releases.version import VersionReport, version_report
from release.app.session import Session, policy_of
from release.config.components import Ownership
from release.errors import ConfigError, DirtyTree, RefusedError, ShallowClone, TagConflict
from release.events import Note
from release.git.history import History, history
from release.tagging.version_text import VersionFacts
from release.versions.git_tags import versions_in
from release.versions.semver import precedence_key

if TYPE_CHECKING:
    from release.git.model import Snapshot
    from release.tagging.model import TagPolicy
    from release.versions.model import Version


class NextVersionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for the next version of one component. `component`: None for the workspace's only component.

    `part`: the part of the version that is raised; `auto` concludes the part from the commits (Conventional Commits);
    `prerelease` gives the next prerelease of `channel`, or of the channel in progress.
    `git_tag`: `local` creates the annotated git tag; `pushed` also pushes it to `origin`, and removes it again if the
    push fails.
    """

    part: NextPart = "auto"
    channel: str | None = None
    component: str | None = None
    git_tag: Literal["none", "local", "pushed"] = "none"


def next_version(workspace: Session, request: NextVersionRequest) -> VersionReport | None:
    """The next version; None, after a note, if no commit since the last release requires a release."""
    facts = next_facts(workspace, request)
    return None if facts is None else version_report(facts)


def next_facts(session: Session, request: NextVersionRequest) -> VersionFacts | None:
    """The facts of the next version, which `version_text` can write in every form; None if none is due."""
    components = session.components_named(request.component)
    if len(components) != 1:
        raise ConfigError("there are several components", hint="choose one with `--component NAME`")
    if request.git_tag != "none":
        session.require_trusted("version --create")
    component = components[0]
    policy = policy_of(component)
    if policy.versions == "none":
        raise ConfigError(
            "with `versions: none` the next version cannot be worked out",
            hint="give it to `run --version`, or tag it by hand",
        )
    snapshot = session.snapshot(policy)
    if snapshot.shallow:
        raise ShallowClone(
            "the next version depends on the commits since the last release, and this clone is shallow",
            hint=f"{remedy(session.ci.system, 'shallow')}, or add `--deepen`",
        )
    reach = Ownership(session.config.components).reach(component.name)
    found = history(
        session.process,
        snapshot,
        policy.prefix,
        session.settings.env,
        scheme=policy.versions,
        paths=reach is not None,
    )
    known = versions_in(snapshot.tag_listing, policy.prefix, policy.versions).versions
    wish = Wish(part=request.part, channel=request.channel)
    due = next_due(component, found, wish, known, session.clock.now(), reach=reach)
    if due is None:
        session.sink.emit(Note(level="info", text=f"note: {_nothing_asked(found)}"))
        return None
    version = due.version
    if due.reason is not None:
        session.sink.emit(Note(level="info", text=f"note: {version} is due: {due.reason}"))
    if due.warning:
        session.warn(due.warning)
    _require_new(version, snapshot, policy)
    git_tag = f"{policy.prefix}{_style(found, policy.prefix)}{version}"
    if request.git_tag != "none":
        _create(session, snapshot, policy, git_tag, version, push=request.git_tag == "pushed")
    return VersionFacts(
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
        reason=due.reason,
    )


def _nothing_asked(found: History) -> str:
    since = f" since `{found.stable.git_tag}`" if found.stable else ""
    return f"no commit{since} asks for a release (`feat:`, `fix:`, `!`, `BREAKING CHANGE:`)"


def _style(found: History, prefix: str) -> str:
    """The prefix `v` if the project's highest version tag has it, or if there is no version tag; else `""`."""
    last = found.highest or found.stable
    return "v" if last is None or last.git_tag.removeprefix(prefix).startswith("v") else ""


def _require_new(version: Version, snapshot: Snapshot, policy: TagPolicy) -> None:
    for tag in versions_in(snapshot.tag_listing, policy.prefix, policy.versions).tags:
        if precedence_key(tag.version) == precedence_key(version):
            raise TagConflict(
                f"the next version is {version}, but git tag `{tag.git_tag}` exists on `{tag.commit[:12]}`",
                hint="on a maintenance branch only `--next patch` stays below the releases of others",
            )


def _create(
    session: Session, snapshot: Snapshot, policy: TagPolicy, git_tag: str, version: Version, *, push: bool
) -> None:
    from release.git.write import create_tag, push_tag

    if snapshot.dirty_count:
        raise DirtyTree(
            f"{snapshot.dirty_count} tracked files differ from the commit that would be tagged",
            hint="commit or stash them first (`git status`)",
        )
    at_head = versions_in(snapshot.tag_listing, policy.prefix, policy.versions).at(snapshot.head)
    if at_head and at_head[0].version.is_stable:
        raise RefusedError(
            f"this commit is released as `{at_head[0].git_tag}` already", hint="commit something first"
        )
    env = session.settings.env
    create_tag(snapshot.root, git_tag, snapshot.head, f"Release {version}", env)
    if push:
        push_tag(snapshot.root, git_tag, env)
    session.sink.emit(
        Note(
            level="info",
            text=f"note: git tag `{git_tag}` names `{snapshot.head[:12]}`{' here and on `origin`' if push else ''}",
        )
    )
