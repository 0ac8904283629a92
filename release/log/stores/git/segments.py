"""Copies of a git log's older entries in portions, each under a ref of its own: `refs/shipmark/segments/LOG/NUMBER`.

A runner without a copy of the log needs a commit, a tree and a blob for each entry, which takes git seconds for a long
log. It fetches the newest commits and these portions instead. They are no second truth: the chain of hashes leads from
the newest commit back through each of their bytes, and whatever does not fit is read from the commits.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from release.errors import LogError
from release.lazy_pattern import pattern
from release.limits import MIB
from release.log import Entry, Head
from release.log.chain import head_of, verify_all
from release.log.stores.git.history import History, Place, blobs, read_entry
from release.log.stores.git.remote import GitRemote

#: Entries in a segment.
SIZE = 1024
_FETCHED = "refs/fetched-segments"
_FILE = "entries.jsonl.gz"
# A longer segment, unpacked, is not made: entries have less than a KiB usually, and 256 KiB at most.
_LONGEST = 16 * MIB
# Segments that one append makes. A log of an earlier version gets its segments by and by.
_AT_ONCE = 64
# What `for-each-ref` says of a segment: its commit, and of its subject the hashes before it and at its end.
_CLAIM = pattern(rf"([0-9a-f]+) {_FETCHED}/([0-9]+) entries [0-9]+ to [0-9]+, after (\w*), to (\w+)")


class Unfit(Exception):
    """Raised where segments are missing or do not lead to the log's newest commits. Users never see this exception."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """What the commit of a segment says. `prev`: hash of the entry before its first. `hash`: of its last entry."""

    number: int
    commit: str
    prev: str
    hash: str


class Segments:
    """The segments of the log at `ref`, in the private repository of `remote`, which the caller has locked.

    `size`: entries in a segment, the same in all versions.
    """

    def __init__(self, remote: GitRemote, history: History, ref: str, size: int = SIZE) -> None:
        self._remote = remote
        self._history = history
        self._size = size
        #: Commits that a new copy fetches: one segment may be missing yet, or be lost.
        self.newest = 2 * size + 1
        self._root = f"refs/shipmark/segments/{ref.removeprefix('refs/')}"
        # Number and commit of what the remote has; None unless this process has asked.
        self._there: dict[int, str] | None = None
        # Number, and commit if it has one, of segments that did not fit.
        self._doubted: dict[int, str] = {}

    @property
    def refspec(self) -> str:
        """What fetches all segments."""
        return f"+{self._root}/*:{_FETCHED}/*"

    def saw(self, refs: Mapping[str, str]) -> None:
        """Take over what a fetch of all segments found, so that `add` makes those that are missing."""
        start = f"{_FETCHED}/"
        names = {ref.removeprefix(start): commit for ref, commit in refs.items() if ref.startswith(start)}
        self._there = {int(name): commit for name, commit in names.items() if name.isdecimal()}

    def before(self, commits: Sequence[Place]) -> tuple[int, list[Segment]]:
        """The position of the first of `commits`, which are all that are here, and the segments of the entries before.

        Raises `Unfit` unless each segment leads to the next, as their commits say, and the last one to `commits`.
        """
        have = self._claims()
        first = self._fields(commits[0])
        count = -(-first["seq"] // self._size)
        end = count * self._size - 1
        # The last segment may hold some of the entries that have commits, too.
        expected = first["prev"] if end < first["seq"] else self._fields(commits[end - first["seq"]])["hash"]
        for number in reversed(range(count)):
            if number not in have or have[number].hash != expected:
                # Those before it led to this one, so nobody knows yet whether they are right.
                self._doubted = {one: have[one].commit if one in have else "" for one in range(number + 1)}
                raise Unfit
            expected = have[number].prev
        return first["seq"], [have[number] for number in range(count)]

    def entries(self, segment: Segment, head: Head) -> list[Entry]:
        """The verified entries of a segment, which follow entry `head`. Raises `Unfit`."""
        try:
            entries = list(verify_all(self._lines(segment.commit), head))
        except LogError as error:
            self._doubted = {segment.number: segment.commit}
            raise Unfit from error
        if len(entries) != self._size or head_of(entries[-1]).hash != segment.hash:
            self._doubted = {segment.number: segment.commit}
            raise Unfit
        return entries

    def add(self, before: Head, head: Head, tip: str) -> None:
        """Make the segments that became full between `before` and `head`, and those that were found missing or wrong.

        `tip`: the commit of `head`. Best effort: the next machine without a copy makes what is missing.
        """
        full = (head.seq + 1) // self._size
        begin = (before.seq + 1) // self._size if self._there is None else 0
        there = {number: commit for number, commit in self._doubted.items() if commit} | (self._there or {})
        wanted = sorted({*range(begin, full)} - there.keys() | self._doubted.keys())[:_AT_ONCE]
        if not wanted:
            return
        commits = self._history.behind(None, tip, newest=head.seq + 1 - wanted[0] * self._size)
        start = head.seq + 1 - len(commits)  # a copy that lacks older commits has fewer
        made = {}
        for number in wanted:
            behind = number * self._size - start
            commit = self._stored(number, commits[behind : behind + self._size] if behind >= 0 else ())
            if commit is not None and commit != there.get(number):
                made[number] = commit
        # A ref is never moved: a wrong one goes, and the right one takes its place.
        if wrong := made.keys() & there.keys():
            self._remote.push(*(f":{self._ref(number)}" for number in wrong))
        if made:
            self._remote.push(*(f"{commit}:{self._ref(number)}" for number, commit in made.items()))
        self._doubted = {number: there for number, there in self._doubted.items() if number not in wanted}
        if self._there is not None:
            self._there |= made

    def _claims(self) -> dict[int, Segment]:
        """What the segments in the private repository say of themselves, by number."""
        form = "--format=%(objectname) %(refname) %(contents:subject)"
        lines = self._remote.read("for-each-ref", form, _FETCHED).decode(errors="replace").split("\n")
        claims = [claim.groups() for line in lines if (claim := _CLAIM.fullmatch(line))]
        return {
            int(number): Segment(number=int(number), commit=commit, prev=prev, hash=end)
            for commit, number, prev, end in claims
        }

    def _stored(self, number: int, commits: Sequence[Place]) -> str | None:
        """The commit of a segment, which is equal for equal entries; None where these are not all of its commits."""
        lines = [line for line in self._history.lines(commits) if line is not None] if commits else []
        if len(lines) != self._size or sum(map(len, lines)) > _LONGEST:
            return None
        first, last = read_entry(lines[0]), read_entry(lines[-1])
        begin, end = number * self._size, (number + 1) * self._size - 1
        if first is None or last is None or (first.seq, last.seq) != (begin, end):
            return None
        text = b"".join([line + b"\n" for line in lines])
        subject = f"entries {begin} to {end}, after {first.fields['prev']}, to {last.fields['hash']}\n"
        return self._remote.store_commit(_FILE, gzip.compress(text, 6, mtime=0), None, subject, 0)

    def _fields(self, commit: Place) -> dict[str, Any]:
        """The fields of a commit's entry. Raises `Unfit` for what is none: reading all commits tells more."""
        entry = self._history.entry(commit)
        if entry is None:
            raise Unfit
        return entry.fields

    def _lines(self, commit: str) -> list[bytes]:
        """The lines of a segment; none if it has no readable ones."""
        packed = next(blobs(self._remote.contents([f"{commit}:{_FILE}"])), None)
        unpacking = zlib.decompressobj(wbits=31)
        try:
            return unpacking.decompress(packed or b"", 2 * _LONGEST).split(b"\n")[:-1]
        except zlib.error:
            return []

    def _ref(self, number: int) -> str:
        return f"{self._root}/{number:06d}"
