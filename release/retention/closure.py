"""Which manifests belong together: an index and what it lists, a subject and what refers to it. Pure.

What a kept manifest needs or carries is kept with it; what only deleted manifests need is deleted after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from release.lazy_pattern import pattern
from release.oci.attached import is_attached, is_fallback
from release.retention.snapshot import Inventory

_ATTACHED_TO = pattern(r"(sha256|sha512)-([0-9a-f]{64,128})(?:\..*)?")


class Graph:
    """The references between the manifests of one repository.

    `holders`: manifest -> the manifests with which it goes: the indexes that list it, its subject, and for what a
    fallback tag or a tag of cosign names, the image that the tag is about.
    """

    def __init__(self, inventory: Inventory) -> None:
        self._there = inventory.manifests
        self.holders: dict[str, set[str]] = {digest: set() for digest in inventory.manifests}
        self._carried: dict[str, set[str]] = {}
        self.orphans: dict[str, str] = {}
        for digest, manifest in inventory.manifests.items():
            for child in self._listed(digest):
                self._hold(digest, child)
            if manifest.subject is not None:
                self._attach(manifest.subject, digest)
        # A shortened digest (sha512 has 128 digits, the tag 64) names the image that begins with it.
        by_tag = {_short(digest): digest for digest in inventory.manifests}
        self.lists: set[str] = set()
        for tag in sorted(inventory.tags, key=lambda one: one.name):
            if is_attached(tag.name) and tag.digest in self.holders:
                about = _subject_of(tag.name)
                about = by_tag.get(_short(about), about)
                # Digests cannot refer to each other in a circle, but such a tag may be set to anything.
                if tag.digest not in self._above(about):
                    self._attach(about, tag.digest)
                if is_fallback(tag.name):
                    self.lists.add(tag.digest)

    def _listed(self, digest: str) -> tuple[str, ...]:
        """What a manifest lists of the manifests that are there.

        Also those that an index lists under a type that is none of a manifest, such as one with a parameter: it would
        break without them, as every program finds them by their digest.
        """
        manifest = self._there[digest]
        return (*manifest.children, *(blob for blob, _ in manifest.blobs if blob in self._there))

    def _hold(self, holder: str, held: str) -> None:
        if held in self.holders:
            self.holders[held].add(holder)

    def _attach(self, subject: str, digest: str) -> None:
        if subject in self._there:
            self.holders[digest].add(subject)
            self._carried.setdefault(subject, set()).add(digest)
        else:
            self.orphans[digest] = subject

    def _above(self, digest: str) -> set[str]:
        """The digest, its holders, theirs, and so on."""
        found: set[str] = set()
        waiting = [digest]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.holders.get(one, ())
        return found

    def with_indexes(self, reasons: Mapping[str, str]) -> dict[str, str]:
        """`reasons`, by digest, and the same reason for every index that lists one of the digests, at any depth."""
        found: dict[str, str] = {}
        waiting = list(reasons.items())
        while waiting:
            digest, reason = waiting.pop()
            if digest in found:
                continue
            found[digest] = reason
            waiting += [
                (holder, reason)
                for holder in self.holders.get(digest, ())
                if digest in self._listed(holder) and holder not in self.lists
            ]
        return found

    def kept_with(self, kept: Iterable[str]) -> dict[str, str]:
        """Everything that stays because of `kept`: digest -> the digest because of which it stays."""
        found: dict[str, str] = {}
        waiting = [(digest, digest) for digest in kept]
        while waiting:
            digest, because = waiting.pop()
            if digest in found or digest not in self._there:
                continue
            found[digest] = because
            waiting += [(other, digest) for other in self._needed(digest)]
        return found

    def is_needed(self, digest: str, kept: Mapping[str, str]) -> bool:
        """Whether the digest would stay because of another one of `kept`."""
        seen = {digest}
        waiting = self._keepers(digest)
        while waiting:
            one = waiting.pop()
            if one in kept and one != digest:
                return True
            if one not in seen:
                seen.add(one)
                waiting += self._keepers(one)
        return False

    def _keepers(self, digest: str) -> list[str]:
        """The manifests of which `_needed` has the digest."""
        about = [one for one in self._carried.get(digest, ()) if self._there[one].subject == digest]
        return [*self.holders.get(digest, ()), *about]

    def _needed(self, digest: str) -> list[str]:
        """What a kept manifest keeps: what it lists, what is attached to it, and its own subject."""
        manifest = self._there[digest]
        # The index of a fallback tag lists referrers without needing them, but it stays only with its subject, whose
        # referrers stay too.
        subject = [] if manifest.subject is None else [manifest.subject]
        return [*self._listed(digest), *self._carried.get(digest, ()), *subject]

    def ordered(self, deleted: Mapping[str, object]) -> tuple[str, ...]:
        """The digests of `deleted`, each after all of its holders: an index first, then children, then referrers.

        A crash between two deletions then leaves manifests that nothing names, and never an index without a child.
        """
        ordered: dict[str, None] = {}
        for start in sorted(deleted):
            stack = [(start, False)]
            while stack:
                digest, ready = stack.pop()
                if digest in ordered:
                    continue
                if ready:
                    ordered[digest] = None
                    continue
                stack.append((digest, True))
                holders = self.holders[digest] & deleted.keys()
                stack += [
                    (holder, False) for holder in sorted(holders, reverse=True) if holder not in ordered
                ]
        return tuple(ordered)


def _subject_of(tag: str) -> str:
    found = _ATTACHED_TO.fullmatch(tag)
    return "" if found is None else f"{found[1]}:{found[2]}"


def _short(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"{algorithm}:{value[:64]}"
