"""Moves moving tags; each is read right before it is written, and again after."""

from __future__ import annotations

import msgspec

from release.effects.tag_reader import TagReader
from release.effects.tags import Put, put_of, put_tag, settled
from release.effects.watch import TagObservation, Watcher
from release.handler import Work
from release.oci import Registries
from release.plan.model import Bindings, Conflict, Done, Free, Judgement, Unknown, binding
from release.plan.operands import MoveTag, digest_in, tagged_of
from release.plan.ownership import short
from release.tagging import guard
from release.tagging.line_releases import highest
from release.tagging.model import Held, KnownReleases, KnownVersion
from release.versions.semver import image_tag_of

# Times that one step writes a moving tag again after another run overwrote it. A race of two runs needs one or two.
# With no limit the runs could overwrite each other for ever. After the last time the runner's second observation
# decides, and reports a conflict if the tag is wrong.
_MOST_RACES = 5


class MovingTags:
    """The handler of `move-tag` steps: moves a moving tag to the image, if the guard allows it right before.

    Two runs may both be allowed to move a tag and then write it in the wrong order, since a registry has no
    compare-and-swap. So each run reads the releases again after it has written, and puts the tag on a higher release if
    there is one by then. The last writer sees all other releases, because fixed tags are put before moving tags.
    """

    kind = MoveTag

    def __init__(self, registries: Registries, tags: TagReader, watcher: Watcher) -> None:
        self._registries = registries
        self._tags = tags
        self._watcher = watcher
        # Step -> what `act` read after its last write: the runner's second observation is that read, not a further one.
        self._after: dict[str, TagObservation] = {}

    def describe(self, operands: MoveTag) -> str:
        """The line that `preview` prints for the step."""
        return f"move {operands.target}:{operands.tag}"

    def observe(self, work: Work[MoveTag]) -> TagObservation:
        """What the tag holds, and the releases or the branch tip that may outrank the candidate."""
        sight = self._after.pop(work.id, None) or self._watcher.look(work)
        return self._with_rival(work, sight)

    def _with_rival(self, work: Work[MoveTag], sight: TagObservation) -> TagObservation:
        if sight.held.digest is None or sight.held.digest != work.operands.image:
            return sight
        return msgspec.structs.replace(sight, rival=self._rival(work.operands, sight))

    def judge(self, work: Work[MoveTag], seen: TagObservation) -> Judgement:
        """The judgement that follows from the guard's verdict on the present tag and releases."""
        operands = work.operands
        verdict = _verdict(operands, seen)
        if seen.rival is not None:
            return Free(reason=f"holds {short(seen.held.digest)}, but {self._outranked(operands, seen)}")
        match verdict:
            case guard.Refuse():
                return Conflict(reason=verdict.reason, hint="give this commit a version of its own")
            case guard.Withhold() if not verdict.rightly:
                return Unknown(reason=f"`{operands.tag}` withheld: {verdict.reason}")
            case guard.Withhold() if seen.held.digest != operands.image:
                line = {"name": operands.tag, "result": "withheld", "reason": verdict.reason}
                bindings = binding(tagged_of(work.id), line)
                return Done(reason=verdict.reason, bindings=bindings, withheld=True)
        return self._reachable(work, seen.held, verdict.reason)

    def _reachable(self, work: Work[MoveTag], held: Held, reason: str) -> Judgement:
        found = settled(work, held, "run the command again: it decides anew whether the tag may move")
        return found or Free(
            reason=f"{f'holds {short(held.digest)}' if held.digest else 'free'} now: {reason}"
        )

    def act(self, work: Work[MoveTag], seen: TagObservation) -> Bindings:
        """Move the tag to the image; if a higher release exists by then, move the tag to that release instead.

        The guard judges once more, by what is read right before the write: `seen` may be some seconds old.
        """
        del seen
        repository = self._registries.open(work.operands.target)
        mine = digest_in(work.operands.image)
        made = Bindings()
        sight = self._with_rival(work, self._watcher.look_anew(work, to_write=True))
        if not isinstance(self.judge(work, sight), Free):
            self._after[work.id] = sight
            return made
        if sight.held.digest != mine:
            put_tag(self._tags, repository, work.operands.tag, mine)
            made = binding(put_of(work.id), Put(before=sight.held.digest))
        for _ in range(_MOST_RACES):
            sight = self._watcher.look_anew(work, to_write=False)
            wanted = self._after_a_race(work, sight, mine)
            if wanted is None:
                self._after[work.id] = sight
                break
            put_tag(self._tags, repository, work.operands.tag, wanted)
            mine = wanted
        return made

    def _after_a_race(self, work: Work[MoveTag], sight: TagObservation, mine: str) -> str | None:
        """The digest to which the tag must move although `mine` was just put; None if the tag is right.

        `sight`: read after that put.
        """
        operands = work.operands
        if sight.held.digest == mine and (rival := self._rival(operands, sight)) is not None:
            return rival if rival != mine else None
        if isinstance(_verdict(operands, sight), guard.Move) and sight.held.digest != operands.image:
            return digest_in(operands.image)
        return None

    def _rival(self, operands: MoveTag, sight: TagObservation) -> str | None:
        """The digest on this target of the higher release, or newer commit of the branch, that should have the tag."""
        if operands.line.kind == "release":
            verdict = _verdict(operands, sight)
            is_outranked = isinstance(verdict, guard.Withhold) and verdict.rightly
            top = highest(operands.line, sight.known) if is_outranked else None
            name = _tag_of(top, sight.known) if top is not None else None
        else:
            name = self._newer_build(operands, sight)
        found = None if name is None else self._tags.resolve(self._registries.open(operands.target), name)
        return None if found is None or found.digest == operands.image else found.digest

    def _newer_build(self, operands: MoveTag, sight: TagObservation) -> str | None:
        """The fixed tag of the branch's tip; None if the tip is unknown, the candidate, or older than the candidate.

        With `--allow-backward` the result is None. The guard does not notice a newer tip: right after the move the tag
        holds the candidate itself.
        """
        tip, commit = sight.branch_tip, operands.candidate.commit
        if tip is None or tip == commit or operands.allow_backward or self._watcher.is_behind(tip, commit):
            return None
        return f"sha-{tip[:12]}"

    def _outranked(self, operands: MoveTag, sight: TagObservation) -> str:
        if operands.line.kind == "release":
            return _verdict(operands, sight).reason
        return f"branch `{operands.line.name}` is at `{(sight.branch_tip or '')[:12]}` on the remote by now"


def _tag_of(release: KnownVersion, known: KnownReleases) -> str:
    """The fixed tag of a release: as the registry has it, which may be by rules, else the default scheme's."""
    wanted = (release.version, release.rebuild)
    listed = (one.tag for one in known.versions if (one.version, one.rebuild) == wanted and one.tag)
    return next(listed, image_tag_of(*wanted))


def _verdict(operands: MoveTag, sight: TagObservation) -> guard.Verdict:
    return guard.judge(
        operands.line,
        operands.candidate,
        sight.known,
        sight.held,
        branch_tip=sight.branch_tip,
        allow_backward=operands.allow_backward,
    )
