"""What tags held over time, by the entries that set them, which are found through the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from release.log import Entry
from release.log.catalog.catalog import Catalog
from release.log.catalog.claims import of_release, sets_tag
from release.log.catalog.terms import tag_term
from release.log.fold import fold
from release.log.questions import TagHistory, TagThen
from release.log.records.entry_members import tags_set
from release.log.records.members import Fields, text_of
from release.log.state import TagHold


class NewestHolds(NamedTuple):
    """The newest digests that the tags of some targets held, and whether there are older ones."""

    tags: tuple[TagHistory, ...]
    is_whole: bool


class TagHolds:
    """Answers about tags. The caller holds the lock of the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def last(self, target: str, tag: str) -> TagHold | None:
        """What the tag of the target holds; None if it never had the tag."""
        return next(self._holds(target, tag), None)

    def moved_off(self, target: str, tag: str, digest: str | None) -> int | None:
        """The position of the last entry that sets the tag, if it sets or leaves something else than `digest`."""
        entry = next(self._setting(target, tag), None)
        return None if entry is None or _digest(target, tag, entry.fields) == digest else entry.seq

    def newest(self, tag: str, newest: int | None) -> NewestHolds:
        """The digests that `tag` held, at most the `newest` of each target.

        `tag`: `latest`, or `ghcr.io/acme/app:latest` for one target.
        """
        found, is_whole = [], True
        for target, name in self.named(tag):
            holds = list(islice(self._holds(target, name), None if newest is None else newest + 1))
            is_whole = is_whole and (newest is None or len(holds) <= newest)
            if holds:
                found.append(TagHistory(target=target, tag=name, holds=tuple(holds[:newest][::-1])))
        found.sort(key=lambda one: self._first(one.target, one.tag))
        return NewestHolds(tags=tuple(found), is_whole=is_whole)

    def at(self, tag: str, time: str) -> tuple[TagThen, ...]:
        """The digest that `tag` held at `time` (see `timestamps.moment`), for each target where it held one."""
        found = []
        for target, name in self.named(tag):
            hold = self._hold_at(target, name, time)
            if hold is not None and hold.digest:
                until = self._end(target, name, hold)
                found.append(TagThen(target=target, tag=name, hold=hold, until=until))
        return tuple(sorted(found, key=lambda one: self._first(one.target, one.tag)))

    def _hold_at(self, target: str, tag: str, time: str) -> TagHold | None:
        """The last hold, in the log's order, that began until `time`. Clocks differ, so times do not order entries."""
        for entry in self._setting(target, tag, time=time):
            if text_of(entry.fields, "at") > time:
                continue
            before = next(self._setting(target, tag, before=entry.seq), None)
            if before is None or _digest(target, tag, before.fields) != _digest(target, tag, entry.fields):
                return self._hold(target, tag, entry)
        return None

    def _end(self, target: str, tag: str, hold: TagHold) -> str | None:
        """When the hold ended; None if the tag holds the digest still."""
        term, wanted = tag_term(target, tag), partial(sets_tag, target, tag)
        for entry in self._catalog.following_with_text(term, hold.seq, wanted):
            if _digest(target, tag, entry.fields) != hold.digest:
                return text_of(entry.fields, "at")
        return None

    def _first(self, target: str, tag: str) -> int:
        """The position of the first entry that sets the tag."""
        found = self._catalog.following_with_text(tag_term(target, tag), -1, partial(sets_tag, target, tag))
        return next(found).seq

    def _setting(
        self, target: str, tag: str, *, before: int | None = None, time: str | None = None
    ) -> Iterator[Entry]:
        """The entries that set the tag or remove it, newest first; see `Catalog.newest_with_text`."""
        wanted = partial(sets_tag, target, tag)
        return self._catalog.newest_with_text(tag_term(target, tag), wanted, before=before, time=time)

    def named(self, tag: str) -> list[tuple[str, str]]:
        """The target and tag that `tag` may name: `latest` on every target, or `ghcr.io/acme/app:latest`."""
        _, _, name = tag.rpartition(":")
        targets = sorted(self._catalog.names("target"))
        return [(target, name) for target in targets if tag in (name, f"{target}:{name}")]

    def _holds(self, target: str, tag: str) -> Iterator[TagHold]:
        """The digests that the tag held, newest first."""
        # An entry that sets the digest that the tag has already begins nothing.
        begun: Entry | None = None
        for entry in self._setting(target, tag):
            if begun is not None and _digest(target, tag, entry.fields) != _digest(target, tag, begun.fields):
                yield self._hold(target, tag, begun)
            begun = entry
        if begun is not None:
            yield self._hold(target, tag, begun)

    def _hold(self, target: str, tag: str, entry: Entry) -> TagHold:
        """The hold that begins with `entry`; its version stands in the newest plan of its release before it."""
        key = text_of(entry.fields, "release")
        plans = [
            one for one in of_release(self._catalog, key) if one.kind == "planned" and one.seq < entry.seq
        ]
        return fold([*plans[-1:], entry]).holds[target, tag][-1]


def _digest(target: str, tag: str, fields: Fields) -> str:
    """The digest that an entry gives the tag; `""` if it removes it."""
    return [digest for of, name, digest in tags_set(fields) if (of, name) == (target, tag)][-1]
