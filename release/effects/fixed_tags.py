"""Puts fixed tags; each is read right before it is written, and again after."""

from __future__ import annotations

from release.effects.tag_reader import TagReader
from release.effects.tags import Put, manifest_there, put_of, put_tag, tagged
from release.handler import Work
from release.oci import Registries
from release.plan.model import Bindings, Conflict, Done, Free, Judgement, binding
from release.plan.operands import PutTag, digest_in, tagged_of
from release.plan.ownership import explain, ownership, short
from release.tagging.model import Held


class FixedTags:
    """The handler of `put-tag` steps: puts a fixed tag, unless it holds another image."""

    kind = PutTag

    def __init__(self, registries: Registries, tags: TagReader) -> None:
        self._registries = registries
        self._tags = tags

    def describe(self, operands: PutTag) -> str:
        """The line that `preview` prints for the step."""
        return f"tag {operands.target}:{operands.tag.name} ({operands.tag.reason})"

    def observe(self, work: Work[PutTag]) -> Held:
        """What the tag holds now."""
        target = work.operands.target
        return self._tags.read(self._registries.open(target), target, work.operands.tag.name, every=True)

    def judge(self, work: Work[PutTag], seen: Held) -> Judgement:
        """Free if the tag is free; done if it holds the image; a conflict if it holds another image.

        A first-wins tag that holds another image of the same commit is done, too, as withheld.
        """
        operands = work.operands
        tag = operands.tag
        if seen.state == "free":
            return Free(reason=tag.reason)
        if seen.digest is not None and seen.digest == operands.image:
            line = tagged(work, tag.name, seen.digest, "created", policy=tag.policy)
            return Done(reason=f"holds {short(seen.digest)}", bindings=line)
        whose = ownership(seen, operands.expected)
        if tag.policy == "first-wins" and whose in {"ours", "same-revision"}:
            held = f"holds {seen.digest} of this commit"
            withheld = {"name": tag.name, "result": "withheld", "reason": held}
            bindings = binding(tagged_of(work.id), withheld)
            return Done(reason=f"first wins: {held}", bindings=bindings, withheld=True)
        return Conflict(
            reason=explain(seen, operands.expected),
            hint="a fixed tag is never overwritten: release this commit under a version of its own",
        )

    def act(self, work: Work[PutTag], seen: Held) -> Bindings:
        """Put the tag on the image, unless the tag has got another image since `observe` read it.

        A registry has no compare-and-swap, so the tag is read once more right before it is written: the process may
        have been stopped for any time since `observe`.
        """
        del seen
        repository, tag = self._registries.open(work.operands.target), work.operands.tag.name
        digest = digest_in(work.operands.image)
        manifest_there(repository, digest)
        taken = self._tags.right_before(repository, tag)
        if taken is not None and taken.digest != digest:
            return Bindings()  # the runner's second observation then reports the conflict
        put_tag(self._tags, repository, tag, digest)
        return binding(put_of(work.id), Put(before=None if taken is None else taken.digest))
