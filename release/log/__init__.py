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
    """Compare-and-swap lost: the log's head is no longer `expected`. The writer reads on and tries again."""


class LogStore(Protocol):
    """Where the lines are. Stores know bytes and the head; records, ids and chains are the writer's."""

    @property
    def name(self) -> str:
        """How messages call it: `.shipmark/log.jsonl`, `refs/shipmark/log at origin`. Holds no credential."""

    @property
    def local(self) -> bool:
        """Whether the log lives in this workspace, and goes when it is wiped."""

    def head(self) -> Head:
        """The end as it is now; verifies nothing but the last line."""

    def read(self, after: int = -1) -> Iterator[Entry]:
        """Entries with `seq` above `after`, in order, each checked against its hash and its predecessor.

        Raises `LogCorrupt` naming the position. A torn last line is not an entry.
        """

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        """Append the batch durably or not at all, if the head is still `expected`; else raises `HeadMoved`.

        An empty batch makes what is there durable, whoever wrote it. `lines` are without newlines, as they were
        sealed or read from another log.
        Raises `LogError` when it cannot be written, also when the outcome is unknown (`read` settles it).
        """

    def check_writable(self) -> None:
        """Raise `LogError` unless an append would be accepted; changes no entry."""


@runtime_checkable
class Exclusive(Protocol):
    """What a store has besides where writers can queue: whoever lost a race waits for its turn, then wins."""

    def turn(self) -> AbstractContextManager[None]:
        """Nobody else appends while the body reads and appends; what it appended counts when it ends."""


@runtime_checkable
class PendingStore(Protocol):
    """What a store has besides where losing a race is slow: parked facts, which whoever appends next takes along."""

    def park(self, facts: Sequence[Mapping[str, Any]]) -> None:
        """Put facts where the next writer finds them. Best effort."""

    def parked(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """Facts that wait, by name, as of the last `read`."""

    def unpark(self, names: Sequence[str]) -> None:
        """Remove what need not wait any longer. Best effort."""


class LogWriter(Protocol):
    """Appends facts: numbers, chains and deduplicates them by `id` over any store."""

    def append(self, facts: Sequence[dict[str, Any]]) -> tuple[Entry, ...]:
        """The entries that now hold these facts (those that were there already included), durable."""

    def entries(self) -> Sequence[Entry]:
        """Every entry, verified; read on from where the last call stopped."""

    def find(self, identity: str) -> Entry | None:
        """The entry with this `id`, after reading on. It may not be durable yet; `append` of its fact makes it so."""

    @property
    def head(self) -> Head:
        """The end that this writer knows."""

    @property
    def store(self) -> LogStore:
        """Where the lines are."""
