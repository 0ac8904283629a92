"""Attach to the image what the log says of its release: an in-toto release statement, as a referrer.

It is a replica of the log and anchors it outside, and never decides anything. So where it cannot be attached that is
said, the release stands, and the next run does it. A statement of this release is enough, whoever made it: a log that
was lost and begun anew has other positions and hashes, and a run on a wiped machine adds none of its own.
"""

from __future__ import annotations

import msgspec

from release.canonical_json import canonical
from release.control import Cancel
from release.errors import NotFound
from release.handler import Work
from release.log import LogWriter
from release.log.attested import attested
from release.oci import Descriptor, Registries, Repository
from release.oci.manifest import annotations_of
from release.plan.model import Bindings, Done, Free, Judgement, Slot
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

    kind = Attest

    def __init__(self, registries: Registries, log: LogWriter, *, cancel: Cancel) -> None:
        self._registries = registries
        self._log = log
        self._cancel = cancel

    def describe(self, operands: Attest) -> str:
        """One line for the preview."""
        return f"attach the release statement to the image on {operands.target}"

    def observe(self, work: Work[Attest]) -> StatementObservation | None:
        """What hangs on the image; None while the log has no release to speak of."""
        release = self._release(work.operands)
        if release is None:
            return None
        repository = self._registries.open(work.operands.target)
        artifact = _artifact(release, repository)
        return StatementObservation(artifact=artifact, found=_find(repository, release, artifact))

    def judge(self, work: Work[Attest], seen: StatementObservation | None) -> Judgement:
        """Done when a statement of this release is there."""
        if seen is None or seen.found is None:
            return Free(reason=self.describe(work.operands))
        if seen.found == seen.artifact.manifest.digest:
            return Done(reason=f"attached as {short(seen.found)}")
        return Done(reason=f"attached as {short(seen.found)}, with an anchor in another log")

    def act(self, work: Work[Attest], seen: StatementObservation | None) -> Bindings:
        """Attach it."""
        if seen is None:
            image = work.operands.image
            raise NotFound(f"the version log has no `pushed` and `released` of {image} to attest")
        push_artifact(self._registries.open(work.operands.target), seen.artifact, cancel=self._cancel)
        return Bindings()

    def _release(self, operands: Attest) -> Attested | None:
        if isinstance(operands.image, Slot):
            return None
        return next(
            (
                one
                for one in attested(self._log.entries(), key=operands.key)
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
