"""Puts manifests and tags back that a prune deleted, from the bytes in the version log."""

from __future__ import annotations

import msgspec

from release.control import Cancel
from release.effects.retention.save import Vault
from release.effects.retention.trash import bring_back
from release.errors import Invalid, NotFound
from release.events import Sink
from release.handler import Work
from release.oci import Registries, Repository
from release.plan.model import Bindings, Conflict, Done, Free, Judgement
from release.plan.ownership import short
from release.plan.prune.operands import RestoreManifest, restored_digest, restored_tag


class RestoreObservation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the manifest is there, and what each of its tags holds now; None: nothing."""

    there: bool
    held: dict[str, str | None]


class RestoredManifests:
    """The handler of `restore-manifest` steps."""

    kind = RestoreManifest

    def __init__(self, registries: Registries, vault: Vault, *, sink: Sink, cancel: Cancel) -> None:
        self._registries = registries
        self._vault = vault
        self._sink = sink
        self._cancel = cancel

    def describe(self, operands: RestoreManifest) -> str:
        """The line that the preview prints for the step."""
        tags = ", ".join(operands.tags) or "no tag"
        return f"put {operands.target}@{short(operands.digest)} back ({tags})"

    def observe(self, work: Work[RestoreManifest]) -> RestoreObservation:
        """Ask for the manifest and its tags."""
        repository = self._registries.open(work.operands.target)
        found = {tag: repository.resolve(tag) for tag in work.operands.tags}
        return RestoreObservation(
            there=repository.resolve(work.operands.digest) is not None,
            held={tag: None if one is None else one.digest for tag, one in found.items()},
        )

    def judge(self, work: Work[RestoreManifest], seen: RestoreObservation) -> Judgement:
        """Done if manifest and tags are there; a conflict if another image has one of the tags; free otherwise."""
        operands = work.operands
        back = [tag for tag, held in seen.held.items() if held == operands.digest]
        free = [tag for tag, held in seen.held.items() if held is None]
        others = [tag for tag, held in seen.held.items() if held not in (None, operands.digest)]
        if not seen.there or free:
            return Free(reason=f"{', '.join(free) or 'the manifest'} is not there")
        if others:
            return Conflict(
                reason=f"`{operands.target}:{others[0]}` holds {seen.held[others[0]]} now: it stays there",
                hint=f"`{operands.target}@{operands.digest}` is back; give it another tag with `shipmark image tag`",
            )
        bound = Bindings().with_value(restored_digest(operands.target, operands.digest), operands.digest)
        for tag in back:
            fact = {"name": tag, "digest": operands.digest, "result": "created"}
            bound = bound.with_value(restored_tag(operands.target, tag), fact)
        return Done(reason="it is there", bindings=bound)

    def act(self, work: Work[RestoreManifest], seen: RestoreObservation) -> Bindings:
        """Put the manifest, and each tag that nothing holds. Raises `NotFound` if the registry freed its blobs."""
        operands = work.operands
        repository = self._registries.open(operands.target)
        if seen.there or self._bring_back(repository, operands):
            manifest = repository.manifest(operands.digest)
        else:
            manifest = self._vault.manifest(operands.target, operands.digest)
        bound = Bindings()
        try:
            repository.put_manifest(manifest)
            bound = bound.with_value(restored_digest(operands.target, operands.digest), operands.digest)
            for tag in [tag for tag, held in seen.held.items() if held is None]:
                repository.put_manifest(manifest, tag=tag)
                fact = {"name": tag, "digest": operands.digest, "result": "created"}
                bound = bound.with_value(restored_tag(operands.target, tag), fact)
        except Invalid as error:
            raise NotFound(
                f"`{operands.target}@{operands.digest}` cannot be put back: {error.message}",
                hint="a garbage collection has freed its layers: build the commit again",
            ) from error
        return bound

    def _bring_back(self, repository: Repository, operands: RestoreManifest) -> bool:
        """Whether the trash of the prune still had the manifest, with its layers, and it is back now."""
        if not operands.trash:
            return False
        return bring_back(
            self._registries,
            operands.trash,
            repository,
            operands.digest,
            sink=self._sink,
            cancel=self._cancel,
        )
