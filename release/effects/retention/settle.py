"""Reads a repository back after a prune: what is gone, and whether every tag still leads to a whole image."""

from __future__ import annotations

from functools import partial

import msgspec

from release.control import Cancel
from release.effects.retention.delete import TagDeletions
from release.effects.retention.listing import Listings
from release.effects.retention.save import Vault
from release.errors import Invalid, NotFound
from release.events import Note, Sink
from release.handler import Work
from release.oci import Descriptor, Registries, Repository
from release.oci.graph import manifests_in
from release.plan.model import Bindings, Done, Free, Judgement
from release.plan.prune.operands import SettlePrune, gone_digests, gone_tags, tag_deletion
from release.task_group import run_all

_QUESTIONS = 16  # concurrent requests, as many as a host gets at once
# Levels of nested indexes that are checked below a tag; images have two.
_DEEPEST = 8


class SettleObservation(msgspec.Struct, frozen=True, kw_only=True):
    """`held`: tag -> digest now. `empty`: listed tags that lead nowhere; `nowhere`: those that did not at the plan.

    `gone`: digests that are not there.
    `missing`: digests that this prune deleted and that a tag needs, with the tag.
    """

    held: dict[str, str]
    nowhere: tuple[str, ...]
    empty: tuple[str, ...]
    gone: frozenset[str]
    missing: dict[str, str]


class PruneEnds:
    """The handler of `settle-prune` steps."""

    kind = SettlePrune

    def __init__(
        self,
        registries: Registries,
        vault: Vault,
        listings: Listings,
        tags: TagDeletions,
        *,
        sink: Sink,
        cancel: Cancel,
    ) -> None:
        self._registries = registries
        self._vault = vault
        self._listings = listings
        self._tags = tags
        self._sink = sink
        self._cancel = cancel
        self._tried: set[str] = set()  # digests that were put back by this step

    def describe(self, operands: SettlePrune) -> str:
        """The line that the preview prints for the step."""
        return f"read every tag of {operands.target} back"

    def observe(self, work: Work[SettlePrune]) -> SettleObservation:
        """Read every tag, and what tags that changed since the plan lead to."""
        repository = self._registries.open(work.operands.target)
        names = repository.tags()
        found = self._all([partial(_resolve, repository, name) for name in names])
        held = {
            name: one.digest for name, one in zip(names, found, strict=True) if isinstance(one, Descriptor)
        }
        empty = sorted(name for name, one in zip(names, found, strict=True) if one is None)
        earlier = self._listings.nowhere(repository)
        digests = [digest for part in work.operands.parts for digest in part.digests]
        there = self._all([partial(_resolve, repository, digest) for digest in digests])
        gone = frozenset(digest for digest, one in zip(digests, there, strict=True) if one is None)
        planned = self._listings.planned(repository)
        missing: dict[str, str] = {}
        for name, digest in sorted(held.items()):
            if planned.get(name) != digest:
                missing |= dict.fromkeys(_missing(repository, digest, gone), name)
        return SettleObservation(
            held=held,
            nowhere=tuple(name for name in empty if name not in earlier),
            empty=tuple(empty),
            gone=gone,
            missing=missing,
        )

    def judge(self, work: Work[SettlePrune], seen: SettleObservation) -> Judgement:
        """Free if a tag that stands needs what was deleted; else done, with what the records say."""
        operands = work.operands
        if seen.missing:
            return Free(reason=f"`{next(iter(seen.missing.values()))}` needs what was deleted")
        if seen.nowhere and seen.gone - self._tried:
            return Free(reason=f"`{seen.nowhere[0]}` leads nowhere")
        bound = Bindings()
        refused = "refused" if operands.target in self._tags.refused else ""
        bound = bound.with_value(tag_deletion(operands.target), refused)
        for number, part in enumerate(operands.parts):
            digests = tuple(digest for digest in part.digests if digest in seen.gone)
            lost = {tag: digest for digest in digests for tag in part.digests[digest] if tag not in seen.held}
            lost |= {tag: digest for tag, digest in part.tags.items() if tag not in seen.held}
            tags = tuple(
                {"name": tag, "before": digest, "result": "deleted"} for tag, digest in sorted(lost.items())
            )
            bound = bound.with_value(gone_digests(operands.target, number), digests)
            bound = bound.with_value(gone_tags(operands.target, number), tags)
        return Done(reason=_settled(seen), bindings=bound)

    def act(self, work: Work[SettlePrune], seen: SettleObservation) -> Bindings:
        """Put back what a tag needs: a tag that was set to a manifest right when it was deleted."""
        target = work.operands.target
        repository = self._registries.open(target)
        for digest, name in seen.missing.items():
            self._put_back(repository, digest, name)
        if seen.nowhere:
            self._lead_somewhere(repository, seen)
        return Bindings()

    def _lead_somewhere(self, repository: Repository, seen: SettleObservation) -> None:
        """Find the deleted manifest to which each tag leads, by putting one after another back."""
        for digest in sorted(seen.gone - self._tried):
            self._tried.add(digest)
            manifest = self._vault.manifest(repository.name, digest)
            repository.put_manifest(manifest)
            back = [name for name in seen.nowhere if _leads_to(repository, name, digest)]
            if back:
                self._say(repository, digest, back[0])
            else:
                repository.delete_manifest(digest)

    def _put_back(self, repository: Repository, digest: str, name: str) -> None:
        repository.put_manifest(self._vault.manifest(repository.name, digest))
        self._say(repository, digest, name)

    def _say(self, repository: Repository, digest: str, name: str) -> None:
        text = f"`{repository.name}:{name}` was set to {digest} while it was deleted: put back"
        self._sink.emit(Note(level="warning", text=text))

    def _all(self, tasks: list[partial[Descriptor | Invalid | None]]) -> list[Descriptor | Invalid | None]:
        return run_all(tasks, jobs=_QUESTIONS, cancel=self._cancel)


def _settled(seen: SettleObservation) -> str:
    many = len(seen.gone)
    gone = f"{many} manifest{' is' if many == 1 else 's are'} gone"
    if not seen.empty:
        return f"{gone}, every tag leads somewhere"
    more = f" and {len(seen.empty) - 1} more" if len(seen.empty) > 1 else ""
    return f"{gone}; `{seen.empty[0]}`{more} led nowhere already"


def _resolve(repository: Repository, name: str) -> Descriptor | Invalid | None:
    try:
        return repository.resolve(name)
    except Invalid as error:
        return error


def _leads_to(repository: Repository, name: str, digest: str) -> bool:
    found = _resolve(repository, name)
    return isinstance(found, Descriptor) and found.digest == digest


def _missing(repository: Repository, top: str, gone: frozenset[str]) -> list[str]:
    """The digests of `gone` that the image `top` needs. Children come first, so that an index can be put after them."""
    found: list[str] = []
    waiting = [(top, 0)]
    while waiting:
        digest, depth = waiting.pop()
        if digest in gone:
            found.insert(0, digest)
            continue
        try:
            manifest = repository.manifest(digest)
        except NotFound:
            continue
        if depth < _DEEPEST:
            waiting += [(child.digest, depth + 1) for child in manifests_in(manifest)]
    return found
