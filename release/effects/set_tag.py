"""Points a tag that follows no line of releases, such as `production` or `stable`, at an image."""

from __future__ import annotations

from release.effects.tag_reader import TagReader
from release.effects.tags import Put, put_of, put_tag, settled
from release.handler import Work
from release.oci import Registries
from release.plan.model import Bindings, Conflict, Free, Judgement, binding
from release.plan.operands import SetTag
from release.plan.ownership import goes_back, short
from release.tagging.model import Held


class Names:
    """The handler of `set-tag` steps: moves a tag, but not to a lower version unless that is allowed."""

    kind = SetTag

    def __init__(self, registries: Registries, tags: TagReader) -> None:
        self._registries = registries
        self._tags = tags

    def describe(self, operands: SetTag) -> str:
        """The line that `preview` prints for the step."""
        return f"point {operands.target}:{operands.tag} at {short(operands.image)}"

    def observe(self, work: Work[SetTag]) -> Held:
        """The image that the tag holds now."""
        target = work.operands.target
        return self._tags.read(self._registries.open(target), target, work.operands.tag)

    def judge(self, work: Work[SetTag], seen: Held) -> Judgement:
        """Done if the tag holds the image; a conflict if it was moved after `act` put it, or holds a higher version.

        A higher version is no conflict with `--allow-backward`. Free otherwise.
        """
        operands = work.operands
        found = settled(work, seen, "find out who else moves this tag, and run the command again")
        if found is not None:
            return found
        if goes_back(operands.version, seen) and not operands.allow_backward:
            return Conflict(
                reason=f"`{operands.target}:{operands.tag}` holds {seen.version}, which is higher than "
                f"{operands.version}",
                hint='`--allow-backward --reason "..."` moves it back',
            )
        return Free(reason=f"{f'holds {short(seen.digest)}' if seen.digest else 'free'} now")

    def act(self, work: Work[SetTag], seen: Held) -> Bindings:
        """Put the tag on the digest, unless what is read right before shows that the tag must not move."""
        operands = work.operands
        repository = self._registries.open(operands.target)
        self._tags.right_before(repository, operands.tag)
        seen = self.observe(work)
        if not isinstance(self.judge(work, seen), Free):
            return Bindings()  # the runner's second observation then says why
        put_tag(self._tags, repository, operands.tag, operands.image)
        return binding(put_of(work.id), Put(before=seen.digest))
