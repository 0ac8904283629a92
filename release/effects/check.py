"""Preflight: targets readable and free, push permission, a version log that takes entries."""

from __future__ import annotations

from release.effects.tag_reader import TagReader
from release.handler import Work
from release.log import LogWriter
from release.oci import Registries
from release.plan.model import Bindings, Conflict, Done, Free, Judgement, Slot, binding
from release.plan.operands import CheckLog, CheckPush, CheckTarget
from release.plan.ownership import explain, ownership
from release.tagging.model import Held


class TargetCheck:
    """`check-target`: every version tag of the target is free or holds this release."""

    kind = CheckTarget

    def __init__(self, registries: Registries, tags: TagReader) -> None:
        self._registries = registries
        self._tags = tags

    def describe(self, operands: CheckTarget) -> str:
        """One line for the preview."""
        names = ", ".join(f"`{tag.name}`" for tag in operands.fixed)
        return f"check that {names} are free or ours on {operands.target}"

    def observe(self, work: Work[CheckTarget]) -> tuple[Held, ...]:
        """What each fixed tag holds now."""
        target = work.operands.target
        repository = self._registries.open(target)
        return tuple(self._tags.read(repository, target, tag.name, every=True) for tag in work.operands.fixed)

    def judge(self, work: Work[CheckTarget], seen: tuple[Held, ...]) -> Judgement:
        """Conflict as soon as one version tag holds something else."""
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
    """`check-push`: the credential may push. Only asked where something will be pushed, and only by a run."""

    kind = CheckPush

    def __init__(self, registries: Registries) -> None:
        self._registries = registries

    def describe(self, operands: CheckPush) -> str:
        """One line for the preview."""
        return f"ask {operands.target} whether this credential may push"

    def observe(self, work: Work[CheckPush]) -> None:
        """A read cannot tell: permission shows when an upload is begun."""

    def judge(self, work: Work[CheckPush], seen: None) -> Judgement:
        """Done once an upload was begun and taken back."""
        del seen
        if work.bound.get(_may_push(work.id)):
            return Done(reason="may push")
        return Free(reason="asked at the start of the run")

    def act(self, work: Work[CheckPush], seen: None) -> Bindings:
        """Begin an upload and take it back; raises `Denied`."""
        del seen
        self._registries.open(work.operands.target).check_push()
        return binding(_may_push(work.id), value=True)


def _may_push(step_id: str) -> Slot[bool]:
    return Slot(slot=f"may-push:{step_id}")


class LogCheck:
    """`check-log`: the version log would take an entry."""

    kind = CheckLog

    def __init__(self, log: LogWriter) -> None:
        self._log = log

    def describe(self, operands: CheckLog) -> str:
        """One line for the preview."""
        del operands
        return "check that the version log can be written"

    def observe(self, work: Work[CheckLog]) -> None:
        """Raise `LogError` when something stands in the way: what cannot be recorded is not begun."""
        del work
        self._log.store.check_writable()

    def judge(self, work: Work[CheckLog], seen: None) -> Judgement:
        """Done, since nothing was raised."""
        del work, seen
        return Done(reason="writable")
