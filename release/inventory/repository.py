"""Reads one repository completely: tags, manifests, what they refer to and what refers to them. Only GET and HEAD."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from release.control import Cancel
from release.errors import Denied, Invalid, NotFound
from release.inventory.creation_time import config_of, created_in
from release.oci import AnswersMany, Descriptor, Manifest, Repository
from release.oci.deletion import Abilities, Deletes, Deletion, Facts
from release.oci.graph import blobs_of, manifests_in
from release.oci.manifest import subject
from release.retention.snapshot import HeldManifest, HeldTag, Inventory
from release.task_group import run_all
from release.transfer.referrers import Answering

# Concurrent requests: as many as `registry/hosts/host.py` sends to one host at once; more would only wait.
_QUESTIONS = 16
# Tasks that are handed to threads at a time: bounds what waits in memory, and lets a cancelled run end soon.
_AT_ONCE = 512
# Manifests of one repository. Each costs a request and about 1 KiB: a repository with more is refused, since its plan
# would take hours and the memory of a CI job.
_MOST_MANIFESTS = 500_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to read besides the tags. `digests`: images that may be there without a tag, as the version log knows.

    `created_unless`: read the creation time of all images but these, which costs a request each; None: of no image.
    """

    digests: tuple[str, ...] = ()
    created_unless: frozenset[str] | None = None
    deletes_tags: bool | None = None


def read_inventory(
    repository: Repository, wanted: Wanted, *, now: int, cancel: Cancel, warn: Callable[[str], object] = len
) -> Inventory:
    """What the repository holds. Raises `RegistryError`s; content that is no image becomes a `fault`.

    `warn`: prints why the registry's API tells no times, where it has one.
    """
    return _Reading(repository, wanted, cancel, warn).read(now)


class _Reading:
    def __init__(
        self, repository: Repository, wanted: Wanted, cancel: Cancel, warn: Callable[[str], object]
    ) -> None:
        self._warn = warn
        self._repository = repository
        self._wanted = wanted
        self._cancel = cancel
        self._manifests: dict[str, HeldManifest] = {}
        self._absent: set[str] = set()
        self._nowhere: list[str] = []  # tags whose manifest is not there
        self._answers = isinstance(repository, Answering)  # whether the referrers API is worth asking

    def read(self, now: int) -> Inventory:
        tags = self._tags()
        # After the tags: the registry's way is known once it was asked something.
        way = self._repository.deletion() if isinstance(self._repository, Deletes) else None
        facts = (None if way is None else self._facts(way)) or Facts()
        abilities = Abilities() if way is None else way.abilities()
        held = {tag.digest for tag in tags}
        logged = [one for one in dict.fromkeys((*self._wanted.digests, *facts.digests)) if one not in held]
        there = dict(zip(logged, self._all(self._resolve, logged, many=self._resolve_many), strict=True))
        self._absent.update(digest for digest, found in there.items() if found is None)
        self._follow(
            [
                *(tag.digest for tag in tags if tag.digest),
                *(digest for digest, found in there.items() if found),
            ]
        )
        self._read_created()
        self._add_times(facts)
        return Inventory(
            repository=self._repository.name,
            # Without tags whose manifest somebody else deletes at the same time.
            tags=tuple(
                msgspec.structs.replace(tag, moved=facts.moved.get(tag.name))
                for tag in tags
                if tag.digest not in self._absent
            ),
            manifests=self._manifests,
            now=now,
            deletes_tags=self._wanted.deletes_tags if abilities.tag is None else abilities.tag,
            deletes_manifests=abilities.manifest,
            deletes_parts=abilities.parts,
            tells_times=facts.tells_moved,
            nowhere=(*self._nowhere, *(tag.name for tag in tags if tag.digest in self._absent)),
        )

    def _facts(self, way: Deletion) -> Facts | None:
        """The facts of the registry's API; None, with a warning, if it refuses: then images of unknown age are kept."""
        try:
            return way.facts()
        except (Denied, NotFound) as error:
            self._warn(f"{way.name} tells no times of `{self._repository.name}`: {error.message}")
            return None

    def _add_times(self, facts: Facts) -> None:
        for digest in (facts.pushed.keys() | facts.pulled.keys()) & self._manifests.keys():
            self._manifests[digest] = msgspec.structs.replace(
                self._manifests[digest], pushed=facts.pushed.get(digest), pulled=facts.pulled.get(digest)
            )

    def _tags(self) -> list[HeldTag]:
        names = self._repository.tags()
        found = self._all(self._resolve, names, many=self._resolve_many)
        tags = []
        for name, one in zip(names, found, strict=True):
            if isinstance(one, Descriptor):
                tags.append(HeldTag(name=name, digest=one.digest))
            elif isinstance(one, Invalid):
                tags.append(HeldTag(name=name, fault=one.message))
            else:
                # It was deleted meanwhile, or its manifest was: there is nothing to keep.
                self._nowhere.append(name)
        return tags

    def _follow(self, digests: Iterable[str]) -> None:
        """Read manifests, what they list, what they refer to, and what refers to them, until nothing new is found."""
        waiting = list(dict.fromkeys(digests))
        while waiting:
            found = self._all(self._manifest, waiting, many=self._read_many)
            below: dict[str, None] = {}
            for digest, one in zip(waiting, found, strict=True):
                if one is None:
                    self._absent.add(digest)
                    continue
                self._manifests[digest] = one
                below.update(dict.fromkeys(one.children))
                if one.subject is not None:
                    below[one.subject] = None
            if len(self._manifests) > _MOST_MANIFESTS:
                raise Invalid(
                    f"`{self._repository.name}` holds more than {_MOST_MANIFESTS} manifests",
                    hint="split it: prune judges a repository as a whole, and reads all of it",
                )
            for digest in self._referrers([one.digest for one in found if one is not None]):
                below[digest] = None
            waiting = [one for one in below if one not in self._manifests and one not in self._absent]

    def _referrers(self, digests: list[str]) -> list[str]:
        """What refers to the manifests, by the API. Without the API, fallback tags list it."""
        if not self._answers or not digests:
            return []
        first = self._ask_referrers(digests[0])
        if first is None:
            self._answers = False
            return []
        return [
            *first,
            *(one for found in self._all(self._ask_referrers, digests[1:]) for one in found or ()),
        ]

    def _ask_referrers(self, digest: str) -> tuple[str, ...] | None:
        answered = self._repository.referrers(digest)  # type: ignore[attr-defined]  # `Answering`, as `_answers` says
        return None if answered is None else tuple(one.digest for one in answered)

    def _resolve(self, reference: str) -> Descriptor | Invalid | None:
        try:
            return self._repository.resolve(reference)
        except Invalid as error:
            return error

    def _resolve_many(self, references: Sequence[str]) -> Mapping[str, Descriptor]:
        several = self._repository
        return several.resolve_many(references) if isinstance(several, AnswersMany) else {}

    def _read_many(self, digests: Sequence[str]) -> Mapping[str, HeldManifest]:
        several = self._repository
        found = several.read_many(digests) if isinstance(several, AnswersMany) else {}
        return {digest: held(manifest) for digest, manifest in found.items()}

    def _manifest(self, digest: str) -> HeldManifest | None:
        try:
            manifest = self._repository.manifest(digest)
        except NotFound:
            return None
        except Invalid as error:
            return HeldManifest(digest=digest, fault=error.message)
        return held(manifest)

    def _read_created(self) -> None:
        known = self._wanted.created_unless
        if known is None:
            return
        images = [
            one
            for one in self._manifests.values()
            if one.blobs and not one.children and one.digest not in known
        ]
        times = self._all(self._created, [one.digest for one in images])
        for one, time in zip(images, times, strict=True):
            self._manifests[one.digest] = msgspec.structs.replace(one, created=time)
        for one in [one for one in self._manifests.values() if one.children and one.digest not in known]:
            below = [self._manifests[child].created for child in one.children if child in self._manifests]
            newest = max((time for time in below if time is not None), default=None)
            self._manifests[one.digest] = msgspec.structs.replace(one, created=newest)

    def _created(self, digest: str) -> int | None:
        config = config_of(self._repository.manifest(digest))
        if config is None:
            return None
        try:
            with self._repository.open_blob(config) as stream:
                return created_in(stream.read())
        except (NotFound, Invalid):
            return None

    def _all(
        self,
        task: Callable[[str], Any],
        names: Iterable[str],
        *,
        many: Callable[[Sequence[str]], Mapping[str, Any]] = lambda _: {},
    ) -> list[Any]:
        """The results of `task`, in the order of `names`. `many`: gives those of many names for less CPU."""
        whole = list(names)
        results: list[Any] = []
        for start in range(0, len(whole), _AT_ONCE):
            self._cancel.check()
            part = whole[start : start + _AT_ONCE]
            found = dict(many(part))
            alone = [name for name in part if name not in found]
            answered = run_all([partial(task, name) for name in alone], jobs=_QUESTIONS, cancel=self._cancel)
            found.update(zip(alone, answered, strict=True))
            results += [found[name] for name in part]
        return results


def held(manifest: Manifest) -> HeldManifest:
    """What retention has to know of a manifest."""
    about = subject(manifest)
    return HeldManifest(
        digest=manifest.digest,
        size=len(manifest.raw),
        children=tuple(child.digest for child in manifests_in(manifest)),
        # With foreign ones: an index may list under any type what it needs.
        blobs=tuple((blob.digest, blob.size) for blob in blobs_of((manifest,), foreign=manifest.is_index)),
        subject=None if about is None else about.digest,
    )
