"""Deletes manifests and single tags for a prune, except those that came into use meanwhile."""

from __future__ import annotations

import contextlib
import threading

import msgspec

from release.control import Cancel
from release.effects.retention.listing import After, Listings
from release.effects.retention.save import Vault
from release.errors import DeletionDisabled, Invalid, NotFound, PartialError, RegistryError
from release.events import Note, Sink
from release.handler import Work
from release.oci import Registries, Repository
from release.oci.deletion import Deletes
from release.plan.model import Bindings, Conflict, Done, Free, Judgement, Unknown
from release.plan.ownership import short
from release.plan.prune.operands import DeleteManifest, DeleteTag
from release.transfer.delete import delete_manifest, delete_tag


class DeletionObservation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the manifest is there, and what this run found when it deleted it.

    `holders`: tags that were put on it, or on an index that lists it, since the plan was made.
    """

    there: bool
    holders: tuple[str, ...] = ()
    after: After = After()


class ManifestDeletions:
    """The handler of `delete-manifest` steps."""

    kind = DeleteManifest

    def __init__(
        self, registries: Registries, vault: Vault, listings: Listings, *, sink: Sink, cancel: Cancel
    ) -> None:
        self._registries = registries
        self._vault = vault
        self._listings = listings
        self._sink = sink
        self._cancel = cancel
        self._holders: dict[str, tuple[str, ...]] = {}  # step id -> tags that keep the manifest
        self._after: dict[str, After] = {}
        self._disabled: dict[str, DeletionDisabled] = {}  # target -> its refusal, which it would repeat

    def describe(self, operands: DeleteManifest) -> str:
        """The line that the preview prints for the step."""
        tags = ", ".join(operands.tags) or "no tag"
        return f"delete {operands.target}@{short(operands.digest)} ({tags}): {operands.rule}"

    def observe(self, work: Work[DeleteManifest]) -> DeletionObservation:
        """Ask whether the manifest is there."""
        repository = self._registries.open(work.operands.target)
        return DeletionObservation(
            there=repository.resolve(work.operands.digest) is not None,
            holders=self._holders.get(work.id, ()),
            after=self._after.get(work.id, After()),
        )

    def judge(self, work: Work[DeleteManifest], seen: DeletionObservation) -> Judgement:
        """Done if the manifest is gone; a conflict if a tag needs it now; free otherwise."""
        operands = work.operands
        name = f"{operands.target}@{operands.digest}"
        if seen.after.vanished:
            return _unsettled(name, seen.after.vanished, operands)
        if seen.after.put_back:
            reason = f"{_names(seen.after.put_back)} was put on {name} while it was deleted: put back"
            hint = "run `shipmark prune` again for a plan that knows the tag"
            return Unknown(reason=reason, hint=hint, error=PartialError(reason, hint=hint))
        if not seen.there:
            return Done(reason="deleted")
        if seen.holders:
            return Conflict(
                reason=f"{_names(seen.holders)} needs {name} since the plan was made: it stays",
                hint="run `shipmark prune` again for a plan that knows the tag",
            )
        return Free(reason=operands.rule)

    def act(self, work: Work[DeleteManifest], seen: DeletionObservation) -> Bindings:
        """Delete the manifest, unless a new tag needs it; read the tags back, and put it back where one lost it."""
        del seen
        operands = work.operands
        repository = self._registries.open(operands.target)
        # Read from the log before the deletion: it is what puts the manifest back, whatever happens to this process.
        manifest = self._vault.manifest(operands.target, operands.digest)
        with self._listings.turn(operands.target):
            self._cancel.check()
            if operands.target in self._disabled:
                raise self._disabled[operands.target]
            before = self._listings.before(repository, operands.digest)
            holders = before.holders or _others_on(repository, operands)
            if holders:
                self._holders[work.id] = holders
                return Bindings()  # the runner's second observation then says why
            failure = self._delete(repository, operands)
            # Also after an error: the registry may have deleted the manifest all the same, or somebody pushed it again.
            after = self._listings.after(repository, manifest, before, operands.tags)
            self._after[work.id] = after
            if failure is None:
                self._remove(repository, operands.digest, after.left)
        if failure is not None and not (after.put_back or after.vanished):
            raise failure
        told = dict.fromkeys(after.put_back, "changed while it was deleted: the image is put back")
        told |= dict.fromkeys(
            after.vanished, "vanished while it was deleted: the image is back, the tag is not"
        )
        for tag, what in told.items():
            text = f"`{operands.target}:{tag}` on {short(operands.digest)} {what}"
            self._sink.emit(Note(level="warning", text=text))
        return Bindings()

    def _remove(self, repository: Repository, digest: str, tags: tuple[str, ...]) -> None:
        """Delete the tags of a deleted manifest where the registry kept them: they would lead to half an image.

        A manifest that is there was pushed again meanwhile, and needs its tags.
        """
        if not tags or repository.resolve(digest) is not None:
            return
        for tag in tags:
            found = repository.resolve(tag)
            if found is not None and found.digest == digest:
                with contextlib.suppress(NotFound):
                    repository.delete_tag(tag)
                text = (
                    f"`{repository.name}` kept the tag `{tag}` of {short(digest)}, which it deleted: removed"
                )
                self._sink.emit(Note(level="info", text=text))

    def _delete(self, repository: Repository, operands: DeleteManifest) -> RegistryError | None:
        """Delete the manifest; returns the registry's error instead of raising it. Raises `DeletionDisabled`."""
        try:
            delete_manifest(repository, operands.digest, cancel=self._cancel)
        except DeletionDisabled as error:
            self._disabled[operands.target] = error
            raise
        except RegistryError as error:
            return error
        return None


def _others_on(repository: Repository, operands: DeleteManifest) -> tuple[str, ...]:
    """The tags on the manifest that do not go with it, where the registry tells the tags of a manifest."""
    told = repository.deletion().tags_on(operands.digest) if isinstance(repository, Deletes) else None
    return tuple(sorted((told or frozenset()) - set(operands.tags)))


def _unsettled(name: str, tags: tuple[str, ...], operands: DeleteManifest) -> Unknown:
    reason = f"{_names(tags)} vanished while {name} was deleted; the manifest was put back"
    image = f"{operands.target}@{operands.digest}"
    hint = f"if the tag was just moved there, `shipmark image tag {image} {tags[0]}` sets it"
    return Unknown(reason=reason, hint=hint, error=PartialError(reason, hint=hint))


def _names(tags: tuple[str, ...]) -> str:
    return ", ".join(f"`{tag}`" for tag in tags)


class TagDeletions:
    """The handler of `delete-tag` steps. It never deletes a digest."""

    kind = DeleteTag

    def __init__(self, registries: Registries, listings: Listings, *, sink: Sink, cancel: Cancel) -> None:
        self._registries = registries
        self._listings = listings
        self._sink = sink
        self._cancel = cancel
        # Guards `refused`, which the deletions of several repositories change.
        self._lock = threading.Lock()
        self.refused: dict[str, str] = {}  # target -> why it cannot delete a tag alone
        # Targets that deleted a tag and left the other tags of its digest alone.
        self._proven: set[str] = set()

    def describe(self, operands: DeleteTag) -> str:
        """The line that the preview prints for the step."""
        return f"remove the tag {operands.target}:{operands.tag}, its digest stays: {operands.rule}"

    def observe(self, work: Work[DeleteTag]) -> str | None:
        """The digest under the tag; None: the tag is gone."""
        found = self._registries.open(work.operands.target).resolve(work.operands.tag)
        return None if found is None else found.digest

    def judge(self, work: Work[DeleteTag], seen: str | None) -> Judgement:
        """Done if the tag is gone, withheld if the registry cannot delete it alone, a conflict if it was moved."""
        operands = work.operands
        if seen is None:
            return Done(reason="removed")
        if operands.target in self.refused:
            reason = f"it stays, since its digest is shared: {self.refused[operands.target]}"
            return Done(reason=reason, withheld=True)
        if seen != operands.digest:
            return Conflict(
                reason=f"`{operands.target}:{operands.tag}` holds {seen} since the plan was made: it stays",
                hint="run `shipmark prune` again for a plan that knows that",
            )
        return Free(reason=operands.rule)

    def act(self, work: Work[DeleteTag], seen: str | None) -> Bindings:
        """Delete the tag; a registry that cannot do that alone is remembered and not asked again."""
        del seen
        operands = work.operands
        repository = self._registries.open(operands.target)
        with self._listings.turn(operands.target):
            if operands.target in self.refused:
                return Bindings()
            among = self._listings.on(repository, operands.digest)
            if operands.target not in self._proven:
                # What the registry takes along with a tag is not known yet, so new tags are looked for, too.
                among |= set(self._listings.before(repository, operands.digest).holders)
            try:
                put_back = delete_tag(
                    repository, operands.tag, sink=self._sink, cancel=self._cancel, among=among
                )
                if not put_back and len(among) > 1:
                    self._proven.add(operands.target)
            except NotFound:
                return Bindings()
            except Invalid as error:
                with self._lock:
                    self.refused[operands.target] = error.message
        return Bindings()
