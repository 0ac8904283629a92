"""Makes the steps of plans, with one method for each step kind, which sets the step's id and phase.

The planners of releases, promotions and rollbacks choose the steps and their order. Ids and operands are part of the
plan's hash. `prune.steps` makes the steps of prunes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from release.plan import operands as op
from release.plan.model import Operands, Step
from release.plan.ownership import Expectation
from release.plan.release_input import Target
from release.tagging.model import Candidate, FixedTag, Line
from release.versions.status import KnownStatus

Ids = tuple[str, ...]


def check_log() -> Step:
    """The step that checks that the version log can be written: the first step of every plan that has steps."""
    return Step(id="check:log", kind="check-log", phase="preflight", operands=op.CheckLog())


def ids(steps: Sequence[Step]) -> Ids:
    """The ids of the given steps."""
    return tuple(step.id for step in steps)


class StepMaker:
    """Makes the steps of one release, promotion or rollback.

    `scope`: the component of the steps, or `""`. `prefix`: keeps the ids of several components in one plan apart.
    `common`: the members that every record has.
    """

    def __init__(self, *, scope: str = "", prefix: str = "", common: Mapping[str, Any] | None = None) -> None:
        self._scope = scope
        self._prefix = prefix
        self.common = common or {}

    def check_target(
        self, target: Target, fixed: tuple[FixedTag, ...], expected: Expectation, *, of: str = ""
    ) -> Step:
        """The step that checks that every fixed tag on the target is free or holds this release.

        `of`: ends the step's id, if a plan has several such checks of one target.
        """
        operands = op.CheckTarget(target=target.name, fixed=fixed, expected=expected)
        return self.at(target, "check", "check-target", "preflight", operands, of=of)

    def check_push(self, target: Target, *, of: str = "") -> Step:
        """The step that checks that the credential may push to the target. `of`: see `check_target`."""
        operands = op.CheckPush(target=target.name)
        return self.at(target, "check-push", "check-push", "permission", operands, of=of)

    def check_builder(self, operands: op.BuildImage) -> Step:
        """The step that checks that a builder can build the image."""
        return self._step(f"check-builder:{self._scope}", "check-builder", "preflight", operands)

    def build(self, operands: op.BuildImage, *, needs: Ids = ()) -> Step:
        """The step that builds the image, or that of one platform."""
        id_ = self._obtain_id(operands.platform)
        return self._step(id_, "build-image", "obtain", operands, needs=needs)

    def find(self, operands: op.FindImage) -> Step:
        """The step that finds an existing image, or that of one platform, on a target or in the store."""
        id_ = self._obtain_id(None if operands.part is None else operands.part.platform)
        return self._step(id_, "find-image", "obtain", operands)

    def assemble(self, operands: op.Assemble, *, needs: Ids) -> Step:
        """The step that makes the index of the images of several platforms."""
        return self._step(f"assemble:{self._scope}", "assemble", "obtain", operands, needs=needs)

    def _obtain_id(self, platform: str | None) -> str:
        return f"obtain:{self._scope}" + (f":{platform}" if platform is not None else "")

    def check_image(self, operands: op.CheckImage, *, needs: Ids) -> Step:
        """The step that runs a check on the image, before anything of the image is visible."""
        return self._step(
            f"check-image:{self._scope}:{operands.name}", "check-image", "obtain", operands, needs=needs
        )

    def content(self, target: Target, image: op.Image, sources: tuple[str, ...]) -> Step:
        """The step that pushes the image to the target by digest, without a tag."""
        operands = op.PushContent(target=target.name, image=image, sources=sources)
        return self.at(target, "content", "push-content", "content", operands)

    def content_id(self, target: Target) -> str:
        """The id of the step that `content` makes for the target."""
        return f"{self._prefix}content:{target.name}"

    def copy_referrers(self, target: Target, image: str, source: str) -> Step:
        """The step that copies the referrers of the image to the target, after the image."""
        operands = op.CopyReferrers(target=target.name, image=image, source=source)
        content = (self.content_id(target),)
        return self.at(
            target, "referrers", "copy-referrers", "content", operands, needs=content, after=content
        )

    def put_tag(
        self, target: Target, tag: FixedTag, image: op.Image, expected: Expectation, *, needs: Ids = ()
    ) -> Step:
        """The step that puts a fixed tag on the image."""
        operands = op.PutTag(target=target.name, tag=tag, image=image, expected=expected)
        return self.at(target, "tag", "put-tag", "fixed", operands, of=tag.name, needs=needs)

    def move_tag(
        self,
        target: Target,
        tag: str,
        line: Line,
        candidate: Candidate,
        image: op.Image,
        *,
        allow_backward: bool = False,
        needs: Ids = (),
        after: Ids = (),
    ) -> Step:
        """The step that moves a moving tag. `after`: the narrower tag's step, so that `1.4` moves before `latest`."""
        operands = op.MoveTag(
            target=target.name,
            tag=tag,
            line=line,
            candidate=candidate,
            image=image,
            allow_backward=allow_backward,
        )
        return self.at(target, "move", "move-tag", "moving", operands, of=tag, needs=needs, after=after)

    def put_status(self, target: Target, statuses: tuple[KnownStatus, ...]) -> Step:
        """The step that writes the statuses of versions to the target's status artifact, before its tags move."""
        operands = op.PutStatus(target=target.name, statuses=statuses)
        return self.at(target, "status", "put-status", "moving", operands)

    def set_tag(
        self, target: Target, tag: str, image: str, version: str | None, *, allow_backward: bool
    ) -> Step:
        """The step that points a tag that follows no line of releases, such as `production`, at the image."""
        operands = op.SetTag(
            target=target.name, tag=tag, image=image, version=version, allow_backward=allow_backward
        )
        return self.at(target, "move", "set-tag", "moving", operands, of=tag)

    def attest(self, target: Target, key: str, image: op.Image, *, needs: Ids) -> Step:
        """The step that attaches the release statement to the image.

        The step is not required, since the statement only repeats the log.
        """
        operands = op.Attest(target=target.name, key=key, image=image)
        optional = Target(name=target.name, required=False)
        return self.at(optional, "attest", "attest", "attested", operands, needs=needs)

    def record(
        self,
        kind: str,
        phase: str,
        fact: Mapping[str, Any],
        *,
        target: Target | None = None,
        of: str = "",
        needs: Ids = (),
        after: Ids = (),
    ) -> Step:
        """The step that appends a fact with the common members and those of `fact`, without members that are None.

        `target`: the target that the fact is about; None for a fact about the component. `of`: ends the step's id, if a
        plan has several such records.
        """
        whole = {"kind": kind, **self.common, **fact}
        operands = op.Record(fact={name: value for name, value in whole.items() if value is not None})
        name = f"record:{kind}"
        if target is not None:
            return self.at(target, name, "record", phase, operands, of=of, needs=needs, after=after)
        id_ = ":".join(part for part in (name, self._scope, of) if part)
        return self._step(id_, "record", phase, operands, needs=needs, after=after)

    def at(
        self,
        target: Target,
        name: str,
        kind: str,
        phase: str,
        operands: Operands,
        *,
        of: str = "",
        needs: Ids = (),
        after: Ids = (),
    ) -> Step:
        """A step for a target; the step is required if the target is."""
        id_ = f"{self._prefix}{name}:{target.name}" + (f":{of}" if of else "")
        return self._step(id_, kind, phase, operands, required=target.required, needs=needs, after=after)

    def _step(
        self,
        id_: str,
        kind: str,
        phase: str,
        operands: Operands,
        *,
        required: bool = True,
        needs: Ids = (),
        after: Ids = (),
    ) -> Step:
        return Step(
            id=id_,
            kind=kind,
            phase=phase,
            operands=operands,
            scope=self._scope,
            needs=needs,
            after=after,
            required=required,
        )
