"""What moving tags held over time, kept small: 16 bytes for each change of a tag. Pure."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable

import msgspec

from release.lazy_pattern import pattern
from release.log.page.axis import Axis, moment_of
from release.log.records.entry_members import tags_set, without_rebuild
from release.log.records.members import Fields, dicts_of, text_of

#: Tags that the page shows, those that changed last.
SHOWN = 60
#: Percent of the axis: shorter stretches side by side become one, "several". A bar has some hundred pixels.
_SHORTEST = 1.0
_NUMBERS = pattern(r"v?(\d{1,9}(?:\.\d{1,9})*)", re.ASCII)


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A time from `start` to `end` (milliseconds since the epoch) in which a tag held one image, or `count` short ones.

    `seq`: of the entry that began the stretch; the entry names the image. `is_gone`: the tag was deleted.
    """

    start: int
    end: int
    seq: int
    count: int = 1
    is_gone: bool = False


class Lane(msgspec.Struct, kw_only=True):
    """A moving tag of a target. `changes`: pairs of a time and an entry's `seq`, or -1 - seq if it deletes the tag."""

    target: str
    tag: str
    project: str
    component: str
    digest: str | None = None
    changes: array[int] = msgspec.field(default_factory=lambda: array("q"))

    @property
    def last(self) -> int:
        """The `seq` of the newest change."""
        return _seq(self.changes[-1])

    @property
    def count(self) -> int:
        """How often the tag changed."""
        return len(self.changes) // 2

    @property
    def is_gone(self) -> bool:
        """Whether the tag does not exist now."""
        return not self.digest

    def since(self) -> int:
        """When the tag got what it holds."""
        return self.changes[-2]

    def newest(self, limit: int) -> list[Stretch]:
        """The newest changes, newest first. `end` of the newest one: its start."""
        count = self.count
        numbers = range(count - 1, max(-1, count - 1 - limit), -1)
        return [self._stretch(one, self.changes[min(2 * one + 2, 2 * count - 2)]) for one in numbers]

    def stretches(self, axis: Axis) -> list[Stretch]:
        """The bar of the tag on the axis, from the left; neighbours too short to be seen are one."""
        found: list[Stretch] = []
        for number in range(self.count):
            end = self.changes[2 * number + 2] if number + 1 < self.count else axis.end
            one = self._stretch(number, end)
            before = found[-1] if found else None
            # What the tag holds now is never lost in several.
            is_last = number + 1 == self.count
            if (
                before
                and not is_last
                and _is_short(axis, one)
                and (before.count > 1 or _is_short(axis, before))
            ):
                found[-1] = Stretch(
                    start=before.start,
                    end=max(before.end, one.end),
                    seq=before.seq,
                    count=before.count + one.count,
                )
            else:
                found.append(one)
        return found

    def _stretch(self, number: int, end: int) -> Stretch:
        start, seq = self.changes[2 * number], self.changes[2 * number + 1]
        # Clocks of different machines may disagree: an earlier change can have a later time.
        return Stretch(start=start, end=max(start, end), seq=_seq(seq), is_gone=seq < 0)


class MovingTags:
    """The moving tags of the entries that were added."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], Lane] = {}

    def add(self, fields: Fields) -> None:
        """Take an entry that says what tags hold (`entry_members.SETS_TAGS`)."""
        kind = text_of(fields, "kind")
        if kind == "pushed" and not self._has(fields):
            return
        for target, tag, digest in tags_set(fields):
            lane = self._lanes.get((target, tag))
            if lane is None:
                if not _moves(kind, tag, fields):
                    continue
                lane = self._lanes[target, tag] = Lane(
                    target=target,
                    tag=tag,
                    project=text_of(fields, "project"),
                    component=text_of(fields, "component"),
                )
            if digest != lane.digest:
                lane.digest = digest
                seq: int = fields["seq"]
                lane.changes.extend((moment_of(text_of(fields, "at")), seq if digest else -1 - seq))

    def _has(self, fields: Fields) -> bool:
        """Whether one of the tags that an entry sets is known: most entries set fixed tags only."""
        target = text_of(fields, "target")
        return any((target, text_of(tag, "name")) in self._lanes for tag in dicts_of(fields, "tags"))

    @property
    def count(self) -> int:
        """How many moving tags there are."""
        return len(self._lanes)

    def shown(self) -> list[Lane]:
        """The tags that changed last, by target: `latest`, then lines of versions from the highest, then others."""
        newest = sorted(self._lanes.values(), key=lambda lane: lane.last, reverse=True)[:SHOWN]
        return sorted(newest, key=_place)


def axis_start(lanes: Iterable[Lane], default: int) -> int:
    """The first known time at which one of the tags changed."""
    return min((lane.changes[0] for lane in lanes if lane.changes[0] > 0), default=default)


def _seq(number: int) -> int:
    return number if number >= 0 else -1 - number


def _is_short(axis: Axis, one: Stretch) -> bool:
    return axis.place(one.end) - axis.place(one.start) < _SHORTEST


def _moves(kind: str, tag: str, fields: Fields) -> bool:
    """Whether an entry makes a tag a moving one: a promotion gives fixed tags, too, which are the version's name."""
    if kind == "promoted":
        return without_rebuild(tag) != text_of(fields, "version").replace("+", "_")
    return kind == "moved"


def _place(lane: Lane) -> tuple[object, ...]:
    version = _NUMBERS.fullmatch(lane.tag)
    numbers = tuple(-int(one) for one in version[1].split(".")) if version else ()
    return (
        *(lane.project, lane.component, lane.target),
        *(lane.tag != "latest", version is None, numbers, lane.tag),
    )
