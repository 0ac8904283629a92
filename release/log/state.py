"""The state of a log: what `fold` returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from release.log.record import PlannedTarget, RecordedImage

State = Literal["planned", "built", "pushed", "released"]

# gc=False: these values hold no cycles, and scanning a million of them would take the collector longer than the fold.


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One run at one release. `ended`: None while open, else `released`, `failed`, `cancelled` or `abandoned`.

    `ci`, `actor`: as recorded. `lease_ms`: the longest time that the run announced. `resumes`: the attempt before it.
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
    """What a release did on one target: the digest that it pushed, and the tags that it left on it."""

    target: str
    digest: str
    tags: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()  # moving tags that the guard did not move
    seq: int = -1


class TagHold(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """From `at` (and `seq`) on a tag held `digest`; `""`: it was removed. `version`: of the release that set it."""

    seq: int
    at: str
    digest: str
    release: str = ""
    version: str = ""
    kind: str = ""


class ReleaseState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the log says of one release key.

    `source`, `inputs`, `inputs_label`, `image_version`: as the last plan recorded them. `image`: the released image,
    else a pushed one, else the one built last. `pushed`, `moved`: of that image, one for each target. `unfinished`:
    planned targets whose moving tags are not recorded as moved yet; () before `released`.
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
    inputs_label: str = ""
    image_version: str = ""
    via: str = ""
    pushed: tuple[TargetContent, ...] = ()
    moved: tuple[TargetContent, ...] = ()
    unfinished: tuple[str, ...] = ()
    planned_seq: int = -1
    planned_at: str = ""
    released_seq: int | None = None
    released_at: str = ""
    last_seq: int = -1

    @property
    def finished(self) -> bool:
        """Whether it is released and every target's moving tags were dealt with."""
        return self.state == "released" and not self.unfinished

    @property
    def open_attempts(self) -> tuple[Attempt, ...]:
        """Attempts without a recorded end."""
        return tuple(attempt for attempt in self.attempts if attempt.ended is None)

    @property
    def between_releases(self) -> bool:
        """Whether it is the build of a branch or request: its version is calculated and was never released."""
        return self.channel in _BETWEEN_RELEASES

    def pushed_to(self, target: str) -> TargetContent | None:
        """What was pushed to `target`."""
        return next((content for content in self.pushed if content.target == target), None)


#: Channels whose builds have a version that sorts between releases.
_BETWEEN_RELEASES = frozenset({"branch", "pull-request", "snapshot"})


class LogState(msgspec.Struct, frozen=True, kw_only=True):
    """The whole log, folded. `releases`: by key, in the order in which they were first planned.

    `holds`: by (target, tag), in the order of the log.
    """

    releases: Mapping[str, ReleaseState] = {}
    holds: Mapping[tuple[str, str], tuple[TagHold, ...]] = {}
    yanks: tuple[tuple[str, str], ...] = ()  # (project, version)
    skipped: int = 0  # entries of kinds that this version does not know
    seq: int = -1

    def release(self, key: str) -> ReleaseState | None:
        """The release of `key`, or None if the log has none."""
        return self.releases.get(key)

    def released_versions(self, project: str | None = None) -> tuple[tuple[str, str, int], ...]:
        """(version, commit, rebuild) of what was released, of one project or of all; yanked ones included.

        Builds of branches and requests are left out: their versions are calculated.
        """
        return tuple(
            (release.version, release.commit, release.rebuild)
            for release in self.releases.values()
            if release.state == "released" and release.version and project in (None, release.project)
            if release.channel not in _BETWEEN_RELEASES
        )

    def yanked(self, project: str | None = None) -> tuple[str, ...]:
        """Versions that were taken back, of one project or of all."""
        return tuple(dict.fromkeys(version for of, version in self.yanks if project in (None, of)))

    def open_attempts(self) -> tuple[Attempt, ...]:
        """Attempts without a recorded end, of all releases."""
        return tuple(attempt for release in self.releases.values() for attempt in release.open_attempts)
