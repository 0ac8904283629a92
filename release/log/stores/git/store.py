"""The version log as a git ref: one commit for each entry, appended by a push without force: a compare-and-swap.

A commit's tree holds only `entry.json`: the entry's bytes and a newline. A commit's parent is that of the entry before.
The entries of a long log are under refs of their own a second time: see `segments.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from release.errors import LogCorrupt, LogError
from release.log import Entry, Head, HeadMoved
from release.log.chain import head_of, verify_line
from release.log.stores.git.history import FILE, PORTION, History, Place, described
from release.log.stores.git.inbox import Inbox
from release.log.stores.git.outcome import Push
from release.log.stores.git.remote import GitRemote
from release.log.stores.git.segments import SIZE, Segments, Unfit

DEFAULT_REF = "refs/shipmark/log"
_FETCHED = "refs/fetched/log"
# Ends of the log that are kept besides the newest one, each with the commit that held it.
_EARLIER = 16
# The newest commit of the log that was verified, kept between runs: a fetched log without it was rewritten.
_SEEN = "refs/seen/log"


class GitStore:
    """A `LogStore` in a git remote. `name`: for messages, `refs/shipmark/log at origin`. `ref`: holds the log.

    `segment`: entries in a segment, the same for all that use the log. `stays_partial`: a private repository without
    the older commits stays as it is; otherwise the next process that uses it fetches them, so that this machine has
    what a remote may lose.
    """

    def __init__(
        self,
        remote: GitRemote,
        *,
        name: str,
        ref: str = DEFAULT_REF,
        segment: int = SIZE,
        stays_partial: bool = False,
    ) -> None:
        self._remote = remote
        self._name = name
        self._ref = ref
        self._tip: str | None = None
        self._head = Head()
        # Ends of the log before that one. A mirror, or a copy, asks again for the newest entries.
        self._earlier: deque[tuple[str | None, Head]] = deque(maxlen=_EARLIER)
        self._history = History(remote, name)
        self._segments = Segments(remote, self._history, ref, segment)
        self._stays_partial = stays_partial
        self._inbox = Inbox(remote)

    @property
    def name(self) -> str:
        """The store's name in messages."""
        return self._name

    @property
    def local(self) -> bool:
        """False: the log lies on the remote."""
        return False

    def head(self) -> Head:
        """See `LogStore.head`."""
        for _ in self.read(self._head.seq):
            pass
        return self._head

    def read(self, after: int = -1) -> Iterator[Entry]:
        """See `LogStore.read`."""
        with self._remote.exclusive():
            tip = self._fetch()
            base, head = self._before(after)
            commits = self._history.behind(base, tip)
            lacks_older = base is None and self._remote.is_shallow()
        # The lock is not held while the caller uses the entries: the caller may need it.
        if lacks_older and commits:
            commits, head = yield from self._older(commits, tip, after)
        for start in range(0, len(commits), PORTION):
            with self._remote.exclusive():
                entries = self._history.entries(commits[start : start + PORTION], head)
            head = head_of(entries[-1])
            yield from (entry for entry in entries if entry.seq > after)
        if tip != self._tip:
            with self._remote.exclusive():
                self._remember(tip, head)

    def _older(
        self, commits: list[Place], tip: str | None, after: int
    ) -> Generator[Entry, None, tuple[list[Place], Head]]:
        """Yield the entries above `after` that are before those of `commits`, and come out of segments.

        Returns the commits that are left to be read, and the entry before theirs.
        """
        head = Head()
        try:
            with self._remote.exclusive():
                first, segments = self._segments.before(commits)
            for segment in segments:
                with self._remote.exclusive():
                    entries = self._segments.entries(segment, head)
                entries = entries[: first - entries[0].seq]
                head = head_of(entries[-1])
                yield from (entry for entry in entries if entry.seq > after)
        except Unfit:
            with self._remote.exclusive():
                self._remote.fetch(f"+{self._ref}*:{_FETCHED}*", whole=True)
                commits = self._history.behind(None, tip)
                self._require_at(commits, head)
            return commits[head.seq + 1 :], head
        return commits, head

    def _require_at(self, commits: Sequence[Place], head: Head) -> None:
        """Raise `LogCorrupt` unless the log has entry `head`, which came out of a segment."""
        if head.seq < 0:
            return
        entry = self._history.entry(commits[head.seq]) if head.seq < len(commits) else None
        if entry is None or head_of(entry) != head:
            raise LogCorrupt(
                f"entry {head.seq} of version log `{self._name}` is another one in its segments than in its commits",
                hint="delete the refs below `refs/shipmark/segments` on the remote: they are made anew; then run again",
            )

    def _before(self, after: int) -> tuple[str | None, Head]:
        """The latest verified commit that is not behind entry `after`, and its entry; else the log's beginning."""
        known = ((self._tip, self._head), *reversed(self._earlier))
        return next((one for one in known if one[1].seq <= after), (None, Head()))

    def resume(self, head: Head, commit: str) -> bool:
        """Continue behind entry `head`, which an earlier process verified, and which `commit` holds; "" if unknown.

        Returns False, and changes nothing, unless the commit is part of the log that was verified last. The next read
        checks that the log on the remote continues that one.
        """
        with self._remote.exclusive():
            if not commit or not self._remote.succeeds("merge-base", "--is-ancestor", commit, _SEEN):
                return False
        self._tip, self._head = commit, head
        return True

    @property
    def folder(self) -> str:
        """The folder of the private repository, which differs for each log."""
        return self._remote.folder

    def commit_of(self, seq: int) -> str:
        """The commit of an entry that this process read or appended; "" for one that it read from a segment."""
        return self._history.commits.get(seq, "")

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        """See `LogStore.append`. How durable an entry is depends on the remote: many do not fsync by default."""
        if not lines:
            return
        if expected != self._head:
            raise HeadMoved
        with self._remote.exclusive():
            head, tip = expected, self._tip
            for line in lines:
                entry = verify_line(line, head)
                head = head_of(entry)
                tip = self._remote.store_commit(FILE, entry.raw + b"\n", tip, *described(entry))
                self._history.commits[head.seq] = tip
            (push,) = self._remote.push(f"{tip}:{self._ref}")
            if push.outcome == "race" and self._tip is None:
                self._require_shown()
            self._require_done(push)
            self._remember(str(tip), head)
            # The entries are in the log already, whatever becomes of their second place.
            with suppress(LogError):
                self._segments.add(expected, head, str(tip))

    def check_writable(self) -> None:
        """See `LogStore.check_writable`. Pushes a commit to the remote as a dry run."""
        push = self._inbox.probe()
        if push.outcome != "done":
            raise self._remote.failure(push)

    def park(self, facts: Sequence[Mapping[str, Any]]) -> None:
        """See `PendingStore.park`."""
        self._inbox.park(facts)

    def parked(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """See `PendingStore.parked`."""
        return self._inbox.parked()

    def unpark(self, names: Sequence[str]) -> None:
        """See `PendingStore.unpark`."""
        self._inbox.unpark(names)

    # The methods below run while this process holds the private repository's lock.

    def _fetch(self) -> str | None:
        # The `*` makes the ref a pattern: git fails for a missing ref, but not for a pattern that matches nothing.
        wanted = (f"+{self._ref}*:{_FETCHED}*", self._inbox.refspec)
        if self._remote.is_new:
            refs = self._remote.fetch(*wanted, self._segments.refspec, newest=self._segments.newest)
            self._segments.saw(refs)
            self._stays_partial = True  # in this process
        else:
            refs = self._remote.fetch(*wanted, whole=not self._stays_partial)
        self._inbox.saw(refs)
        tip, seen = refs.get(_FETCHED), refs.get(_SEEN)
        # The tip that this user's runs verified last, by whichever of them; `resume` may have begun before it.
        known = seen or self._tip
        if known is not None and tip != known and not self._continues(known, tip):
            how = (
                f"was rewritten: it ended with commit {known[:12]}, which {tip[:12]} does not continue"
                if tip
                else f"was deleted: it ended with commit {known[:12]}, and the remote no longer has the ref"
            )
            # Imported late: only a log that was rewritten needs it.
            from release.log.stores.git.completion import how_to_restore

            hint = how_to_restore(self._remote, self._history, self._segments, known, f"{_SEEN}:{self._ref}")
            raise LogCorrupt(f"version log `{self._name}` {how}", hint=hint)
        return tip

    def _require_shown(self) -> None:
        """Raise `LogError` if the remote has the log's ref, as it said of a push, and does not show it to a fetch."""
        if self._fetch() is None:
            raise LogError(
                f"version log `{self._name}` cannot be read: the remote has the ref, and hides it from fetches",
                hint="let this credential read the ref, or choose another with `log: {store: git, ref: "
                "refs/heads/shipmark-log}`",
            )

    def _continues(self, known: str, tip: str | None) -> bool:
        return tip is not None and self._remote.succeeds("merge-base", "--is-ancestor", known, tip)

    def _remember(self, tip: str | None, head: Head) -> None:
        self._earlier.append((self._tip, self._head))
        self._tip, self._head = tip, head
        if tip is not None:
            self._remote.read("update-ref", _SEEN, tip)

    def _require_done(self, push: Push) -> None:
        if push.outcome == "race":
            raise HeadMoved
        if push.outcome != "done":
            raise self._remote.failure(push)
