"""The values of a tag decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Protocol

import msgspec

from release.versions.git_tags import VersionTags
from release.versions.model import Scheme, Version
from release.versions.status import KnownStatus

Knowledge = Literal["complete", "partial", "unknown", "not asked"]
#: The missing fact that would show whether a branch's tag may move, and that another run would lack too: `history` of
#: the clone, or the `tip` of the branch on the remote.
Lack = Literal["history", "tip"]
Channel = Literal["release", "prerelease", "branch", "pull-request", "snapshot"]


#: Git tags that are ignored by default: moving tags such as `v1`, which users of GitHub actions know.
IGNORED_TAGS = ("v[0-9]", "v[0-9][0-9]")


class TagPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one component's tags are chosen.

    `prefix`: of git tags, before the version (`api/`); an optional `v` may follow it. `versions`: the scheme of git
    tags. `latest`: `auto` follows the highest stable release; `default-branch` moves `latest` to every build of the
    default branch; `never` sets no `latest`. `follows_default_branch`: whether a tag may depend on which branch is the
    default branch. `as_action`: rules see each event as docker/metadata-action does. `ignore_tags`: globs of git tags
    that are known not to be releases. `release_on`: events for which a branch's run releases a version tag at HEAD.
    `other_prefixes`: the prefixes of the other components' git tags. `counted`: whether git counts the commits since
    the last release, which the version of an untagged commit needs.
    """

    prefix: str = ""
    versions: Scheme = "semver"
    latest: Literal["auto", "default-branch", "never"] = "auto"
    pull_requests: bool = False  # whether builds of pull requests may be pushed; from forks never
    base: Literal["highest", "nearest"] = "highest"  # release that an untagged version counts from
    channels: tuple[
        str, ...
    ] = ()  # prerelease identifiers with a moving tag (`rc`), which follows stable releases too
    follows_default_branch: bool = False
    as_action: bool = False
    ignore_tags: tuple[str, ...] = IGNORED_TAGS
    release_on: tuple[str, ...] = ()
    other_prefixes: tuple[str, ...] = ()
    counted: bool = True


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The set of releases or commits whose newest member a moving tag points at.

    `kind` `release`: stable versions, all of them, those of `major`, or of `major.minor`; with `channel` the
    prereleases of that channel too. `branch`: commits of branch `name`. `pull-request`: heads of request `number`.
    """

    kind: Literal["release", "branch", "pull-request"]
    major: int | None = None
    minor: int | None = None
    channel: str | None = None
    name: str | None = None
    number: int | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A commit that a moving tag may move to, and the version that it is released as, if any.

    `rebuild`: N of the suffix `_rN` for a released version built again, 0 otherwise.
    """

    commit: str
    version: Version | None = None
    rebuild: int = 0


class FixedTag(msgspec.Struct, frozen=True, kw_only=True, tag="fixed", tag_field="kind"):
    """A tag that never moves.

    `policy`: what happens if the tag exists with another image: `version` is an error, `first-wins` keeps that image.
    """

    name: str
    reason: str
    policy: Literal["version", "first-wins"]


class MovingTag(msgspec.Struct, frozen=True, kw_only=True, tag="moving", tag_field="kind"):
    """A tag that moves to the newest release or commit of `line`."""

    name: str
    reason: str
    line: Line


def tags_for(tags: Iterable[FixedTag | MovingTag], *, moving: bool) -> tuple[FixedTag | MovingTag, ...]:
    """Those of `tags` that a target gets. `moving`: whether it gets moving tags, and not only the fixed ones."""
    return tuple(tag for tag in tags if moving or isinstance(tag, FixedTag))


class Withheld(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that is not set, with the reason. `rightly`: False if a fact is unknown; True for other reasons.

    `line`: the line of a moving tag that the guard withheld. `lacks`: see `Lack`.
    """

    name: str
    reason: str
    rightly: bool = True
    line: Line | None = None
    lacks: Lack | None = None


class KnownFrom(msgspec.Struct, frozen=True, kw_only=True):
    """For each source of releases, whether it was read completely."""

    git: Knowledge = "not asked"
    log: Knowledge = "not asked"
    registry: Knowledge = "not asked"


class KnownVersion(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One released version and its source. `commit`: the full commit id, if the source has one.

    `tag`: the image tag that named it, if the source is a registry.
    """

    version: Version
    source: Literal["git tag", "log", "registry"]
    commit: str | None = None
    rebuild: int = 0
    tag: str = ""


class RecordedReleases(Protocol):
    """The released versions of a long version log, which are asked for one by one."""

    def highest(self, line: Line, is_out: Callable[[Version, int], bool]) -> KnownVersion | None:
        """The highest version of the line. `is_out`: whether a version, or its rebuild of that number, counts not."""

    def of(self, version: Version) -> tuple[KnownVersion, ...]:
        """The builds of a version."""

    def every(self, above: Version | None = None) -> tuple[KnownVersion, ...]:
        """All of them, which takes a second for 100,000; with `above` those of lower versions are left out."""

    def count(self, line: Line) -> int:
        """How many builds of versions of the line there are."""


class KnownReleases(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of a component in git tags, version log and registry. `yanked`: versions taken back.

    `tagged`: version tags of git, which are not among `versions`.
    `prereleases`: versions that count for no stable line, because the pre-release box of their release is set.
    `statuses`: by version, its status in the log and in the registries' artifacts; `yanked` and `prereleases` follow
    from the statuses.
    `recorded`: versions of long logs, which are not among `versions`.
    `untold`: by repository, the statuses that its artifact lacks.
    """

    versions: tuple[KnownVersion, ...] = ()
    tagged: tuple[VersionTags, ...] = ()
    recorded: tuple[RecordedReleases, ...] = ()
    yanked: tuple[str, ...] = ()
    prereleases: tuple[str, ...] = ()
    known_from: KnownFrom = KnownFrom()
    statuses: Mapping[str, KnownStatus] = {}
    untold: Mapping[str, tuple[KnownStatus, ...]] = {}

    @property
    def listed(self) -> tuple[KnownVersion, ...]:
        """`tagged` and `versions`, with an object for each version tag: the guard's questions do without."""
        return (*(of_git_tag(one) for tags in self.tagged for one in tags.versions), *self.versions)


def of_git_tag(version: Version) -> KnownVersion:
    """The release that a git tag names."""
    return KnownVersion(version=version, source="git tag")


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one image tag on one target.

    `relation`: of the held `revision` to the candidate's commit: `same`, `ancestor` (older), `descendant`
    (newer), `diverged`, `unknown`; found out for moving tags only. `disputed`: labels that differ between the
    platforms of an index, and `platform` if a config contradicts the index; read for fixed tags only.
    """

    target: str
    tag: str
    state: Literal["free", "held", "unknown"]
    digest: str | None = None
    revision: str | None = None  # org.opencontainers.image.revision
    version: str | None = None  # org.opencontainers.image.version
    inputs: str | None = None  # dev.shipmark.inputs
    platforms: tuple[str, ...] = ()
    disputed: tuple[str, ...] = ()
    relation: Literal["same", "ancestor", "descendant", "diverged", "unknown"] | None = None
    cause: str | None = None


class HeldTags(msgspec.Struct, frozen=True, kw_only=True):
    """The state of tags on the targets that were read.

    `branch_tip`: the commit of the decision's branch on the remote; None if unknown.
    """

    held: tuple[Held, ...] = ()
    branch_tip: str | None = None

    def at(self, tag: str) -> tuple[Held, ...]:
        """The state of `tag` on each target that was read."""
        return tuple(held for held in self.held if held.tag == tag)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The version and the image tags of one component, each with the reason for it.

    `tags`: the primary fixed tag is first.
    """

    component: str
    version: str | None
    commit: str
    channel: Channel
    git_tag: str | None = None
    known_from: KnownFrom = KnownFrom()
    tags: tuple[FixedTag | MovingTag, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    references: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    warnings: tuple[str, ...] = ()
    candidate: Candidate | None = None
