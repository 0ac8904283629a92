"""Copies manifests into a trash repository before a prune deletes them, and back."""

from __future__ import annotations

import threading
from collections.abc import Callable

from release.control import Cancel
from release.errors import Invalid, NotFound
from release.events import Sink
from release.handler import Work
from release.oci import Registries, Repository
from release.oci.reference import parse_repository
from release.plan.model import Bindings, Done, Free, Judgement
from release.plan.ownership import short
from release.plan.prune.operands import TrashManifest
from release.retention.trash import key, key_of, put_at, trash_tag
from release.transfer.copy import copy_image

# Milliseconds for which a name in the trash counts as one of this prune, so that a prune that was killed and goes on
# needs no second one. An older name may be emptied soon.
_OF_THIS_PRUNE = 86_400_000


class TrashedManifests:
    """The handler of `trash-manifest` steps. `now`: milliseconds since the epoch."""

    kind = TrashManifest

    def __init__(self, registries: Registries, *, now: Callable[[], int], sink: Sink, cancel: Cancel) -> None:
        self._registries = registries
        self._now = now
        self._sink = sink
        self._cancel = cancel
        # Guards `_names`, and is held while a trash is listed, so that threads list it once.
        self._lock = threading.Lock()
        self._names: dict[str, dict[str, set[str]]] = {}

    def describe(self, operands: TrashManifest) -> str:
        """The line that the preview prints for the step."""
        return f"copy {operands.target}@{short(operands.digest)} to {operands.trash}"

    def observe(self, work: Work[TrashManifest]) -> bool:
        """Whether the trash holds the manifest under a name of this prune."""
        operands = work.operands
        trash = self._registries.open(operands.trash)
        path, since = parse_repository(operands.target).repository, self._now() - _OF_THIS_PRUNE
        names = self._known(trash).get(key(operands.digest, path), ())
        recent = [name for name in names if (put_at(name) or 0) > since]
        return any(_holds(trash, name, operands.digest) for name in sorted(recent, reverse=True))

    def judge(self, work: Work[TrashManifest], seen: bool) -> Judgement:
        """Done if the trash holds the manifest, else free."""
        return Done(reason=f"in {work.operands.trash}") if seen else Free(reason="not in the trash yet")

    def act(self, work: Work[TrashManifest], seen: bool) -> Bindings:
        """Copy the manifest and everything that it needs, and set the name in the trash."""
        del seen
        operands = work.operands
        source, trash = self._registries.open(operands.target), self._registries.open(operands.trash)
        path = parse_repository(operands.target).repository
        copy_image(source, trash, operands.digest, sink=self._sink, cancel=self._cancel, mount_from=(path,))
        name = trash_tag(operands.digest, path, at=self._now())
        trash.put_manifest(source.manifest(operands.digest), tag=name)
        self._known(trash).setdefault(key(operands.digest, path), set()).add(name)
        return Bindings()

    def _known(self, trash: Repository) -> dict[str, set[str]]:
        """The names in a trash, by their key. Two steps never have one key: nothing else guards the sets."""
        with self._lock:
            if trash.name not in self._names:
                names: dict[str, set[str]] = {}
                for name in trash.tags():
                    if (of := key_of(name)) is not None:
                        names.setdefault(of, set()).add(name)
                self._names[trash.name] = names
            return self._names[trash.name]


def bring_back(
    registries: Registries, trash: str, repository: Repository, digest: str, *, sink: Sink, cancel: Cancel
) -> bool:
    """Copy a manifest and everything that it needs from the trash; False if the trash does not have it any more."""
    try:
        copy_image(
            registries.open(trash),
            repository,
            digest,
            sink=sink,
            cancel=cancel,
            mount_from=(parse_repository(trash).repository,),
        )
    except NotFound:
        return False
    return True


def _holds(trash: Repository, name: str, digest: str) -> bool:
    try:
        found = trash.resolve(name)
    except Invalid:
        return False
    return found is not None and found.digest == digest
