"""The state of a log: what `fold` returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from release.log.records.parts import PlannedTarget, RecordedContext, RecordedImage
from release.versions.status import KnownStatus

State = Literal["planned", "built", "pushed", "released"]

# gc=False: these values hold no cycles, and scanning a million of them would take the collector longer than the fold.


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One run for one release. `ended`: None while open, else `released`, `failed`, `cancelled` or `abandoned`.

    `lease_ms`: the announced limit of the run's duration, in milliseconds; 0: none. `resumes`: the id of the attempt
    that this attempt continues.
    """

    id: str
    release: str
    seq: int
    at: str
    ci: Mapping[str, Any] = {}
    actor: str = ""
    lease_ms: int = 0
    resumes: str = ""
    ended: str | None = None
    ended_seq: int | None = None


class TargetContent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The result of a release on one target: the pushed digest, and the tags that were set to it."""

    target: str
    digest: str
    tags: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()  # moving tags that the guard did not move
    seq: int = -1


class BuiltContent(msgspec.Struct, frozen=True, gc=False):
    """An image of a release, and how it was obtained. `as_commit`: the image's labels need not name the commit."""

    image: RecordedImage
    via: str
    as_commit: bool


class BuiltPart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The image of one platform of several. `attested`: there are attestations about it.

    `index`: the digest of the index that the builder made of it; empty if it made none.
    """

    platform: str
    digest: str
    attested: bool = False
    index: str = ""
    builder: str = ""
    context: RecordedContext | None = None


class TagHold(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tag held `digest` from time `at` on; `""` if the tag was removed.

    `version`, `rebuild`, `project`: of the release that set it; `rebuild` is n of `1.4.2_rn`, else 0.
    """

    seq: int
    at: str
    digest: str
    release: str = ""
    version: str = ""
    kind: str = ""
    rebuild: int = 0
    project: str = ""

    @property
    def name(self) -> str:
        """The version with its rebuild: `1.4.2_r1`."""
        return rebuild_name(self.version, self.rebuild)


def rebuild_name(version: str, rebuild: int) -> str:
    """The name of a build of `version`: `1.4.2`, or the fixed tag of a rebuild: `1.4.2_r1`, `1.0.0_a_r1` for `1.0.0+a`.

    A rebuild has one name everywhere, and image tags cannot contain `+`.
    """
    return f"{version.replace('+', '_')}_r{rebuild}" if version and rebuild else version


class ReleaseState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The state of one release key. `as_commit`: the labels of the release's image need not name the commit.

    `source`, `inputs`, `inputs_label`, `image_version`: as the newest plan recorded them. `image`: the released image,
    else the first pushed one, else the newest built one. `pushed`, `moved`: of that image, one for each target.
    `parts`: images of single platforms, the newest last, also of attempts whose image has no record `built`.
    `unfinished`: required targets whose moving tags are not recorded as moved yet; () before `released`.
    """

    key: str
    project: str
    commit: str
    version: str
    rebuild: int
    channel: str
    git_tag: str
    state: State
    inputs: Mapping[str, Any]
    source: Mapping[str, Any]
    targets: tuple[PlannedTarget, ...]
    attempts: tuple[Attempt, ...]
    image: RecordedImage | None = None
    parts: tuple[BuiltPart, ...] = ()
    inputs_label: str = ""
    image_version: str = ""
    via: str = ""
    as_commit: bool = False
    pushed: tuple[TargetContent, ...] = ()
    moved: tuple[TargetContent, ...] = ()
    unfinished: tuple[str, ...] = ()
    planned_seq: int = -1
    planned_at: str = ""
    released_seq: int | None = None
    released_at: str = ""
    last_seq: int = -1
    component: str = ""

    @property
    def name(self) -> str:
        """The version with its rebuild, `1.4.2_r1`; `""` if the release has no version."""
        return rebuild_name(self.version, self.rebuild)

    @property
    def finished(self) -> bool:
        """Whether the release is released and the moving tags of every required target are recorded."""
        return self.state == "released" and not self.unfinished

    @property
    def open_attempts(self) -> tuple[Attempt, ...]:
        """Attempts without a recorded end."""
        return tuple(attempt for attempt in self.attempts if attempt.ended is None)

    @property
    def between_releases(self) -> bool:
        """Whether this is a build of a branch, pull request or snapshot, whose version sorts between releases."""
        return self.channel in BETWEEN_RELEASES

    def pushed_to(self, target: str) -> TargetContent | None:
        """The digest and tags that were pushed to `target`; None if nothing was pushed there."""
        return next((content for content in self.pushed if content.target == target), None)


#: Channels whose builds have a version that sorts between releases.
BETWEEN_RELEASES = frozenset({"branch", "pull-request", "snapshot"})


class LogState(msgspec.Struct, frozen=True, kw_only=True):
    """The whole log, folded. `releases`: by key, in the order of their first entries.

    `holds`: by (target, tag), the digests of each tag oldest first. `statuses`: by (project, version).
    """

    releases: Mapping[str, ReleaseState] = {}
    holds: Mapping[tuple[str, str], tuple[TagHold, ...]] = {}
    statuses: Mapping[tuple[str, str], KnownStatus] = {}
    skipped: int = 0  # entries of kinds that this version does not know
    seq: int = -1

    def release(self, key: str) -> ReleaseState | None:
        """The release of `key`, or None if the log has none."""
        return self.releases.get(key)

    def released_versions(self, project: str | None = None) -> tuple[tuple[str, str, int], ...]:
        """(version, commit, rebuild) of each release of one project, or of all; yanked versions are included.

        Builds of branches, pull requests and snapshots are left out: their versions are calculated, not released.
        """
        return tuple(
            (release.version, release.commit, release.rebuild)
            for release in self.releases.values()
            if release.state == "released" and release.version and project in (None, release.project)
            if release.channel not in BETWEEN_RELEASES
        )

    def statuses_of(self, project: str | None = None) -> tuple[KnownStatus, ...]:
        """The valid status of each version that has one, of one project or of all."""
        return tuple(one for (of, _), one in self.statuses.items() if project in (None, of))

    def open_attempts(self) -> tuple[Attempt, ...]:
        """Attempts without a recorded end, of all releases."""
        return tuple(attempt for release in self.releases.values() for attempt in release.open_attempts)
