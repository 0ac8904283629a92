"""Computes the state of every release from the log's events, in one pass. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from release.log import Entry
from release.log.records.entry_members import (
    common_of,
    digest_of,
    image_of,
    part_of,
    plan_of,
    rebuild_of,
    tags_set,
    without_rebuild,
)
from release.log.records.members import Fields, dicts_of, number_of, object_of, text_of
from release.log.release_fold import ReleaseFold
from release.log.state import Attempt, BuiltContent, LogState, ReleaseState, TagHold, TargetContent
from release.log.status_fold import StatusFold


def fold(entries: Iterable[Entry]) -> LogState:
    """The state after all `entries`. Unknown kinds and members are skipped: a newer shipmark may have recorded them."""
    folding = Folding()
    for entry in entries:
        folding.add(entry.fields)
    return folding.result()


class Folding:
    """The state of all releases, fed entry by entry. `seq`: of the last one."""

    def __init__(self) -> None:
        self._releases: dict[str, ReleaseFold] = {}
        self._holds: dict[tuple[str, str], list[TagHold]] = {}
        self._statuses = StatusFold()
        self._skipped = 0
        self._done: dict[str, ReleaseState] = {}  # what `state` made of releases that got no entry since
        self.seq = -1
        self._of_release: dict[str, Callable[[ReleaseFold, Fields], None]] = {
            "planned": self._planned,
            "built-platform": self._built_platform,
            "built": self._built,
            "pushed": self._pushed,
            "released": self._released,
            "moved": self._moved,
            "failed": self._ended,
            "cancelled": self._ended,
            "abandoned": self._abandoned,
        }
        self._beside: dict[str, Callable[[Fields], None]] = {
            "yanked": self._said,
            "restored": self._said,
            "status": self._said,
            "promoted": self._tagged,
            "saved-manifest": _nothing,
            "pruned": self._tagged,
            "unpruned": self._tagged,
            "deployed": _nothing,
            "note": _nothing,
        }

    def add(self, fields: Fields) -> None:
        """Change the state as one log entry says."""
        kind = text_of(fields, "kind")
        self.seq = number_of(fields, "seq")
        if kind in self._of_release and text_of(fields, "release"):
            release = self._release(fields)
            self._done.pop(release.key, None)
            release.last_seq = self.seq
            self._of_release[kind](release, fields)
        elif kind in self._beside:
            self._beside[kind](fields)
        else:
            self._skipped += 1

    def result(self) -> LogState:
        """The immutable state. Each release is dropped after its conversion, so that it is in memory only once."""
        return self._state({key: self._releases.pop(key).result() for key in tuple(self._releases)})

    def state(self) -> LogState:
        """The immutable state until now; more entries may follow."""
        for key, release in self._releases.items():
            if key not in self._done:
                self._done[key] = release.result()
        return self._state({key: self._done[key] for key in self._releases})

    def _state(self, releases: dict[str, ReleaseState]) -> LogState:
        return LogState(
            releases=releases,
            holds={tag: tuple(holds) for tag, holds in self._holds.items()},
            statuses=dict(self._statuses.valid),
            skipped=self._skipped,
            seq=self.seq,
        )

    def _release(self, fields: Fields) -> ReleaseFold:
        key = text_of(fields, "release")
        release = self._releases.get(key)
        if release is None:
            release = self._releases[key] = ReleaseFold(key, common_of(fields))
        return release

    def _planned(self, release: ReleaseFold, fields: Fields) -> None:
        release.plan = plan_of(fields)
        attempt = text_of(fields, "attempt")
        if attempt not in release.attempts:
            release.attempts[attempt] = Attempt(
                id=attempt,
                release=release.key,
                seq=self.seq,
                at=text_of(fields, "at"),
                ci=object_of(fields, "ci"),
                actor=text_of(fields, "actor"),
                lease_ms=max(0, number_of(fields, "lease_ms", 0)),
                resumes=text_of(fields, "resumes"),
            )

    def _built(self, release: ReleaseFold, fields: Fields) -> None:
        image = image_of(fields)
        if image is not None:
            release.built.pop(image.digest, None)
            vouched = fields.get("as_commit") is True
            release.built[image.digest] = BuiltContent(image, text_of(fields, "via"), vouched)

    def _built_platform(self, release: ReleaseFold, fields: Fields) -> None:
        part = part_of(fields)
        if part is not None:
            key = (part.platform, part.digest)
            release.parts.pop(key, None)
            release.parts[key] = part

    def _pushed(self, release: ReleaseFold, fields: Fields) -> None:
        content = self._content(fields)
        key = (content.digest, content.target)
        earlier = release.pushed.get(key)
        tags = (*earlier.tags, *content.tags) if earlier else content.tags
        release.pushed[key] = msgspec.structs.replace(content, tags=tuple(dict.fromkeys(tags)))
        self._hold(fields, release)

    def _released(self, release: ReleaseFold, fields: Fields) -> None:
        if release.released is None:
            release.released = common_of(fields)
        release.end_all(self.seq)

    def _moved(self, release: ReleaseFold, fields: Fields) -> None:
        content = self._content(fields)
        image = release.image()
        digest = image.digest if image else content.digest
        release.moved[(digest, content.target)] = msgspec.structs.replace(content, digest=digest)
        self._hold(fields, release)

    def _ended(self, release: ReleaseFold, fields: Fields) -> None:
        self._end(release, fields, text_of(fields, "kind"))

    def _abandoned(self, release: ReleaseFold, fields: Fields) -> None:
        self._end(release, fields, "abandoned")
        if lost := text_of(fields, "lost"):
            release.forget(lost)

    def _end(self, release: ReleaseFold, fields: Fields, how: str) -> None:
        attempt = release.attempts.get(text_of(fields, "attempt"))
        # Only the first recorded end counts: a frozen process that others declared dead may wake up and record another.
        if attempt is not None and attempt.ended is None:
            release.attempts[attempt.id] = msgspec.structs.replace(attempt, ended=how, ended_seq=self.seq)

    def _said(self, fields: Fields) -> None:
        self._statuses.add(fields)

    def _tagged(self, fields: Fields) -> None:
        self._hold(fields, None)

    def _content(self, fields: Fields) -> TargetContent:
        tags = list(dicts_of(fields, "tags"))
        return TargetContent(
            target=text_of(fields, "target"),
            digest=digest_of(fields),
            tags=tuple(text_of(tag, "name") for tag in tags if text_of(tag, "result") != "withheld"),
            withheld=tuple(text_of(tag, "name") for tag in tags if text_of(tag, "result") == "withheld"),
            seq=self.seq,
        )

    def _hold(self, fields: Fields, release: ReleaseFold | None) -> None:
        for target, tag, digest in tags_set(fields):
            self._add_hold(fields, (target, tag), digest, release)

    def _add_hold(
        self, fields: Fields, target_tag: tuple[str, str], digest: str, release: ReleaseFold | None
    ) -> None:
        holds = self._holds.setdefault(target_tag, [])
        if holds and holds[-1].digest == digest:
            return
        version = (release.plan.version if release else "") or text_of(fields, "version")
        holds.append(
            TagHold(
                seq=self.seq,
                at=text_of(fields, "at"),
                digest=digest,
                release=release.key if release else text_of(fields, "release"),
                version=without_rebuild(version),
                kind=text_of(fields, "kind"),
                rebuild=(release.plan.rebuild if release else 0) or rebuild_of(version),
                project=text_of(fields, "project"),
            )
        )


def _nothing(_: Fields) -> None:
    """Do nothing: the kind changes no state."""
