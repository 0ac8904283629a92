"""Makes the steps that obtain the image of one release; each of several platforms has steps of its own. Pure.

```
 one platform                obtain:app ─────────────────────────────────────────────────────► checks ─► record:built
 several, one by one         obtain:app:P ─► record:built-platform:app:P  (for each P) ─► assemble:app ─► checks ─► …
 several, by one builder     obtain:app ─┬─► record:built-platform:app:P  (for each P) ─► assemble:app ─► checks ─► …
```
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from release.plan import release_records as records
from release.plan.model import Release, Step, duration_of
from release.plan.operands import (
    Assemble,
    BuildImage,
    CheckImage,
    FindImage,
    Image,
    PartOf,
    PlatformImage,
    image_of,
    part_of,
)
from release.plan.parts import FoundPart, Parts
from release.plan.release_input import ReleaseInput
from release.plan.steps import StepMaker, ids
from release.plan.supply import Supply
from release.plan.ways import Obtain

#: The first members of a build in plan files. They keep the order of version 0.1.0, so that plan files of two versions
#: can be compared as text; members that are not listed follow.
_FIRST = ("builder", "context", "dockerfile", "stage", "platforms", "args", "annotations")


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """One platform's image in the plan.

    `obtained`: the step that obtains the image; `record`: the step that records it, None if the log has the record.
    """

    platform: str
    image: Image
    sources: tuple[str, ...]
    obtained: Step
    record: Step | None = None


class ObtainSteps:
    """Makes the steps of the phase `obtain`. `parts`: the platforms of an image that this run builds."""

    def __init__(
        self, subject: ReleaseInput, release: Release, obtain: Obtain, parts: Parts, make: StepMaker
    ) -> None:
        self._subject = subject
        self._release = release
        self._obtain = obtain
        self._parts = parts
        self._make = make
        self._image: Image = obtain.digest or image_of(subject.component)
        self._places = obtain.sources or subject.build_places

    def all(self) -> list[Step]:
        """Every step of the phase, in its order, and the check of the builder before it."""
        if self._obtain.mode != "build":
            return self._taken()
        if self._parts.are_complete:
            return self._assembled([self._found(platform) for platform in self._parts.platforms])
        check = self._make.check_builder(self._building())
        if self._parts.platforms and self._subject.makes_index is False:
            return [check, *self._assembled(self._each_platform())]
        build = self._make.build(self._building())
        if not self._parts.platforms or self._subject.makes_index is None:
            return [check, build, *self._ending(build)]
        return [check, *self._assembled([self._within(build, name) for name in self._parts.platforms])]

    def _taken(self) -> list[Step]:
        """The steps for an image that exists: find it, and record it if the log lacks the record."""
        supply = self._subject.supply
        is_recorded = self._subject.recorded.digest == self._obtain.digest
        if self._obtain.mode == "from" and supply is not None and len(supply.parts) > 1 and not is_recorded:
            return self._assembled(self._supplied(supply))
        find = self._make.find(self._finding())
        return [find, *self._ending(find, is_recorded=is_recorded)]

    def _ending(self, last: Step, parts: Sequence[_Part] = (), *, is_recorded: bool = False) -> list[Step]:
        """The steps that check the image and record it.

        `last`: the step that gives the image; `parts`: its platforms.
        """
        checks = self._checks(last) if self._is_unseen else []
        if is_recorded:
            return checks
        supply = self._subject.supply
        as_commit = self._obtain.mode == "from" and supply is not None and supply.as_commit
        fact = records.built(self._subject.component, self._obtain, checks, as_commit=as_commit)
        recorded = [part.record for part in parts if part.record is not None]
        needs = (last.id, *ids(recorded), *ids(checks))
        return [*checks, self._make.record("built", "obtain", fact, needs=needs)]

    def _assembled(self, parts: Sequence[_Part]) -> list[Step]:
        """The steps of every platform, then the steps that make, check and record the index."""
        obtained = list({part.obtained.id: part.obtained for part in parts}.values())
        listed = [
            PlatformImage(platform=part.platform, image=part.image, sources=part.sources) for part in parts
        ]
        operands = Assemble(
            component=self._subject.component,
            parts=tuple(listed),
            image=self._parts.index or self._image,
            place=self._parts.index_at or self._places[0],
            annotations=self._release.decision.annotations,
        )
        assemble = self._make.assemble(operands, needs=ids(obtained))
        recorded = [part.record for part in parts if part.record is not None]
        return [*obtained, *recorded, assemble, *self._ending(assemble, parts)]

    def _each_platform(self) -> list[_Part]:
        """The steps of every platform: find its image, or build it.

        Builds run in turn, since a single build uses the whole machine.
        """
        parts: list[_Part] = []
        before: tuple[str, ...] = ()
        for platform in self._parts.platforms:
            if platform in self._parts.found:
                parts.append(self._found(platform))
                continue
            operands = msgspec.structs.replace(
                self._building(), image=self._slot(platform), platform=platform
            )
            step = self._make.build(operands, needs=before)
            before = (step.id,)
            parts.append(self._part(platform, self._slot(platform), step))
        return parts

    def _found(self, platform: str) -> _Part:
        """The steps for a platform's image that an earlier run built and recorded."""
        found: FoundPart = self._parts.found[platform]
        recorded = found.recorded
        operands = FindImage(
            component=self._subject.component,
            mode="resume",
            digest=recorded.digest,
            sources=found.sources,
            reason="built and recorded by an earlier run",
            said=found.said,
            part=PartOf(platform=platform, builder=recorded.builder, context=recorded.context),
        )
        return _Part(
            platform=platform,
            image=recorded.digest,
            sources=found.sources,
            obtained=self._make.find(operands),
        )

    def _within(self, build: Step, platform: str) -> _Part:
        """The steps for a platform's image in an index that the builder makes in one build."""
        return self._part(platform, self._slot(platform), build, alone=False, index=self._image)

    def _supplied(self, supply: Supply) -> list[_Part]:
        """The platform images of `--from`: one at each place, or all in the index of a single place."""
        whole = self._make.find(self._finding())
        parts = []
        for entry in supply.parts:
            digest, step = entry.image.digest, whole
            if supply.joined:
                part = PartOf(platform=entry.platform)
                finding = msgspec.structs.replace(self._finding(), digest=digest, said=None, part=part)
                step = self._make.find(finding)
            about = tuple(one.digest for one in entry.attestations)
            parts.append(self._part(entry.platform, digest, step, attestations=about, alone=supply.joined))
        return parts

    def _part(
        self,
        platform: str,
        image: Image,
        obtained: Step,
        *,
        attestations: tuple[str, ...] = (),
        alone: bool = True,
        index: Image | None = None,
    ) -> _Part:
        """The steps for a platform's image that the log does not record.

        `alone`: the step obtains this platform and no other. `index`: the one that the builder makes of all platforms.
        """
        name = part_of(self._subject.component, platform)
        fact = records.built_platform(name, platform, image, self._obtain, attestations, index=index)
        if alone:
            fact = {**fact, "duration_ms": duration_of(obtained.id)}
        return _Part(
            platform=platform,
            image=image,
            sources=self._places,
            obtained=obtained,
            record=self._make.record("built-platform", "obtain", fact, of=platform, needs=(obtained.id,)),
        )

    def _slot(self, platform: str) -> Image:
        return image_of(part_of(self._subject.component, platform))

    @property
    def _is_unseen(self) -> bool:
        """Whether the image is not visible to others yet."""
        if self._obtain.mode == "build":
            return True
        return self._obtain.mode in {"resume", "from"} and not self._subject.recorded.visible

    def _checks(self, last: Step) -> list[Step]:
        return [
            self._make.check_image(
                CheckImage(
                    name=check.name,
                    run=check.run,
                    timeout=check.timeout,
                    version=self._release.decision.version or "",
                    image=self._image,
                    sources=self._places,
                ),
                needs=(last.id,),
            )
            for check in self._subject.checks
        ]

    def _building(self) -> BuildImage:
        decision = self._release.decision
        return BuildImage(
            component=self._subject.component,
            spec=_recorded(self._subject),
            builder=self._subject.builder,
            labels=decision.labels,
            created=self._subject.committed_at,
            image=self._image,
            place=self._subject.pushes_to,
        )

    def _finding(self) -> FindImage:
        obtain = self._obtain
        return FindImage(
            component=self._subject.component,
            mode="resume" if obtain.mode == "build" else obtain.mode,
            digest=obtain.digest or "",
            sources=obtain.sources,
            reason=obtain.reason,
            said=obtain.said,
        )


def _recorded(subject: ReleaseInput) -> dict[str, Any]:
    """The build options and annotations, in the form of plans."""
    found = subject.build.recorded()
    if subject.decision.annotations:
        found["annotations"] = dict(subject.decision.annotations)
    return {name: found[name] for name in _FIRST if name in found} | found
