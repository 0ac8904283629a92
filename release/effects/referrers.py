"""Copies the referrers of an image (signatures, attestations, SBOMs) to the target of a promotion."""

from __future__ import annotations

import msgspec

from release.control import Cancel
from release.effects.content import mounts
from release.errors import NotFound
from release.events import Sink
from release.handler import Work
from release.oci import Registries, Repository
from release.oci.grammar import is_digest
from release.oci.graph import read_manifests
from release.plan.model import Bindings, Done, Free, Judgement
from release.plan.operands import CopyReferrers
from release.transfer.copy_referrers import copy_attached
from release.transfer.referrers import find_attached, refers_to


class ReferrersObservation(msgspec.Struct, frozen=True, kw_only=True):
    """How many referrers the source has, and how many of them the target lacks.

    `manifests`: the digests of the referrers' subjects, which are the image and the manifests in its index.
    """

    found: int
    missing: int
    manifests: tuple[str, ...]


class Referrers:
    """The handler of `copy-referrers` steps: copies referrers of the image and of each of its platforms' manifests."""

    kind = CopyReferrers

    def __init__(self, registries: Registries, *, sink: Sink, cancel: Cancel) -> None:
        self._registries = registries
        self._sink = sink
        self._cancel = cancel

    def describe(self, operands: CopyReferrers) -> str:
        """The line that `preview` prints for the step."""
        return f"copy what refers to it to {operands.target}"

    def observe(self, work: Work[CopyReferrers]) -> ReferrersObservation:
        """Compare the referrers on source and target."""
        source = self._registries.open(work.operands.source)
        target = self._registries.open(work.operands.target)
        found, missing = 0, 0
        manifests = tuple(one.digest for one in read_manifests(source, work.operands.image))
        for digest in manifests:
            theirs = _names(source, digest)
            lacking = theirs - _names(target, digest) if theirs else set()
            # A listed manifest with another subject is not copied (`copy_attached`), so it cannot be missing either.
            strays = {one for one in lacking if _is_stray(source, one, digest)}
            found += len(theirs - strays)
            missing += len(lacking - strays)
        return ReferrersObservation(found=found, missing=missing, manifests=manifests)

    def judge(self, work: Work[CopyReferrers], seen: ReferrersObservation) -> Judgement:
        """Done if the target has every referrer of the source, else free."""
        del work
        if seen.missing:
            return Free(reason=f"{seen.missing} of {seen.found} are not there yet")
        return Done(reason=f"all {seen.found} are there" if seen.found else "nothing refers to it")

    def act(self, work: Work[CopyReferrers], seen: ReferrersObservation) -> Bindings:
        """Copy the referrers to the target."""
        source = self._registries.open(work.operands.source)
        target = self._registries.open(work.operands.target)
        copy_attached(
            source,
            target,
            list(seen.manifests),
            sink=self._sink,
            cancel=self._cancel,
            mount_from=mounts(source.name, target.name),
        )
        return Bindings()


def _names(repository: Repository, digest: str) -> set[str]:
    attached = find_attached(repository, digest)
    return {*(one.digest for one in attached.referrers), *attached.tags}


def _is_stray(source: Repository, name: str, digest: str) -> bool:
    """Whether `name`, a digest in the source's list of referrers, names another subject than `digest`."""
    try:
        return is_digest(name) and not refers_to(source.manifest(name), digest)
    except NotFound:
        return False  # the copy tells which one is missing
