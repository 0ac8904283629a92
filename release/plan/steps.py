"""The steps of a release, one function each: ids, phases and what waits for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from release.plan import operands as op
from release.plan.model import Operands, Release, Step, duration_of
from release.plan.obtain import Obtain
from release.plan.ownership import Expectation
from release.plan.release_input import ReleaseInput, Target
from release.tagging.labels import INPUTS, VERSION
from release.tagging.model import Candidate, FixedTag, MovingTag, Withheld


def check_log() -> Step:
    """The version log takes entries; asked once, whatever is released."""
    return Step(id="check:log", kind="check-log", phase="preflight", operands=op.CheckLog())


class Maker:
    """Makes the steps of one release. `prefix` keeps ids apart where a plan has several components."""

    def __init__(self, *, scope: str, prefix: str, release: Release) -> None:
        self._scope = scope
        self._prefix = prefix
        self._release = release

    def check_target(self, target: Target, fixed: tuple[FixedTag, ...], expected: Expectation) -> Step:
        """Every fixed tag of the target is free or ours."""
        operands = op.CheckTarget(target=target.name, fixed=fixed, expected=expected)
        return self._step(f"check:{target.name}", "check-target", "preflight", operands, target)

    def check_push(self, target: Target) -> Step:
        """The credential may push to the target."""
        operands = op.CheckPush(target=target.name)
        return self._step(f"check-push:{target.name}", "check-push", "permission", operands, target)

    def planned(self, subject: ReleaseInput, obtain: Obtain) -> list[Step]:
        """Before anything is built or visible: what is about to happen, and what it gives up."""
        targets = [
            {
                "target": target.name,
                "required": target.required,
                "tags": [
                    {"name": tag.name, "kind": "fixed" if isinstance(tag, FixedTag) else "moving"}
                    for tag in self._release.decision.tags
                    if target.moving or isinstance(tag, FixedTag)
                ],
            }
            for target in subject.targets
        ]
        decision = self._release.decision
        fact = {
            "version": decision.version,
            "channel": decision.channel,
            "git_tag": decision.git_tag,
            "inputs": self._release.inputs,
            "inputs_label": decision.labels.get(INPUTS),
            "image_inputs": "unlabelled" if obtain.unlabelled else None,
            "image_version": _other_version(obtain, decision.labels.get(VERSION, decision.version)),
            "targets": targets,
            "resumes": subject.recorded.attempt,
            **subject.facts,
        }
        planned = self._record("planned", "planned", fact)
        if obtain.abandons is None:
            return [planned]
        gone = {
            "reason": obtain.abandons,
            "lost": subject.recorded.digest,
            "attempt": subject.recorded.attempt,
        }
        abandoned = self._record("abandoned", "planned", gone)
        return [abandoned, msgspec.structs.replace(planned, after=(abandoned.id,))]

    def check_builder(self, subject: ReleaseInput, image: op.Image) -> Step:
        """The builder answers and can make this image."""
        operands = self._building(subject, image)
        return self._step(f"check-builder:{self._scope}", "check-builder", "preflight", operands, bare=True)

    def build(self, subject: ReleaseInput, image: op.Image) -> Step:
        """Build the image into the local store."""
        operands = self._building(subject, image)
        return self._step(f"obtain:{self._scope}", "build-image", "obtain", operands, bare=True)

    def _building(self, subject: ReleaseInput, image: op.Image) -> op.BuildImage:
        return op.BuildImage(
            component=self._scope,
            spec=msgspec.convert(
                {**subject.build.recorded(), "annotations": subject.decision.annotations}, op.BuildSpec
            ),
            labels=self._release.decision.labels,
            created=subject.committed_at,
            image=image,
        )

    def find(self, obtain: Obtain) -> Step:
        """Take the image from where it is."""
        mode = "resume" if obtain.mode == "build" else obtain.mode
        operands = op.FindImage(
            component=self._scope,
            mode=mode,
            digest=obtain.digest or "",
            sources=obtain.sources,
            reason=obtain.reason,
            said=obtain.said,
        )
        return self._step(f"obtain:{self._scope}", "find-image", "obtain", operands, bare=True)

    def built(self, obtain: Obtain) -> Step:
        """The image exists, under this digest."""
        fact: dict[str, Any] = {
            "image": op.built_of(self._scope),
            "via": obtain.mode,
            "duration_ms": duration_of(f"obtain:{self._scope}"),
            "tools": op.tools_of(self._scope),
        }
        if obtain.mode == "build":
            fact["builder"] = op.builder_of(self._scope)
        return self._record("built", "obtain", fact, needs=(f"obtain:{self._scope}",))

    def content(self, target: Target, image: op.Image, sources: tuple[str, ...]) -> Step:
        """The target holds the bytes, under no tag yet."""
        operands = op.PushContent(target=target.name, image=image, sources=sources)
        return self._step(f"content:{target.name}", "push-content", "content", operands, target)

    def put_tag(self, target: Target, tag: FixedTag, image: op.Image, expected: Expectation) -> Step:
        """A fixed tag names the image on the target."""
        operands = op.PutTag(target=target.name, tag=tag, image=image, expected=expected)
        needs = (self._id(f"content:{target.name}"),)
        return self._step(f"tag:{target.name}:{tag.name}", "put-tag", "fixed", operands, target, needs=needs)

    def pushed(self, target: Target, image: op.Image, puts: Sequence[Step]) -> Step:
        """The target holds the release under its fixed tags."""
        fact = {
            "target": target.name,
            "image": {"digest": image},
            "tags": [op.tagged_of(put.id) for put in puts],
            "duration_ms": duration_of(self._id(f"content:{target.name}"), optional=True),
        }
        needs = tuple(put.id for put in puts)
        return self._record("pushed", "fixed", fact, target=target, needs=needs)

    def released(self, image: op.Image, obtain: Obtain) -> Step:
        """Every required target holds the fixed tags: the release exists."""
        # How the image came about is what the run that recorded it said, not that this one goes on from there.
        via = None if obtain.mode == "resume" else obtain.mode
        fact = {"version": self._release.decision.version, "image": {"digest": image}, "via": via}
        return self._record("released", "released", fact)

    def attest(self, target: Target, image: op.Image, puts: Sequence[Step]) -> Step:
        """The image on the target is attested; a replica of what the log says, so nothing fails with it."""
        operands = op.Attest(target=target.name, key=self._release.key, image=image)
        needs = (self._id(f"content:{target.name}"), *(put.id for put in puts))
        step = self._step(f"attest:{target.name}", "attest", "attested", operands, target, needs=needs)
        return msgspec.structs.replace(step, required=False)

    def move_tag(
        self, target: Target, tag: MovingTag, image: op.Image, subject: ReleaseInput, *, after: Sequence[Step]
    ) -> Step:
        """A moving tag points at the image, narrow ones before wide ones."""
        operands = op.MoveTag(
            target=target.name,
            tag=tag.name,
            line=tag.line,
            candidate=self._release.decision.candidate or Candidate(commit=self._release.decision.commit),
            image=image,
            allow_backward=bool(subject.facts.get("allow_backward")),
        )
        needs = (self._id(f"content:{target.name}"),)  # an optional target may have failed before
        id_ = f"move:{target.name}:{tag.name}"
        step = self._step(id_, "move-tag", "moving", operands, target, needs=needs)
        return msgspec.structs.replace(step, after=tuple(one.id for one in after))

    def moved(self, target: Target, moves: Sequence[Step], withheld: tuple[Withheld, ...]) -> Step:
        """Which moving tags the release took on the target, what each held before, and which were withheld.

        Only once all of them are dealt with: the record says that the release is finished there.
        """
        tags: list[Any] = [op.tagged_of(move.id, optional=True) for move in moves]
        tags += [{"name": one.name, "result": "withheld", "reason": one.reason} for one in withheld]
        needs = (self._id(f"content:{target.name}"), *(move.id for move in moves))
        return self._record(
            "moved", "moving", {"target": target.name, "tags": tags}, target=target, needs=needs
        )

    def _record(
        self,
        kind: str,
        phase: str,
        fact: Mapping[str, Any],
        *,
        target: Target | None = None,
        needs: tuple[str, ...] = (),
    ) -> Step:
        release = self._release
        whole = {
            "kind": kind,
            "release": release.key,
            "project": release.project,
            "component": release.component,
            "commit": release.decision.commit,
            **{name: value for name, value in fact.items() if value is not None},
        }
        where = self._scope if target is None else target.name
        step = self._step(
            f"record:{kind}:{where}", "record", phase, op.Record(fact=whole), target, bare=target is None
        )
        return msgspec.structs.replace(step, needs=needs)

    def _step(
        self,
        id_: str,
        kind: str,
        phase: str,
        operands: Operands,
        target: Target | None = None,
        *,
        needs: tuple[str, ...] = (),
        bare: bool = False,
    ) -> Step:
        return Step(
            id=id_ if bare else self._id(id_),
            kind=kind,
            phase=phase,
            operands=operands,
            scope=self._scope,
            needs=needs,
            required=True if target is None else target.required,
        )

    def _id(self, text: str) -> str:
        return f"{self._prefix}{text}"


def _other_version(obtain: Obtain, version: str | None) -> str | None:
    """The version that an image was built as, where it is not the one that it is released as."""
    said = obtain.said.version if obtain.said is not None else None
    return said if said != version else None
