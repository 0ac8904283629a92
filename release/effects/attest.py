"""Attaches an in-toto release statement, made from the log's entries, to the image as a referrer.

The statement copies the log's entries about a release to a place outside of the log; no decision reads the statement.
If attaching fails, the run warns, the release stays valid, and the next run tries again. One statement of a
release is enough, also one made from another log: a log that was lost and begun again has other positions and hashes.
"""

from __future__ import annotations

import msgspec

from release.canonical_json import canonical
from release.control import Cancel
from release.errors import NotFound
from release.handler import Work
from release.hints import AGAIN
from release.log import LogWriter
from release.log.attested import attested
from release.oci import Descriptor, Registries, Repository
from release.oci.manifest import EMPTY, annotations_of
from release.plan.model import Bindings, Done, Free, Judgement, Slot
from release.plan.operands import Attest
from release.plan.ownership import short
from release.statements.release_statement import PREDICATE, Attested
from release.transfer.referrers import find_referrers
from release.transfer.statement_artifacts import IN_TOTO, Artifact, make_statement, push_artifact

RELEASE = "dev.shipmark.release"  # annotation with the release key
ANCHOR = "dev.shipmark.log"  # annotation with `seq:hash` of the log entry
_MAY_BE_OURS = frozenset({IN_TOTO, EMPTY.media_type, None})


class StatementObservation(msgspec.Struct, frozen=True, kw_only=True):
    """The artifact to attach, and the digest of a statement of this release that the image has already, or None."""

    artifact: Artifact
    found: str | None


class Attestations:
    """The handler of `attest` steps: attaches the release statement to the image."""

    kind = Attest

    def __init__(self, registries: Registries, log: LogWriter, *, cancel: Cancel) -> None:
        self._registries = registries
        self._log = log
        self._cancel = cancel

    def describe(self, operands: Attest) -> str:
        """The line that `preview` prints for the step."""
        return f"attach the release statement to the image on {operands.target}"

    def observe(self, work: Work[Attest]) -> StatementObservation | None:
        """The statement to attach and the one that the image has; None while the log lacks the release's entries.

        The result is also None before the image's digest is known. Raises `NotFound` if the target lacks the image.
        """
        release = self._release(work.operands)
        if release is None:
            return None
        repository = self._registries.open(work.operands.target)
        artifact = _artifact(release, repository)
        return StatementObservation(artifact=artifact, found=_find(repository, release, artifact))

    def judge(self, work: Work[Attest], seen: StatementObservation | None) -> Judgement:
        """Done if the image has a statement of this release, else free."""
        if seen is None or seen.found is None:
            return Free(reason=self.describe(work.operands))
        if seen.found == seen.artifact.manifest.digest:
            return Done(reason=f"attached as {short(seen.found)}")
        return Done(reason=f"attached as {short(seen.found)}, with an anchor in another log")

    def act(self, work: Work[Attest], seen: StatementObservation | None) -> Bindings:
        """Attach the statement. Raises `NotFound` if the log lacks the release's entries."""
        if seen is None:
            image = work.operands.image
            raise NotFound(
                f"the version log has no `pushed` and `released` entries of {image} to attest", hint=AGAIN
            )
        push_artifact(self._registries.open(work.operands.target), seen.artifact, cancel=self._cancel)
        return Bindings()

    def _release(self, operands: Attest) -> Attested | None:
        if isinstance(operands.image, Slot):
            return None
        return next(
            (
                one
                for one in attested(self._log.of_release(operands.key), key=operands.key)
                if one.target == operands.target and one.digest == operands.image
            ),
            None,
        )


def _artifact(release: Attested, repository: Repository) -> Artifact:
    image = repository.resolve(release.digest)
    if image is None:
        raise NotFound(f"`{release.target}` has no {release.digest} any more", hint=AGAIN)
    return make_statement(
        canonical(release.statement),
        image,
        predicate_type=PREDICATE,
        annotations={RELEASE: release.key, ANCHOR: release.anchor},
    )


def _find(repository: Repository, release: Attested, artifact: Artifact) -> str | None:
    """The digest of a statement of this release that is attached to its image, or None.

    Prefers the statement that is equal to `artifact` to one made from another log.
    """
    listed = find_referrers(repository, release.digest)
    if any(one.digest == artifact.manifest.digest for one in listed):
        return artifact.manifest.digest
    return next((one.digest for one in listed if _is_of(release, one, repository)), None)


def _is_of(release: Attested, referrer: Descriptor, repository: Repository) -> bool:
    if referrer.artifact_type not in _MAY_BE_OURS:
        return False
    said = referrer.annotations
    if said is None:  # some registries list referrers without their annotations, so the manifest is read
        said = annotations_of(repository.manifest(referrer.digest)) or {}
    return said.get(RELEASE) == release.key
