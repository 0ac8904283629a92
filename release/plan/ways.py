"""The ways in which a release can get its image: resume, adopt, reuse, build, or an image built elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from release.errors import RefusedError, TagConflict
from release.plan.evidence import Evidence, Recorded, inputs_changed
from release.plan.ownership import Expectation, image_inputs, mismatch, ownership
from release.plan.supply import FROM, Supply
from release.tagging.model import Decision, FixedTag, Held, HeldTags


class Obtain(msgspec.Struct, frozen=True, kw_only=True):
    """How a release gets its image. `sources`: the places that have `digest`; empty for a build.

    `said`: the labels read from the image; None for a build. `unlabelled`: the image has no inputs label that
    could be compared. `abandons`: why the digest in the log is given up: neither a target nor the store has its bytes
    any more, it was built from other inputs, or it is another image. `false`: the digest in the log is another image's,
    so the log is wrong.
    """

    mode: Literal["build", "resume", "adopt", "reuse", "from"]
    digest: str | None = None
    sources: tuple[str, ...] = ()
    reason: str = ""
    said: Held | None = None
    unlabelled: bool = False
    abandons: str | None = None
    false: bool = False


def supplied(supply: Supply, expected: Expectation, *, abandons: str | None = None) -> Obtain:
    """The image of `--from`. `abandons`: why the digest in the log is given up for it."""
    return Obtain(
        mode="from",
        digest=supply.digest,
        sources=(FROM,),
        reason=f"built elsewhere: {', '.join(f'`{place}`' for place in supply.places)}",
        said=supply.said,
        unlabelled=image_inputs(supply.said, expected) == "unlabelled",
        abandons=abandons,
    )


class Ways:
    """Chooses how one release gets its image."""

    def __init__(
        self,
        decision: Decision,
        expected: Expectation,
        held: HeldTags,
        recorded: Recorded,
        inputs: Mapping[str, Any],
        *,
        reuse: bool,
    ) -> None:
        self._decision = decision
        self._expected = expected
        self._held = held
        self._recorded = recorded
        self._inputs = inputs
        self._reuse = reuse
        self._fixed = [tag for tag in decision.tags if isinstance(tag, FixedTag)]
        self._primary = self._fixed[0] if self._fixed else None
        self._branch_builds = self._find_branch_builds() if reuse else ()

    def choose(self, evidence: Evidence) -> Obtain:
        """Resume the recorded image if the evidence allows; else adopt, reuse or build.

        While this release is not visible, an image that another run has put under the release's tag is adopted first.
        """
        if not self._recorded.visible:
            # Another run released this version meanwhile: its image is visible, and the recorded one is not.
            adopted = self._adopt()
            if adopted is not None and adopted.digest != evidence.digest:
                return adopted
        if evidence.digest is not None and evidence.sources:
            return Obtain(
                mode="resume",
                digest=evidence.digest,
                sources=evidence.sources,
                reason="built and recorded by an earlier run",
                said=evidence.image,
            )
        adopted = self._adopt(only=evidence.digest)
        if adopted is not None:
            return adopted
        if self._reuse and self._decision.channel in {"release", "prerelease"}:
            return self._reused()
        return Obtain(mode="build", reason="no image of this release exists yet")

    def take(self, supply: Supply, evidence: Evidence) -> Obtain:
        """Use the image of `--from`, unless the recorded image exists, or a first-wins tag holds the commit's image."""
        if evidence.digest is not None and evidence.sources:
            return self.choose(evidence)
        if self._names_commit and (adopted := self._adopt()) is not None:
            return adopted
        return supplied(supply, self._expected)

    def any_version(self, digest: str | None) -> bool:
        """Whether the image `digest` may be this release although its version label differs.

        True if the primary tag is a first-wins tag, which names a commit and not a version, or if no tag is fixed. With
        `reuse` also true for the branch build of the commit, and for an image that the release's primary tag holds.
        """
        if self._names_commit:
            return True
        reusable = {one.digest for one in self._branch_builds}
        if self._reuse:
            reusable |= {one.digest for one in self._candidates()}
        return digest is not None and digest in reusable

    @property
    def _names_commit(self) -> bool:
        """Whether the release is named by its commit and not by a version."""
        return self._primary is None or self._primary.policy == "first-wins"

    def _candidates(self) -> tuple[Held, ...]:
        """What the primary tag holds on each target; without a fixed tag, what the moving tags hold.

        A rebuild is not looked for under moving tags, which hold the build before the rebuild.
        """
        if self._primary is not None:
            return self._held.at(self._primary.name)
        rebuild = self._decision.candidate.rebuild if self._decision.candidate is not None else 0
        return () if rebuild else tuple(one for tag in self._decision.tags for one in self._held.at(tag.name))

    def _adopt(self, *, only: str | None = None) -> Obtain | None:
        """Adopt an image of this release that a target holds under a fixed tag; None if there is none.

        For a release without fixed tags, an image under one of its moving tags. `only`: accept this digest only, or any
        for None. Raises `InputsChanged` and `TagConflict` as `choose`.
        """
        candidates = self._candidates()
        ours = [one for one in candidates if self._is_ours(one) and only in {None, one.digest}]
        if self._primary is None:
            ours = ours[:1]  # moving tags may hold different builds of the commit, and any of them will do
        elif not ours:
            self._require_equal_inputs(candidates)
            # A run that was killed while it put fixed tags may have put others of them, but not the primary tag.
            ours = [
                one
                for tag in self._fixed[1:]
                for one in self._held.at(tag.name)
                if ownership(one, self._expected) == "ours" and only in {None, one.digest}
            ]
        digests = sorted({one.digest for one in ours if one.digest})
        if len(digests) > 1:
            places = ", ".join(f"`{one.target}:{one.tag}` holds {one.digest}" for one in ours)
            raise TagConflict(
                f"two targets hold different images of this release: {places}",
                hint="find out which one is right, and delete the tag on the other target",
            )
        if not digests:
            return None
        return Obtain(
            mode="adopt",
            digest=digests[0],
            sources=tuple(one.target for one in ours),
            reason=f"`{ours[0].target}:{ours[0].tag}` holds this release already",
            said=ours[0],
        )

    def _is_ours(self, one: Held) -> bool:
        if one.state != "held":
            return False
        reusable = one.digest in {branch.digest for branch in self._branch_builds}
        any_version = reusable or self._names_commit
        return mismatch(one, self._expected, any_version=any_version) is None

    def _require_equal_inputs(self, candidates: Iterable[Held]) -> None:
        """Raise `InputsChanged` if one of the candidates is an image of this release, built from other inputs."""
        blind = msgspec.structs.replace(self._expected, inputs=None)
        any_version = self._reuse or self._names_commit
        for one in candidates:
            same = one.state == "held" and mismatch(one, blind, any_version=any_version) is None
            if same and image_inputs(one, self._expected) == "different":
                raise inputs_changed(f"`{one.target}:{one.tag}`", self._recorded.inputs, self._inputs)

    def _of_commit(self) -> Iterator[Held]:
        """The states of the commit's first-wins tags (`sha-…`) on each target."""
        for tag in self._fixed:
            if tag.policy == "first-wins":
                yield from self._held.at(tag.name)

    def _find_branch_builds(self) -> tuple[Held, ...]:
        """The images that a branch build of the commit left under the commit's first-wins tags."""
        return tuple(
            one
            for one in self._of_commit()
            if one.state == "held" and mismatch(one, self._expected, any_version=True) is None
        )

    def _reused(self) -> Obtain:
        builds = self._branch_builds
        digests = sorted({one.digest for one in builds if one.digest})
        if len(digests) == 1:
            place = f"`{builds[0].target}:{builds[0].tag}`"
            return Obtain(
                mode="reuse",
                digest=digests[0],
                sources=tuple(one.target for one in builds),
                reason=f"{place} was built from this commit",
                said=builds[0],
            )
        if digests:
            raise TagConflict(
                f"the targets hold different branch builds of {self._decision.commit}: {', '.join(digests)}",
                hint="release without `reuse: commit`, or delete the tag that is wrong",
            )
        self._require_equal_inputs(self._of_commit())
        raise RefusedError(
            f"`reuse: commit` finds no image of commit {self._decision.commit} on any target",
            hint="let the branch build finish and run again, or release with `reuse: never`",
        )
