"""Watches the tags of a repository while a prune deletes from it, so that a tag that is set meanwhile survives.

Registries have no transactions. Right before a deletion the list of tags is read: a name that is new since the plan and
leads to the manifest keeps it. Right after, the list is read again: a name that vanished with the manifest, or leads
nowhere now, gets the manifest back.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import msgspec

from release.errors import Invalid, NotFound
from release.oci import Descriptor, Manifest, Repository
from release.oci.graph import read_manifests


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """The tags right before a deletion. `holders`: those that are new since the plan and need the manifest."""

    names: frozenset[str]
    holders: tuple[str, ...]


class After(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a deletion. `put_back`: tags that got the manifest back. `vanished`: tags that are gone, too.

    What a vanished tag held last is not known: the manifest is put back without it. `left`: tags that should have gone
    with the manifest, and are listed still.
    """

    put_back: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class _Seen:
    """The tags of one repository as this run saw them."""

    def __init__(self, planned: Mapping[str, str]) -> None:
        self.planned = {name: digest for name, digest in planned.items() if digest}
        self.nowhere = planned.keys() - self.planned.keys()
        self.on: dict[str, list[str]] = {}  # digest -> its tags, of `planned`
        for name, digest in self.planned.items():
            self.on.setdefault(digest, []).append(name)
        self.new: dict[
            str, frozenset[str]
        ] = {}  # name -> every digest that it needs; empty: it leads nowhere


class Listings:
    """The tags of each repository. `planned`: repository -> tag -> digest, as the plan found them.

    The digest `""` is that of a tag that led nowhere then: a deletion is not why it does.
    """

    def __init__(self, planned: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._seen = {name: _Seen(tags) for name, tags in (planned or {}).items()}
        # Guards `_turns`. A turn keeps two deletions in one repository apart, whose lists of tags would mix.
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}

    def turn(self, name: str) -> threading.Lock:
        """The lock of one repository."""
        with self._lock:
            return self._turns.setdefault(name, threading.Lock())

    def planned(self, repository: Repository) -> Mapping[str, str]:
        """Tag -> digest, as the plan found them; without tags that led nowhere."""
        return self._of(repository).planned

    def nowhere(self, repository: Repository) -> frozenset[str]:
        """The tags that led nowhere when the plan was made."""
        return frozenset(self._of(repository).nowhere)

    def on(self, repository: Repository, digest: str) -> set[str]:
        """The tags on a digest, as the plan found them."""
        return set(self._of(repository).on.get(digest, ()))

    def before(self, repository: Repository, digest: str) -> Before:
        """Read the list of tags right before a deletion of the manifest."""
        seen, names = self._of(repository), frozenset(repository.tags())
        for name in sorted(names - seen.planned.keys() - seen.new.keys()):
            seen.new[name] = _needs(repository, name)
        holders = tuple(sorted(name for name in names & seen.new.keys() if digest in seen.new[name]))
        return Before(names=names, holders=holders)

    def after(
        self, repository: Repository, manifest: Manifest, before: Before, going: tuple[str, ...]
    ) -> After:
        """Read the list again after the deletion of the manifest with the tags `going`; put back what is needed."""
        seen, names = self._of(repository), frozenset(repository.tags())
        gone = sorted(before.names - names - frozenset(going))
        fresh = sorted(names - seen.planned.keys() - seen.nowhere)
        nowhere = [name for name in fresh if _resolve(repository, name) is None]
        # A new name that led nowhere before the deletion: it was being set to this manifest.
        lost = [
            name
            for name in gone
            if name not in seen.nowhere
            and not seen.new.get(name, {"planned"})
            and _resolve(repository, name) is None
        ]
        vanished = [
            name
            for name in gone
            if name in seen.planned and _resolve(repository, seen.planned[name]) is not None
        ]
        if nowhere or vanished:
            repository.put_manifest(manifest)
        for name in lost:
            repository.put_manifest(manifest, tag=name)
        back = [name for name in nowhere if _resolve(repository, name) is not None]
        # Pushed again right after the deletion, under a tag: the registry has everything that it needs.
        back += [
            name
            for name in names - before.names - seen.planned.keys()
            if _leads_to(repository, name, manifest)
        ]
        if nowhere and not back and not vanished and not lost:
            repository.delete_manifest(manifest.digest)  # they led nowhere for another reason
        return After(
            put_back=tuple(sorted({*lost, *back})),
            vanished=tuple(vanished),
            left=tuple(tag for tag in going if tag in names),
        )

    def _of(self, repository: Repository) -> _Seen:
        if repository.name not in self._seen:
            found = {name: _resolve(repository, name) for name in repository.tags()}
            self._seen[repository.name] = _Seen(
                {name: one.digest for name, one in found.items() if one is not None}
            )
        return self._seen[repository.name]


def _resolve(repository: Repository, reference: str) -> Descriptor | None:
    try:
        return repository.resolve(reference)
    except Invalid:
        return None  # not an image, so it needs no manifest of the repository


def _leads_to(repository: Repository, name: str, manifest: Manifest) -> bool:
    found = _resolve(repository, name)
    return found is not None and found.digest == manifest.digest


def _needs(repository: Repository, name: str) -> frozenset[str]:
    """Every manifest that the tag leads to: what it holds, and what that lists at any depth."""
    found = _resolve(repository, name)
    if found is None:
        return frozenset()
    try:
        return frozenset(one.digest for one in read_manifests(repository, found.digest))
    except NotFound:
        return frozenset({found.digest})
