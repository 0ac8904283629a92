"""Reads and writes the artifact `shipmark-status`, by which everybody who reads a repository knows of yanked versions.

Tags have no compare-and-swap, so two writers may overwrite each other: each reads what is there, adds its statuses,
reads once more right before it writes, and reads back after a pause in which a writer that read before it has written,
too. It begins anew while something is missing. Only a writer that is stopped between its last read and its write, for
longer than that pause, can still overwrite the other.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Collection
from functools import partial

from release.control import Cancel
from release.errors import NotFound, PartialError, RegistryError, Unreachable
from release.handler import Work
from release.oci import Registries, Repository
from release.plan.model import Bindings, Done, Free, Judgement
from release.plan.operands import PutStatus
from release.statements.version_status import StatusDocument, artifact_of, layer_of, read_document
from release.versions.status import STATUS_TAG, KnownStatus, lacking

# Attempts to write. A race of two writers ends after two or three; a registry that loses what it accepted would keep a
# writer busy for ever.
_MOST_RACES = 6
# Seconds between a write and the read that decides whether it stayed. Another writer that read just before this write
# puts its own list right after: two requests of 0.03 to 0.1 s each.
_SETTLED = 0.25
# Seconds after the first attempt, doubled for each further one, times a jitter of 0.5 to 1.5 that spreads the writers:
# writers that pause equally long overwrite each other again. 3.2 s in all on average.
_PAUSE = 0.05


def read_status(repository: Repository) -> StatusDocument:
    """The statuses in the repository's artifact; none if it has no such artifact. Raises `RegistryError`s."""
    source = f"{repository.name}:{STATUS_TAG}"
    try:
        layer, payload = layer_of(repository.manifest(STATUS_TAG), source)
    except NotFound:
        return StatusDocument()
    if payload is None:
        with repository.open_blob(layer) as stream:
            payload = stream.read()
    return read_document(payload, source)


def told_in(repository: Repository, tags: Collection[str]) -> tuple[KnownStatus, ...]:
    """The statuses in the artifact of a repository with these `tags`; no request if its tag is not among them."""
    return read_status(repository).statuses if STATUS_TAG in tags else ()


class VersionStatuses:
    """The handler of `put-status` steps: adds statuses of versions to the artifact of a repository."""

    kind = PutStatus

    def __init__(
        self, registries: Registries, *, cancel: Cancel, jitter: Callable[[], float] = random.random
    ) -> None:
        self._registries = registries
        self._cancel = cancel
        self._jitter = jitter

    def describe(self, operands: PutStatus) -> str:
        """The line that `preview` prints for the step."""
        told = ", ".join(f"{one.version} {one.status}" for one in operands.statuses)
        return f"tell in {operands.target}:{STATUS_TAG}: {told}"

    def observe(self, work: Work[PutStatus]) -> tuple[KnownStatus, ...]:
        """The statuses that the repository lacks."""
        there = read_status(self._registries.open(work.operands.target))
        return lacking(there.statuses, work.operands.statuses)

    def judge(self, work: Work[PutStatus], seen: tuple[KnownStatus, ...]) -> Judgement:
        """Done if every status is there, or one that outranks it; else free."""
        if not seen:
            return Done(reason=f"{work.operands.target}:{STATUS_TAG} says so")
        return Free(reason=f"{', '.join(one.version for one in seen)} not told there yet")

    def act(self, work: Work[PutStatus], seen: tuple[KnownStatus, ...]) -> Bindings:
        """Write the statuses, and read them back.

        Raises `PartialError` if that fails: the tags move all the same, but other runs may move them again.
        """
        del seen
        operands = work.operands
        try:
            self._write(self._registries.open(operands.target), operands.statuses)
        except RegistryError as error:
            versions = ", ".join(one.version for one in operands.statuses)
            raise PartialError(
                f"`{operands.target}:{STATUS_TAG}` cannot be written: {error.message}; a run that does not read this"
                f" version log does not know the status of {versions}, and may move the tags again",
                hint=f"let the credential push the tag `{STATUS_TAG}`, and run the command again",
            ) from error
        return Bindings()

    def _write(self, repository: Repository, statuses: tuple[KnownStatus, ...]) -> None:
        for attempt in range(_MOST_RACES):
            if self._is_there_after_writing(repository, statuses):
                return
            self._cancel.wait(_PAUSE * 2**attempt * (0.5 + self._jitter()))
        raise Unreachable("others overwrite it all the time", hint="run it again")

    def _is_there_after_writing(self, repository: Repository, statuses: tuple[KnownStatus, ...]) -> bool:
        there = read_status(repository)
        if not lacking(there.statuses, statuses):
            return True
        artifact = artifact_of(there.with_statuses(statuses))
        for blob, content in artifact.blobs:
            repository.put_blob(blob, partial(io.BytesIO, content))
        # The blobs took several requests: another writer may have written meanwhile.
        if read_status(repository) != there:
            return False
        repository.put_manifest(artifact.manifest, tag=STATUS_TAG)
        self._cancel.wait(_SETTLED)
        return not lacking(read_status(repository).statuses, statuses)
