"""Copies a log to another store byte for byte, and copies each append to mirrors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from release.errors import LogCorrupt, LogError, RefusedError
from release.log import Entry, Head, HeadMoved, LogStore
from release.log.chain import head_of
from release.log.jsonl import batch_of

# Entries in one append to the target.
# Each append is a push (git) or a transaction (SQL), so fewer entries would cost more round trips.
# More entries would mean more repeated work after an interruption.
_CHUNK = 200


def copy(source: LogStore, target: LogStore, *, progress: Callable[[int], None] | None = None) -> int:
    """Append the entries of `source` that `target` lacks; returns their number. An interrupted copy can be repeated.

    `progress`: called with the number of entries copied so far. Raises `RefusedError` when the target's entries are not
    the beginning of the source's, so that two histories are never mixed.
    """
    copied = 0
    while True:
        have = target.head()
        _require_beginning(source, target, have)
        try:
            for chunk in _chunks(source.read(have.seq)):
                target.append([entry.raw for entry in chunk], have)
                have = head_of(chunk[-1])
                copied += len(chunk)
                if progress is not None:
                    progress(copied)
            return copied
        except HeadMoved as error:
            # Another copy, or a run with the target as its mirror, appended meanwhile: the rest is copied behind it.
            _require_moved(source, target, have, error)


def _require_moved(source: LogStore, target: LogStore, expected: Head, error: HeadMoved) -> None:
    """Raise `LogCorrupt` if nobody appended to the target: then it refuses the entries themselves."""
    if target.head() == expected:
        raise LogCorrupt(
            f"`{target.name}` refuses what follows entry {expected.seq} of `{source.name}`: an entry is there twice",
            hint="`shipmark log verify` checks the source",
        ) from error


def _require_beginning(source: LogStore, target: LogStore, have: Head) -> None:
    if have.seq < 0:
        return
    same = next((entry for entry in source.read(have.seq - 1)), None)
    if same is None or head_of(same) != have:
        raise RefusedError(
            f"`{target.name}` holds {have.seq + 1} entries that are not the beginning of `{source.name}`",
            hint="copy to an empty log, or copy in the other direction",
        )


def _chunks(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Entries in portions of at least `_CHUNK` (the last may be smaller); a batch is never split over two portions."""
    # A batch was appended to the source all or nothing, and a portion is appended to the target all or nothing: an
    # interrupted copy never leaves a part of a batch in the target.
    chunk: list[Entry] = []
    for entry in entries:
        chunk.append(entry)
        if len(chunk) >= _CHUNK and batch_of(entry)[1] == entry.seq:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class Mirrored:
    """A `LogStore` whose every append is copied to `mirrors`. Readers get the entries of `truth` only.

    A mirror that cannot be written, or that has other entries, causes a warning; the next append tries again to bring
    that mirror up to date. Errors of mirrors never make a release fail.
    """

    def __init__(self, truth: LogStore, mirrors: Sequence[LogStore], *, warn: Callable[[str], None]) -> None:
        self._truth = truth
        self._mirrors = tuple(mirrors)
        self._warn = warn

    @property
    def truth(self) -> LogStore:
        """The store that is read."""
        return self._truth

    @property
    def mirrors(self) -> tuple[LogStore, ...]:
        """The other stores, which get a copy of each entry."""
        return self._mirrors

    @property
    def name(self) -> str:
        """The name of the store that is read."""
        return self._truth.name

    @property
    def local(self) -> bool:
        """Whether the store that is read and all mirrors are local, so that no other machine has a copy."""
        return self._truth.local and all(mirror.local for mirror in self._mirrors)

    def head(self) -> Head:
        """The head of the store that is read."""
        return self._truth.head()

    def read(self, after: int = -1) -> Iterator[Entry]:
        """The entries of the store that is read; mirrors are not read."""
        return self._truth.read(after)

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        """Append to the store that is read, then bring the mirrors up to date; a mirror's error is only a warning."""
        self._truth.append(lines, expected)
        for mirror in self._mirrors:
            try:
                copy(self._truth, mirror)
            except (HeadMoved, LogError, RefusedError) as error:
                self._warn(f"mirror `{mirror.name}` was not written: {error}")

    def check_writable(self) -> None:
        """Check only the store that is read, since an error of a mirror does not make a release fail."""
        self._truth.check_writable()
