"""The version log: append-only events behind one Protocol of stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import msgspec

SCHEMA = "shipmark.log/1"
# Bytes of one stored line.
# Enough for an image of a thousand platforms (about 120 bytes each).
# Bounds the memory of readers, which hold a whole line, and of `FileStore.head`, which reads this much of the file.
LINE_LIMIT = 256 * 1024


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a log: `seq` and `hash` of its last entry; -1 and 64 zeros for an empty log."""

    seq: int = -1
    hash: str = "0" * 64


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One stored line: its `raw` bytes without the newline, and its fields as plain JSON values."""

    raw: bytes
    fields: dict[str, Any]

    @property
    def seq(self) -> int:
        """The entry's position in the log, counted from 0."""
        return int(self.fields["seq"])

    @property
    def kind(self) -> str:
        """The entry's kind: `planned`, `built`, `pushed`, `released` and others; `""` if the member is missing."""
        return str(self.fields.get("kind", ""))


class HeadMoved(Exception):
    """Raised by `append` when the log's head is not `expected`. The writer then reads the new entries and retries."""


class LogStore(Protocol):
    """Stores the lines of a log. A store handles bytes and the head; `LogWriter` makes records, ids and the chain."""

    @property
    def name(self) -> str:
        """The store's name in messages, without credentials: `.shipmark/log.jsonl`, `refs/shipmark/log at origin`."""

    @property
    def local(self) -> bool:
        """Whether the log is stored only on this machine, so that wiping a CI workspace may delete it."""

    def head(self) -> Head:
        """Return the present end of the log. Only `read` verifies the whole chain."""

    def read(self, after: int = -1) -> Iterator[Entry]:
        """Yield entries with `seq` above `after`, in order, each checked against its hash and its predecessor.

        Raises `LogCorrupt` naming the position. An append at the log's end that a crash cut short is skipped.
        """

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        """Append `lines` durably; raise `HeadMoved` unless the log's head is `expected`.

        `lines`: without newlines, sealed or read from another log. The lines of one batch are all appended or none.
        An empty `lines` makes existing entries durable, which a killed writer may have left without fsync.
        Raises `LogError` when nothing can be written, and when the outcome is unknown: then `read` shows whether the
        lines were appended.
        """

    def check_writable(self) -> None:
        """Raise `LogError` unless an append would be accepted; changes no entry."""


@runtime_checkable
class Exclusive(Protocol):
    """Optional capability of a store: writers queue. A writer that lost a race waits for its turn and then appends."""

    def turn(self) -> AbstractContextManager[None]:
        """Keep other writers out while the body reads and appends; entries are committed when the body ends."""


@runtime_checkable
class PendingStore(Protocol):
    """Optional capability of a store with slow retries: facts are parked there, and the next writer appends them."""

    def park(self, facts: Sequence[Mapping[str, Any]]) -> None:
        """Store facts for the next writer. Best effort: callers ignore errors."""

    def parked(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """Return parked facts by their names in the store, as the latest `read` found them."""

    def unpark(self, names: Sequence[str]) -> None:
        """Remove parked facts that are in the log or contradict it. Best effort: callers ignore errors."""


class LogWriter(Protocol):
    """Appends facts: numbers, chains and deduplicates them by `id` over any store."""

    def append(self, facts: Sequence[dict[str, Any]]) -> tuple[Entry, ...]:
        """Append the facts that the log lacks; return the durable entries that hold all of `facts`, in their order.

        Raises `TagConflict` for a fact that contradicts the log, and `LogError`.
        """

    def append_at(self, facts: Sequence[dict[str, Any]], head: Head) -> bool:
        """Append the missing facts if the log's head is `head`; return False, with nothing written, if it is another.

        For facts that a new entry may make wrong. After False, `head` is the new end. Raises as `append`.
        """

    def entries(self) -> Sequence[Entry]:
        """Return every entry, verified. Only entries that this writer has not read yet are read from the store."""

    def of_release(self, key: str) -> Sequence[Entry]:
        """Read new entries; return those of the release, oldest first."""

    def find(self, fact: dict[str, Any]) -> Entry | None:
        """Read new entries; return the entry that holds the fact, or None.

        The entry may not be durable yet: appending its fact again makes it durable.
        """

    @property
    def head(self) -> Head:
        """The log's end as of the last read or append."""

    @property
    def store(self) -> LogStore:
        """The store that holds the lines."""
