"""Answers questions about releases, tags and digests from a version log's entries and their folded state. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from release.log.answers.scope import EVERYTHING, Scope
from release.log.state import LogState, ReleaseState, TagHold

# Hexadecimal digits of the shortest commit, release key or digest that `resolve` accepts.
# Seven is git's shortest automatic abbreviation.
# Fewer digits would often match several releases by chance.
_SHORTEST_COMMIT = 7


class TagHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The digests that a tag of one target held, oldest first. The tag held each digest until the next one."""

    target: str
    tag: str
    holds: tuple[TagHold, ...]


class TagThen(msgspec.Struct, frozen=True, kw_only=True):
    """The digest that a tag of one target held at a given time. `until`: when the tag next changed; None if never."""

    target: str
    tag: str
    hold: TagHold
    until: str | None


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which releases to select; a member that is None selects all. `since`: inclusive timestamp; `until`: exclusive.

    `images`: targets, or their ends after a `/`; a release to one of them is selected. `tag`: an image tag that the
    release set, of any target or, with its name (`ghcr.io/acme/app:latest`), of one. `version`: also a git tag.
    `branch`: such as `main`.
    """

    images: tuple[str, ...] = ()
    tag: str | None = None
    version: str | None = None
    channel: str | None = None
    branch: str | None = None
    since: str | None = None
    until: str | None = None
    state: str | None = None
    actor: str | None = None
    scope: Scope = EVERYTHING


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An input that differs between two releases. `before`, `after`: its values; None where the input is absent."""

    name: str
    before: Any
    after: Any


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How two releases differ. `before`, `after`: their commits; git can list the commits in between."""

    before: str
    after: str
    same_image: bool
    inputs: tuple[Change, ...]
    platforms_added: tuple[str, ...]
    platforms_removed: tuple[str, ...]


def resolve(state: LogState, name: str, scope: Scope = EVERYTHING) -> tuple[ReleaseState, ...]:
    """The releases with the key, version, git tag, image tag, digest or commit `name`, oldest first; () if none.

    The name of a build (`1.4.2_r1`) is tried first, then versions, which mean every build of them, then image tags:
    `1.4.2` is the release 1.4.2, not a release that only set a tag `1.4.2`. Keys, digests and commits may be shortened
    to 7 digits.
    """
    if not name:
        return ()
    own = [one for one in state.releases.values() if scope.covers(one.project, one.component)]
    for is_meant in (_is_rebuild, _is_version, _is_tag, _is_identifier):
        if found := tuple(release for release in own if is_meant(release, name)):
            return found
    return ()


def select(state: LogState, wanted: Filter) -> tuple[ReleaseState, ...]:
    """The releases that fit `wanted`, newest first."""
    chosen = [release for release in state.releases.values() if _is_wanted(release, wanted)]
    return tuple(sorted(chosen, key=lambda release: release.planned_seq, reverse=True))


def difference(before: ReleaseState, after: ReleaseState) -> Difference:
    """Compare the images, inputs and platforms of two releases."""
    names = sorted({*before.inputs, *after.inputs})
    old, new = _platforms(before), _platforms(after)
    return Difference(
        before=before.commit,
        after=after.commit,
        same_image=before.image is not None
        and after.image is not None
        and before.image.digest == after.image.digest,
        inputs=tuple(
            Change(name=name, before=before.inputs.get(name), after=after.inputs.get(name))
            for name in names
            if before.inputs.get(name) != after.inputs.get(name)
        ),
        platforms_added=tuple(sorted(new - old)),
        platforms_removed=tuple(sorted(old - new)),
    )


def tags_of(release: ReleaseState) -> tuple[str, ...]:
    """Every image tag that the release set, fixed ones first."""
    return tuple(dict.fromkeys(tag for content in (*release.pushed, *release.moved) for tag in content.tags))


def _is_wanted(release: ReleaseState, wanted: Filter) -> bool:
    targets = [content.target for content in release.pushed] or [target.target for target in release.targets]
    actors = [attempt.actor for attempt in release.attempts]
    branch = str(release.source.get("ref", "")).removeprefix("refs/heads/")
    time = release.released_at or release.planned_at
    return (
        wanted.scope.covers(release.project, release.component)
        and (not wanted.images or any(_names(one, target) for one in wanted.images for target in targets))
        and (wanted.tag is None or _is_tag(release, wanted.tag))
        and (wanted.version is None or wanted.version == release.name or _is_version(release, wanted.version))
        and wanted.channel in (None, release.channel)
        and (wanted.branch is None or wanted.branch.removeprefix("refs/heads/") == branch)
        and (wanted.since is None or time >= wanted.since)
        and (wanted.until is None or time < wanted.until)
        and wanted.state in (None, release.state, *(("finished",) if release.finished else ()))
        and (wanted.actor is None or wanted.actor in actors)
    )


def _names(wanted: str, target: str) -> bool:
    return target == wanted or target.endswith(f"/{wanted}")


def _is_rebuild(release: ReleaseState, name: str) -> bool:
    return release.rebuild > 0 and name in (release.name, f"{release.version}_r{release.rebuild}")


def _is_version(release: ReleaseState, name: str) -> bool:
    return name in (release.version, release.git_tag)


def _is_tag(release: ReleaseState, name: str) -> bool:
    return any(
        name in (tag, f"{content.target}:{tag}")
        for content in (*release.pushed, *release.moved)
        for tag in content.tags
    )


def _is_identifier(release: ReleaseState, name: str) -> bool:
    if len(name.removeprefix("sha256:")) < _SHORTEST_COMMIT:
        return False
    image = release.image
    digests = [image.digest, *(one.digest for one in image.platforms)] if image is not None else []
    return any(text.startswith(name) for text in (release.commit, release.key, *digests)) or any(
        digest.removeprefix("sha256:").startswith(name) for digest in digests
    )


def _platforms(release: ReleaseState) -> set[str]:
    return {one.platform for one in release.image.platforms} if release.image is not None else set()
