"""Attach to the image what the log says of its release: an in-toto release statement, as a referrer.

It is a replica of the log and anchors it outside, and never decides anything. So where it cannot be attached that is
said, the release stands, and the next run does it. A statement of this release is enough, whoever made it: a log that
was lost and begun anew has other positions and hashes, and a run on a wiped machine adds none of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from release.canonical_json import canonical
from release.errors import NotFound
from release.handler import World
from release.log.attested import attested
from release.oci import Descriptor, Repository
from release.oci.manifest import annotations_of
from release.plan.model import Done, Free, Judgement, Slot, Step
from release.plan.operands import Attest
from release.plan.ownership import short
from release.statements.release_statement import PREDICATE, Attested
from release.transfer.referrers import EMPTY, IN_TOTO, Artifact, find_referrers, make_statement, push_artifact

RELEASE = "dev.shipmark.release"  # annotations: the release key, and the log's entry as `seq:hash`
ANCHOR = "dev.shipmark.log"
_MAY_BE_OURS = frozenset({IN_TOTO, EMPTY.media_type, None})


class StatementObservation(msgspec.Struct, frozen=True, kw_only=True):
    """The artifact as it should be, and the statement of this release that hangs on the image, if one does."""

    artifact: Artifact
    found: str | None


class Attestations:
    """`attest`."""

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        return f"attach the release statement to the image on {cast(Attest, step.operands).target}"

    def observe(self, step: Step, world: World) -> StatementObservation | None:
        """What hangs on the image; None while the log has no release to speak of."""
        operands = cast(Attest, step.operands)
        release = _release(operands, world)
        if release is None:
            return None
        repository = world.registries.open(operands.target)
        artifact = _artifact(release, repository)
        return StatementObservation(artifact=artifact, found=_find(repository, release, artifact))

    def judge(
        self, step: Step, bindings: Mapping[str, Any], observation: StatementObservation | None
    ) -> Judgement:
        """Done when a statement of this release is there."""
        del bindings
        if observation is None or observation.found is None:
            return Free(reason=self.describe(step))
        if observation.found == observation.artifact.manifest.digest:
            return Done(reason=f"attached as {short(observation.found)}")
        return Done(reason=f"attached as {short(observation.found)}, with an anchor in another log")

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Attach it."""
        del bindings
        operands = cast(Attest, step.operands)
        release = _release(operands, world)
        if release is None:
            raise NotFound(f"the version log has no `pushed` and `released` of {operands.image} to attest")
        repository = world.registries.open(operands.target)
        push_artifact(repository, _artifact(release, repository), cancel=world.cancel)
        return {}


def _release(operands: Attest, world: World) -> Attested | None:
    if isinstance(operands.image, Slot):
        return None
    return next(
        (
            one
            for one in attested(world.log.entries(), key=operands.key)
            if one.target == operands.target and one.digest == operands.image
        ),
        None,
    )


def _artifact(release: Attested, repository: Repository) -> Artifact:
    image = repository.resolve(release.digest)
    if image is None:
        raise NotFound(f"`{release.target}` has no {release.digest} any more")
    return make_statement(
        canonical(release.statement),
        image,
        predicate_type=PREDICATE,
        annotations={RELEASE: release.key, ANCHOR: release.anchor},
    )


def _find(repository: Repository, release: Attested, artifact: Artifact) -> str | None:
    """The digest of a statement of this release that hangs on its image: the very one, else another log's."""
    listed = find_referrers(repository, release.digest)
    if any(one.digest == artifact.manifest.digest for one in listed):
        return artifact.manifest.digest
    return next((one.digest for one in listed if _is_of(release, one, repository)), None)


def _is_of(release: Attested, referrer: Descriptor, repository: Repository) -> bool:
    if referrer.artifact_type not in _MAY_BE_OURS:
        return False
    said = referrer.annotations
    if said is None:  # not every registry repeats them in its list
        said = annotations_of(repository.manifest(referrer.digest)) or {}
    return said.get(RELEASE) == release.key
