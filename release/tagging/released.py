"""Finds the version that a run releases its commit as. Pure."""

from __future__ import annotations

from release.errors import AmbiguousVersion, ConfigError, GitError, RefusedError
from release.facts import Facts, commit_of_tag
from release.ref_names import require_git_tag
from release.tagging.default_scheme import Release
from release.tagging.model import TagPolicy
from release.tagging.unread import Unread, unread
from release.versions.git_tags import VersionTag, VersionTags
from release.versions.model import Scheme, Version
from release.versions.semver import parse_as, parse_tag_name, precedence_key


def release_of(
    facts: Facts, policy: TagPolicy, found: VersionTags, *, version: Version | None, asked: str | None
) -> Release | None:
    """The release of the run: by `--version`, by `--release`, by the run's git tag, or by a version tag at HEAD.

    `version`: of `--version`. `asked`: the git tag of `--release`; `""` for any version tag at HEAD. A run for a branch
    releases a tag at HEAD only where no CI system was detected, where it is asked for, or where `release_on` names the
    event. Raises `AmbiguousVersion`, `ConfigError`, `GitError`, `RefusedError`.
    """
    if version is not None:
        return Release(version=_as(version, policy.versions), git_tag=None, why="given with `--version`")
    if asked:
        return _asked(facts, policy, found, asked)
    if policy.versions == "none":
        return None
    scope = facts.scope
    if scope.may == "release" and facts.git_tag is not None:
        named = parse_tag_name(facts.git_tag, policy.prefix, policy.versions)
        return None if named is None else _by_tag(facts.git_tag, named)
    if scope.may != "branch" or not (scope.at_head or asked == "" or _is_named(facts, policy)):
        return None
    at_head = found.at(facts.commit)
    if not at_head:
        return None
    _require_unambiguous(at_head)
    return _by_tag(at_head[0].git_tag, at_head[0].version)


def _is_named(facts: Facts, policy: TagPolicy) -> bool:
    """Whether `release_on` names the event, by the CI system's name for it or by the name that `shipmark ci` shows."""
    ci = facts.ci
    names = {ci.event.lower(), (ci.event_name or "").strip().lower()}
    return any(one.strip().lower() in names for one in policy.release_on)


def unread_tag(facts: Facts, policy: TagPolicy, release: Release | None) -> Unread | None:
    """The run's git tag if it is not a version of the component; None if the run releases a version."""
    if release is not None or facts.git_tag is None or facts.scope.may != "release":
        return None
    return unread(facts.git_tag, policy)


def left_at_head(facts: Facts, policy: TagPolicy, found: VersionTags, release: Release | None) -> list[str]:
    """Warnings about git tags at HEAD that this run, which is for a branch, does not release."""
    if (
        release is not None
        or facts.scope.may != "branch"
        or facts.branch is None
        or policy.versions == "none"
    ):
        return []
    if at_head := found.at(facts.commit):
        name = at_head[0].git_tag
        text = f"git tag `{name}` is at HEAD, but this run is for branch `{facts.branch}` and does not release it"
        return [f"{text}; `run --release {name}` does, and so does a run for the tag"]
    return []


def _by_tag(git_tag: str, version: Version) -> Release:
    return Release(version=version, git_tag=git_tag, why=f"git tag {git_tag} at HEAD")


def _asked(facts: Facts, policy: TagPolicy, found: VersionTags, git_tag: str) -> Release:
    require_git_tag("--release", git_tag)
    if facts.scope.may not in ("release", "branch"):
        raise RefusedError(
            f"`--release {git_tag}`: this run may not release a version: {facts.scope.reason}",
            hint="release it in a run for the branch or for the git tag",
        )
    version = parse_tag_name(git_tag, policy.prefix, policy.versions)
    if version is None:
        odd = unread(git_tag, policy)
        raise GitError(
            f"`--release {git_tag}`: {odd.reason if odd else 'it is not a version'}",
            hint="name a git tag that is a version, or release without a tag: `run --version X.Y.Z --reason …`",
        )
    named = commit_of_tag(facts.snapshot, git_tag)
    if named is None:
        raise GitError(
            f"`--release {git_tag}`: there is no such git tag, as far as this clone knows",
            hint=_instead(found.at(facts.commit), git_tag, version),
        )
    if named != facts.commit:
        raise GitError(
            f"`--release {git_tag}`: the git tag names `{named[:12]}`, and HEAD is `{facts.commit[:12]}`",
            hint=f"`git checkout {git_tag}` first: an image is built from what is checked out",
        )
    return _by_tag(git_tag, version)


def _instead(at_head: tuple[VersionTag, ...], git_tag: str, version: Version) -> str:
    """How to release HEAD although `git_tag` does not exist: by its real name, by making it, or by fetching it."""
    same = [each.git_tag for each in at_head if each.version == version]
    if same:
        return f"HEAD has the git tag `{same[0]}`: `--release {same[0]}`"
    elsewhere = f"if it exists elsewhere: `git fetch --tags`, then `git checkout {git_tag}`"
    return f"`git tag {git_tag}` makes it at HEAD; {elsewhere}"


def _as(version: Version, scheme: Scheme) -> Version:
    """A version from the command line, parsed again in the project's scheme. Raises `ConfigError`."""
    try:
        return version if scheme == "none" else parse_as(str(version), scheme)
    except ValueError as error:
        raise ConfigError(
            f"`--version {version}` does not fit `versions: {scheme}`: {error}",
            hint="write the version as in the project's git tags",
        ) from error


def _require_unambiguous(at_head: tuple[VersionTag, ...]) -> None:
    first = at_head[0]
    for other in at_head[1:]:
        # `v1.4.2` and `1.4.2` are the same version; `1.4.2+a` and `1.4.2+b` differ at equal precedence.
        if precedence_key(other.version) == precedence_key(first.version) and other.version != first.version:
            raise AmbiguousVersion(
                f"git tags `{first.git_tag}` and `{other.git_tag}` are both at HEAD and have equal precedence",
                hint=f"choose one with `shipmark run --release {first.git_tag}` or a run that the tag starts; or delete"
                f" the other: `git tag -d {other.git_tag}`",
            )
