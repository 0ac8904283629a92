"""The checks before a release: tags on targets, permission to push, a version log that can be written."""

from __future__ import annotations

from release.effects.tag_reader import TagReader
from release.handler import Work
from release.log import LogWriter
from release.oci import OnDisk, Registries
from release.plan.model import Bindings, Conflict, Done, Free, Judgement, Slot, binding
from release.plan.operands import CheckLog, CheckPush, CheckTarget
from release.plan.ownership import explain, ownership
from release.tagging.model import Held


class TargetCheck:
    """The handler of `check-target` steps: checks that no fixed tag on the target holds another release's image."""

    kind = CheckTarget

    def __init__(self, registries: Registries, tags: TagReader) -> None:
        self._registries = registries
        self._tags = tags

    def describe(self, operands: CheckTarget) -> str:
        """The line that `preview` prints for the step."""
        names = ", ".join(f"`{tag.name}`" for tag in operands.fixed)
        return f"check that {names} are free or ours on {operands.target}"

    def observe(self, work: Work[CheckTarget]) -> tuple[Held, ...]:
        """The image that each fixed tag on the target holds now."""
        target = work.operands.target
        repository = self._registries.open(target)
        self._tags.ahead(repository, (tag.name for tag in work.operands.fixed))
        return tuple(self._tags.read(repository, target, tag.name, every=True) for tag in work.operands.fixed)

    def judge(self, work: Work[CheckTarget], seen: tuple[Held, ...]) -> Judgement:
        """Conflict if a fixed tag holds an image of another commit, or a version tag another image of this commit.

        Done otherwise.
        """
        operands = work.operands
        policies = {tag.name: tag.policy for tag in operands.fixed}
        for held in seen:
            whose = ownership(held, operands.expected)
            if whose == "other" or (whose == "same-revision" and policies[held.tag] == "version"):
                return Conflict(
                    reason=explain(held, operands.expected),
                    hint="a fixed tag is never overwritten: release this commit under a version of its own",
                )
        return Done(reason=_summary(seen))


def _summary(seen: tuple[Held, ...]) -> str:
    taken = [held.tag for held in seen if held.state == "held"]
    return f"holds {', '.join(taken)} of this release" if taken else "free"


class PushCheck:
    """The handler of `check-push` steps: checks that the credential may push, when a run will push something."""

    kind = CheckPush

    def __init__(self, registries: Registries) -> None:
        self._registries = registries

    def describe(self, operands: CheckPush) -> str:
        """The line that `preview` prints for the step."""
        return f"ask {operands.target} whether this credential may push"

    def observe(self, work: Work[CheckPush]) -> None:
        """Raise `RefusedError` or `RegistryError` if something is in the way of a layout, so that `preview` says so.

        Only the start of an upload, in `act`, shows whether a credential may push.
        """
        repository = self._registries.open(work.operands.target)
        if isinstance(repository, OnDisk):
            repository.require_clear()

    def judge(self, work: Work[CheckPush], seen: None) -> Judgement:
        """Done after `act` has begun and cancelled an upload, free before."""
        del seen
        if work.bound.get(_may_push(work.id)):
            return Done(reason="may push")
        return Free(reason="asked at the start of the run")

    def act(self, work: Work[CheckPush], seen: None) -> Bindings:
        """Begin an upload to a registry and cancel it; for a layout, check that its folder can be written.

        Raises `Denied` if the registry refuses the upload, and from the `RegistryError` branch for other failures.
        """
        del seen
        self._registries.open(work.operands.target).check_push()
        return binding(_may_push(work.id), value=True)


def _may_push(step_id: str) -> Slot[bool]:
    return Slot(slot=f"may-push:{step_id}")


class LogCheck:
    """The handler of `check-log` steps: checks that the version log can be written."""

    kind = CheckLog

    def __init__(self, log: LogWriter) -> None:
        self._log = log

    def describe(self, operands: CheckLog) -> str:
        """The line that `preview` prints for the step."""
        del operands
        return "check that the version log can be written"

    def observe(self, work: Work[CheckLog]) -> None:
        """Raise `LogError` if the log cannot be written: a release that cannot be recorded is not begun."""
        del work
        self._log.store.check_writable()

    def judge(self, work: Work[CheckLog], seen: None) -> Judgement:
        """Done: `observe` raises if the log cannot be written."""
        del work, seen
        return Done(reason="writable")
