"""Checks the copies of the version log that `log:` names after the first store.

Each copy has to be a whole chain, and the beginning of the first store's log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from release.app.log.verify_report import CopyFinding, CopyReport
from release.errors import LogCorrupt, LogError, LogUnavailable, RefusedError
from release.log import Entry, Head, LogStore
from release.log.anchor import anchor_text
from release.log.chain import head_of
from release.log.torn import MayTear, Torn


class ReadCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of the log, read from its first to its last entry. `error`: why it could not be read to its end."""

    store: LogStore
    head: Head = Head()
    error: LogError | None = None
    torn: tuple[Torn, ...] = ()


def read_whole(store: LogStore) -> tuple[Head, tuple[Torn, ...]]:
    """Read and verify every entry of a store; returns its head and its torn appends. Raises `LogError`."""
    last: Entry | None = None
    for entry in store.read():
        last = entry
    head = head_of(last) if last is not None else Head()
    require_head(store, head.seq + 1)
    return head, store.torn() if isinstance(store, MayTear) else ()


def require_head(store: LogStore, count: int) -> None:
    """Raise `LogCorrupt` if a store with `count` entries says that an earlier one is its last."""
    if (head := store.head()).seq < count - 1:
        raise LogCorrupt(
            f"version log `{store.name}` has {count} entries, and its head says that entry {head.seq} is the last",
            hint="somebody changed the head: restore the log from a copy; nothing was changed",
        )


def read_copies(stores: Sequence[LogStore]) -> tuple[ReadCopy, ...]:
    """Read every copy. An error of one is in its result.

    Call it before the first store is read: every append goes there first, so that a copy which has more entries than
    were read afterwards has entries that the first store lost.
    """
    found = []
    for store in stores:
        try:
            head, torn = read_whole(store)
        except LogError as error:
            found.append(ReadCopy(store=store, error=error))
        else:
            found.append(ReadCopy(store=store, head=head, torn=torn))
    return tuple(found)


def with_whole_copy(error: LogCorrupt, copies: Sequence[ReadCopy]) -> LogCorrupt:
    """`error` of the first store, with a hint that names a whole copy if there is one."""
    longest = max((one for one in copies if one.error is None), key=lambda one: one.head.seq, default=None)
    if longest is None or longest.head.seq < 0:
        return error
    return LogCorrupt(
        error.message,
        hint=f"its copy `{longest.store.name}` is whole and has {longest.head.seq + 1} entries: move the damaged log "
        "away, and copy that one in its place with `shipmark log copy --from STORE --to STORE`",
    )


def compared(copy: ReadCopy, head: Head, hashes: Mapping[int, str]) -> CopyReport:
    """Compare a copy with the first store's log. `head`: of that. `hashes`: hash of the entry at the copy's head."""
    name = copy.store.name
    if copy.error is not None:
        finding: CopyFinding = "corrupt" if isinstance(copy.error, LogCorrupt) else "unknown"
        return CopyReport(log=name, finding=finding, detail=copy.error.message, hint=copy.error.hint or "")
    count = copy.head.seq + 1
    report = CopyReport(log=name, entries=count, head=anchor_text(copy.head), finding="same", torn=copy.torn)
    lacks = head.seq - copy.head.seq
    if lacks < 0:
        return _longer(copy, report, head)
    if count and hashes.get(copy.head.seq) != copy.head.hash:
        return _differs(report)
    if lacks == 0:
        return report
    detail = f"it lacks {_entries(lacks)} at the end, which the next append to the log copies"
    return msgspec.structs.replace(report, finding="behind", detail=detail)


def _longer(copy: ReadCopy, report: CopyReport, head: Head) -> CopyReport:
    """A copy with more entries than the log: which has lost some, if the copy goes on from its end."""
    try:
        same = head.seq < 0 or head_of(next(iter(copy.store.read(head.seq - 1)))) == head
    except LogError as error:
        return msgspec.structs.replace(report, finding="unknown", detail=error.message)
    if not same:
        return _differs(report)
    detail = f"it goes on for {_entries(copy.head.seq - head.seq)} behind the log, which lost them"
    return msgspec.structs.replace(report, finding="ahead", detail=detail)


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _differs(report: CopyReport) -> CopyReport:
    return msgspec.structs.replace(
        report, finding="differs", detail="its entries are not the beginning of the log"
    )


def require_copies(log: str, copies: Sequence[CopyReport]) -> None:
    """Raise the error of the first copy that is not the log's beginning. `log`: the first store's name.

    A copy that is behind has no error: it is best effort, and the next append completes it.
    """
    again = "move it away: the next append to the log makes it anew"
    for one in copies:
        match one.finding:
            case "ahead":
                raise LogCorrupt(
                    f"version log `{log}` is cut off: its copy `{one.log}` has {one.entries} entries, and goes on "
                    "behind the log's last one",
                    hint=f"copy the entries back with `shipmark log copy --from STORE --to STORE`, from `{one.log}`",
                )
            case "corrupt":
                raise LogCorrupt(f"a copy of version log `{log}` is damaged: {one.detail}", hint=again)
            case "differs":
                raise RefusedError(
                    f"copy `{one.log}` of version log `{log}` is another log: {one.detail}",
                    hint=f"see with `shipmark log export` which one is right; if it is not the copy, {again}",
                )
            case "unknown":
                raise LogUnavailable(
                    f"a copy of version log `{log}` cannot be read: {one.detail}",
                    hint=one.hint or "run again when it answers",
                )
