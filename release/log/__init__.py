"""The version log: append-only events behind one Protocol of stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import msgspec


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a log. `seq`: -1 and `hash`: 64 zeros when it is empty."""

    seq: int = -1
    hash: str = "0" * 64


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One stored line: its `raw` bytes without the newline, and its fields as plain JSON values."""

    raw: bytes
    fields: dict[str, Any]

    @property
    def seq(self) -> int:
        """Position, 0 first."""
        return int(self.fields["seq"])

    @property
    def kind(self) -> str:
        """`planned`, `built`, `pushed`, `released`, `moved`, `failed`, `cancelled`, `abandoned`, `yanked`, ..."""
        return str(self.fields.get("kind", ""))


class HeadMoved(Exception):
    """The compare-and-swap failed: the head is not `expected`. The writer reads the new entries and tries again."""


class LogStore(Protocol):
    """Keeps the lines of a log. A store knows bytes and the head; `LogWriter` makes records, ids and the chain."""

    @property
    def name(self) -> str:
        """Its name in messages: `.shipmark/log.jsonl`, `refs/shipmark/log at origin`. Holds no credential."""

    @property
    def local(self) -> bool:
        """Whether the log lies in this workspace, and is lost when that is wiped."""

    def head(self) -> Head:
        """The log's end now. Only the last line is verified."""

    def read(self, after: int = -1) -> Iterator[Entry]:
        """Entries with `seq` above `after`, in order, each checked against its hash and its predecessor.

        Raises `LogCorrupt` naming the position. A torn last line is not an entry.
        """

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        """Append all `lines` durably, or none; raise `HeadMoved` unless the head is `expected`.

        `lines`: without newlines, as they were sealed or read from another log. Without lines, entries that are
        there already are made durable, whoever wrote them.
        Raises `LogError` when nothing can be written, and when the outcome is unknown; `read` then tells.
        """

    def check_writable(self) -> None:
        """Raise `LogError` unless an append would be accepted; changes no entry."""


@runtime_checkable
class Exclusive(Protocol):
    """Optional capability of a store: writers queue. A writer that lost a race waits for its turn and then appends."""

    def turn(self) -> AbstractContextManager[None]:
        """Keep other writers out while the body reads and appends; its entries are committed when it ends."""


@runtime_checkable
class PendingStore(Protocol):
    """Optional capability of a store where a lost race is slow: facts are parked, and the next writer appends them."""

    def park(self, facts: Sequence[Mapping[str, Any]]) -> None:
        """Store facts for the next writer. Best effort: errors are ignored."""

    def parked(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """Parked facts by the name they are parked under, as of the last `read`."""

    def unpark(self, names: Sequence[str]) -> None:
        """Remove parked facts that were appended, or never can be. Best effort."""


class LogWriter(Protocol):
    """Appends facts: numbers, chains and deduplicates them by `id` over any store."""

    def append(self, facts: Sequence[dict[str, Any]]) -> tuple[Entry, ...]:
        """Append the facts that the log lacks; return the durable entries that hold all of `facts`, in their order."""

    def entries(self) -> Sequence[Entry]:
        """Every entry, verified. Only entries after the last call are read from the store."""

    def find(self, identity: str) -> Entry | None:
        """The entry with this `id`, new entries included. It may not be durable yet; appending its fact makes it so."""

    @property
    def head(self) -> Head:
        """The log's end as of the last read or append."""

    @property
    def store(self) -> LogStore:
        """The store that holds the lines."""
