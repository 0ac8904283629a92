"""The released versions of a project for the guard of moving tags: the highest, a certain one, how many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from release.log.catalog.catalog import Catalog
from release.log.catalog.claims import of_release
from release.log.catalog.ranks import LAST, line_start, rank_of, version_start
from release.log.catalog.tables import Released
from release.log.chain import stored
from release.log.fold import fold
from release.log.records.members import text_of
from release.log.state import BETWEEN_RELEASES, rebuild_name
from release.tagging.model import KnownVersion, Line
from release.versions.model import Scheme, Version
from release.versions.semver import Key, precedence_key, version_of_name

# A reentrant lock.
Lock = AbstractContextManager[Any]

# Rows of one query for the highest version. More than one is needed where the highest was taken back.
_PAGE = 20


class RecordedVersions:
    """The versions that the log has as released by `project`, read by `scheme`.

    The index proposes a version; the entries of its release, which are verified, decide.
    """

    def __init__(self, catalog: Catalog, lock: Lock, project: str, scheme: Scheme) -> None:
        self._catalog = catalog
        self._lock = lock
        self._project = project
        self._scheme = scheme

    def highest(self, line: Line, is_out: Callable[[Version, int], bool]) -> KnownVersion | None:
        """The highest version of the line that is not `is_out` (taken back, or a pre-release)."""
        low = line_start(line.major, line.minor)
        with self._lock:
            found = [
                top
                for channel in _channels(line)
                if (top := next(self._sound(self._ranked(channel, low, low + LAST), is_out), None))
                is not None
            ]
        return max(found, key=_rank, default=None)

    def of(self, version: Version) -> tuple[KnownVersion, ...]:
        """The builds of a version."""
        low, channel = version_start(version), version.prerelease.split(".", 1)[0]
        with self._lock:
            found = tuple(self._sound(self._ranked(channel, low, low + LAST), _never))
        return tuple(one for one in found if one.version == version)

    def every(self, above: Version | None = None) -> tuple[KnownVersion, ...]:
        """Every build of every version, in no order; with `above` those of lower versions are left out.

        Only what the index lists is read, and not each release.
        """
        low = version_start(above) if above is not None else ""
        with self._lock:
            behind = [one for _, one in self._all_behind() if one.rank >= low]
            lost = {
                str(stored(line).fields.get("release")) for line in self._catalog.tail if b'"lost":' in line
            }
            index = self._catalog.index
            rows = index.all_released(self._project, low) if index is not None else []
            kept = [one for one in rows if one.release not in lost]
            doubtful = [one for one in rows if one.release in lost]
            found = [*kept, *behind]
            known = [one for row in found if (one := self._known(row)) is not None]
            return (*known, *self._sound(iter(doubtful), _never))

    def _known(self, row: Released) -> KnownVersion | None:
        read = version_of_name(rebuild_name(row.version, row.rebuild), self._scheme)
        if read is None:
            return None
        return KnownVersion(version=read[0], rebuild=read[1], source="log", commit=row.commit)

    def count(self, line: Line) -> int:
        """About how many versions the line has; builds of one version count as several."""
        low, index = line_start(line.major, line.minor), self._catalog.index
        with self._lock:
            behind = [one for channel in _channels(line) for one in self._behind(channel, low, low + LAST)]
            if index is None:
                return len(behind)
            ranges = [(self._project, channel, low, low + LAST) for channel in _channels(line)]
            key = ("count", *ranges)
            if key not in self._catalog.memory:
                self._catalog.memory[key] = sum(index.count_released(*one) for one in ranges)
            return int(self._catalog.memory[key]) + len(behind)

    def _sound(
        self, rows: Iterator[Released], is_out: Callable[[Version, int], bool]
    ) -> Iterator[KnownVersion]:
        """The rows that the entries of their releases bear out."""
        for row in rows:
            read = version_of_name(rebuild_name(row.version, row.rebuild), self._scheme)
            if read is None or is_out(*read):
                continue
            state = fold(of_release(self._catalog, row.release)).release(row.release)
            if (
                state is not None
                and state.state == "released"
                and not state.between_releases
                and (state.project, state.version, state.rebuild) == (self._project, row.version, row.rebuild)
            ):
                yield KnownVersion(version=read[0], rebuild=read[1], source="log", commit=state.commit)

    def _ranked(self, channel: str, low: str, high: str) -> Iterator[Released]:
        """Proposed versions with ranks from `low` to `high`, highest first."""
        behind = self._behind(channel, low, high)
        seen = {one.release for one in behind}
        for row in self._indexed(channel, low, high):
            while behind and behind[0].rank >= row.rank:
                yield behind.pop(0)
            if row.release not in seen:
                yield row
        yield from behind

    def _indexed(self, channel: str, low: str, high: str) -> Iterator[Released]:
        index, offset = self._catalog.index, 0
        while index is not None:
            rows = index.released(self._project, channel, low, high, limit=_PAGE, offset=offset)
            yield from rows
            if len(rows) < _PAGE:
                return
            offset += len(rows)

    def _behind(self, channel: str, low: str, high: str) -> list[Released]:
        """Versions that were released behind the index, highest first."""
        return [one for of, one in self._all_behind() if of == channel and low <= one.rank <= high]

    def _all_behind(self) -> list[tuple[str, Released]]:
        key = ("released", self._project)
        if key not in self._catalog.memory:
            self._catalog.memory[key] = self._released_behind()
        found: list[tuple[str, Released]] = self._catalog.memory[key]
        return found

    def _released_behind(self) -> list[tuple[str, Released]]:
        keys = {}
        for line in self._catalog.tail:
            # Decoding every line would take longer than all that follows.
            if b'"kind":"released"' in line and (fields := stored(line).fields).get("kind") == "released":
                keys[text_of(fields, "release")] = text_of(fields, "project")
        found = []
        for release, project in keys.items():
            state = (
                fold(of_release(self._catalog, release)).release(release)
                if project == self._project
                else None
            )
            if state is None or state.state != "released" or state.channel in BETWEEN_RELEASES:
                continue
            rank = rank_of(state.name)
            if rank is not None:
                row = Released(state.version, state.rebuild, state.commit, rank.text, release)
                found.append((rank.channel, row))
        return sorted(found, key=lambda one: one[1].rank, reverse=True)


def _channels(line: Line) -> tuple[str, ...]:
    """The channels whose versions a line has: stable ones, and those of its own channel."""
    return ("",) if line.channel is None else ("", line.channel)


def _rank(one: KnownVersion) -> tuple[Key, int]:
    return precedence_key(one.version), one.rebuild


def _never(version: Version, rebuild: int) -> bool:
    del version, rebuild
    return False
