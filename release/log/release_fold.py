"""One release while the log is folded: what its entries said so far, and the state that follows from it. Pure."""

from __future__ import annotations

import msgspec

from release.log.records.entry_members import CommonMembers, PlanMembers, rebuild_of, without_rebuild
from release.log.records.parts import PlannedTarget, RecordedImage
from release.log.state import Attempt, BuiltContent, BuiltPart, ReleaseState, State, TargetContent


class ReleaseFold:
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
        version = (released.version if released else "") or plan.version or first.version
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
        if self.pushed or self.moved:  # a rollback moves tags to images that this log may not know
            return "pushed"
        return "built" if self.built else "planned"


def _ended(attempt: Attempt, seq: int) -> Attempt:
    """The attempt, ended by the release unless it has another end."""
    if attempt.ended is not None:
        return attempt
    return msgspec.structs.replace(attempt, ended="released", ended_seq=seq)


def _unfinished(targets: tuple[PlannedTarget, ...], moved: tuple[TargetContent, ...]) -> tuple[str, ...]:
    done = {content.target for content in moved}
    return tuple(
        target.target
        for target in targets
        # An optional target may never get the release: its run has ended all the same.
        if target.required and target.target not in done and any(tag.kind == "moving" for tag in target.tags)
    )
