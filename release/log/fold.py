"""Computes the state of every release from the log's events, in one pass. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from release.log import Entry
from release.log.records.entry_members import (
    CommonMembers,
    PlanMembers,
    common_of,
    digest_of,
    image_of,
    part_of,
    plan_of,
    rebuild_of,
    without_rebuild,
)
from release.log.records.members import Fields, dicts_of, number_of, object_of, text_of
from release.log.records.parts import PlannedTarget, RecordedImage
from release.log.state import (
    Attempt,
    BuiltContent,
    BuiltPart,
    LogState,
    ReleaseState,
    State,
    TagHold,
    TargetContent,
)
from release.versions.status import KnownStatus

#: Kinds of records that say what tags hold.
SETS_TAGS = frozenset({"pushed", "moved", "promoted", "pruned", "unpruned"})


def fold(entries: Iterable[Entry]) -> LogState:
    """The state after all `entries`. Unknown kinds and members are skipped: a newer shipmark may have recorded them."""
    folding = Folding()
    for entry in entries:
        folding.add(entry.fields)
    return folding.result()


class _Release:
    """A release while the log is read: members of its first, its newest `planned` and its first `released` entry.

    Only needed members are kept: whole entries would take most of the memory for a long log.
    """

    __slots__ = (
        "attempts",
        "built",
        "first",
        "key",
        "last_seq",
        "moved",
        "parts",
        "plan",
        "pushed",
        "released",
    )

    def __init__(self, key: str, first: CommonMembers) -> None:
        self.key = key
        self.plan = PlanMembers()
        self.first = first
        self.attempts: dict[str, Attempt] = {}
        # By digest, the newest build last: `image` falls back to the newest.
        self.built: dict[str, BuiltContent] = {}
        # By platform and digest, the newest build last: a later attempt looks at the newest images first.
        self.parts: dict[tuple[str, str], BuiltPart] = {}
        self.pushed: dict[tuple[str, str], TargetContent] = {}  # (digest, target)
        self.moved: dict[tuple[str, str], TargetContent] = {}
        self.released: CommonMembers | None = None
        self.last_seq = -1

    def image(self) -> RecordedImage | None:
        """The image of this release: the released one, else the first pushed one, else the newest built one."""
        digest = self.released.digest if self.released else ""
        digest = digest or next((digest for digest, _ in self.pushed), "") or next(reversed(self.built), "")
        if digest in self.built:
            return self.built[digest].image
        return RecordedImage(digest=digest) if digest else None

    def forget(self, digest: str) -> None:
        """Drop the image `digest`, whose bytes are lost according to an `abandoned` entry."""
        self.built.pop(digest, None)
        for contents in (self.pushed, self.moved):
            for key in [key for key in contents if key[0] == digest]:
                del contents[key]
        if self.released and self.released.digest == digest:
            self.released = None

    def end_all(self, seq: int) -> None:
        """End all open attempts of this release: one has finished it, so that the others have nothing left to do."""
        self.attempts = {key: _ended(one, seq) for key, one in self.attempts.items()}

    def result(self) -> ReleaseState:
        """The state of the release as an immutable value."""
        image = self.image()
        digest = image.digest if image else ""
        plan, first, released, built = self.plan, self.first, self.released, self.built.get(digest)
        moved = tuple(content for (of, _), content in self.moved.items() if of == digest)
        unfinished = _unfinished(plan.targets, moved) if released else ()
        attempts = tuple(self.attempts.values())
        if released and not unfinished:  # attempts that began after the release record no end
            attempts = tuple(_ended(one, self.last_seq) for one in attempts)
        version = (released.version if released else "") or plan.version
        return ReleaseState(
            key=self.key,
            project=first.project,
            commit=plan.commit or (released or first).commit,
            version=without_rebuild(version),
            rebuild=(released.rebuild if released else 0) or plan.rebuild or rebuild_of(version),
            channel=plan.channel,
            git_tag=plan.git_tag,
            state=self._state(),
            inputs=plan.inputs,
            inputs_label=plan.inputs_label,
            image_version=plan.image_version,
            source=plan.source,
            targets=plan.targets,
            attempts=attempts,
            image=image,
            parts=tuple(self.parts.values()),
            via=(released.via if released else "") or (built.via if built else ""),
            as_commit=built.as_commit if built else False,
            pushed=tuple(content for (of, _), content in self.pushed.items() if of == digest),
            moved=moved,
            unfinished=unfinished,
            planned_seq=first.seq,
            planned_at=first.at,
            released_seq=released.seq if released else None,
            released_at=released.at if released else "",
            last_seq=self.last_seq,
            component=first.component,
        )

    def _state(self) -> State:
        if self.released:
            return "released"
        if self.pushed:
            return "pushed"
        return "built" if self.built else "planned"


class Folding:
    """The state of all releases, fed entry by entry. `seq`: of the last one."""

    def __init__(self) -> None:
        self._releases: dict[str, _Release] = {}
        self._holds: dict[tuple[str, str], list[TagHold]] = {}
        self._statuses: dict[tuple[str, str], KnownStatus] = {}
        self._skipped = 0
        self._done: dict[str, ReleaseState] = {}  # what `state` made of releases that got no entry since
        self.seq = -1
        self._of_release: dict[str, Callable[[_Release, Fields], None]] = {
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
            "yanked": self._yanked,
            "restored": self._yanked,
            "status": self._status,
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
            statuses=dict(self._statuses),
            skipped=self._skipped,
            seq=self.seq,
        )

    def _release(self, fields: Fields) -> _Release:
        key = text_of(fields, "release")
        release = self._releases.get(key)
        if release is None:
            release = self._releases[key] = _Release(key, common_of(fields))
        return release

    def _planned(self, release: _Release, fields: Fields) -> None:
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

    def _built(self, release: _Release, fields: Fields) -> None:
        image = image_of(fields)
        if image is not None:
            release.built.pop(image.digest, None)
            vouched = fields.get("as_commit") is True
            release.built[image.digest] = BuiltContent(image, text_of(fields, "via"), vouched)

    def _built_platform(self, release: _Release, fields: Fields) -> None:
        part = part_of(fields)
        if part is not None:
            key = (part.platform, part.digest)
            release.parts.pop(key, None)
            release.parts[key] = part

    def _pushed(self, release: _Release, fields: Fields) -> None:
        content = self._content(fields)
        key = (content.digest, content.target)
        earlier = release.pushed.get(key)
        tags = (*earlier.tags, *content.tags) if earlier else content.tags
        release.pushed[key] = msgspec.structs.replace(content, tags=tuple(dict.fromkeys(tags)))
        self._hold(fields, release)

    def _released(self, release: _Release, fields: Fields) -> None:
        if release.released is None:
            release.released = common_of(fields)
        release.end_all(self.seq)

    def _moved(self, release: _Release, fields: Fields) -> None:
        content = self._content(fields)
        image = release.image()
        digest = image.digest if image else content.digest
        release.moved[(digest, content.target)] = msgspec.structs.replace(content, digest=digest)
        self._hold(fields, release)

    def _ended(self, release: _Release, fields: Fields) -> None:
        self._end(release, fields, text_of(fields, "kind"))

    def _abandoned(self, release: _Release, fields: Fields) -> None:
        self._end(release, fields, "abandoned")
        if lost := text_of(fields, "lost"):
            release.forget(lost)

    def _end(self, release: _Release, fields: Fields, how: str) -> None:
        attempt = release.attempts.get(text_of(fields, "attempt"))
        # Only the first recorded end counts: a frozen process that others declared dead may wake up and record another.
        if attempt is not None and attempt.ended is None:
            release.attempts[attempt.id] = msgspec.structs.replace(attempt, ended=how, ended_seq=self.seq)

    def _yanked(self, fields: Fields) -> None:
        versions = fields.get("versions")
        for version in versions if isinstance(versions, list) else ():
            self._hold_status(fields, str(version), text_of(fields, "kind"))

    def _status(self, fields: Fields) -> None:
        self._hold_status(fields, text_of(fields, "version"), text_of(fields, "status"))

    def _hold_status(self, fields: Fields, version: str, status: str) -> None:
        key = text_of(fields, "project"), version
        before = self._statuses.get(key)
        # A yank that shipmark 0.1.0 recorded has no number: it is newer than all earlier statuses in the log.
        number = number_of(fields, "number", 0) or (0 if before is None else before.number) + 1
        said = KnownStatus(
            version=version, number=number, status=status, reason=text_of(fields, "reason"), seq=self.seq
        )
        if before is None or said.outranks(before):
            self._statuses[key] = said

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

    def _hold(self, fields: Fields, release: _Release | None) -> None:
        for target, tag, digest in tags_set(fields):
            self._add_hold(fields, (target, tag), digest, release)

    def _add_hold(
        self, fields: Fields, target_tag: tuple[str, str], digest: str, release: _Release | None
    ) -> None:
        holds = self._holds.setdefault(target_tag, [])
        if holds and holds[-1].digest == digest:
            return
        version = release.plan.version if release else text_of(fields, "version")
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


def _ended(attempt: Attempt, seq: int) -> Attempt:
    """The attempt, ended by the release unless it has another end."""
    if attempt.ended is not None:
        return attempt
    return msgspec.structs.replace(attempt, ended="released", ended_seq=seq)


def tags_set(fields: Fields) -> Iterator[tuple[str, str, str]]:
    """(target, tag, digest) for each tag that the entry records as set; digest `""`: the tag was removed."""
    kind = text_of(fields, "kind")
    if kind not in SETS_TAGS:
        return
    target = text_of(fields, "to" if kind == "promoted" else "target")
    for tag in dicts_of(fields, "tags"):
        digest = text_of(tag, "digest")
        if kind == "pruned":
            yield target, text_of(tag, "name"), ""
        elif digest and text_of(tag, "result") != "withheld":
            yield target, text_of(tag, "name"), digest


def _nothing(_: Fields) -> None:
    """Do nothing: the kind changes no state."""


def _unfinished(targets: tuple[PlannedTarget, ...], moved: tuple[TargetContent, ...]) -> tuple[str, ...]:
    done = {content.target for content in moved}
    return tuple(
        target.target
        for target in targets
        if target.target not in done and any(tag.kind == "moving" for tag in target.tags)
    )
