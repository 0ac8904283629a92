"""Reads a log once, oldest entry first, and keeps what the page shows, in memory that does not grow with the log.

The entries of a release stand near to one another, so a release is folded when nothing was said of it for a while. A
release about which more entries come later is folded again from all its entries, which the index finds.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable

from release.lazy_pattern import pattern
from release.log import Entry
from release.log.answers.deployments import Deployment, deployment_of
from release.log.catalog.terms import OF_RELEASE, STATUS_KINDS
from release.log.fold import Folding, fold
from release.log.page.lanes import MovingTags
from release.log.page.rows import Row, plain_row, row_of
from release.log.page.spool import Spool
from release.log.records.entry_members import SETS_TAGS, tags_set
from release.log.records.members import text_of
from release.log.state import ReleaseState
from release.log.yanked import YankFold, Yanks

# The form of times in a log, quicker to see than it is to read them as times. Anybody who may write can write others.
_TIME = pattern(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3])(?::[0-5]\d){2}\.\d{3}Z", re.ASCII
)
# Entries after which a release without new ones is folded. The runs of a few hundred components at once write fewer
# between the first and the last entry of one release. Held entries take 3 KB each.
_QUIET = 2000
# Entries between two looks at the releases that wait for more.
_EVERY = 32


class Reading:
    """What the page shows of the entries that were added.

    `release`: folds all entries of a release, by its key.
    """

    def __init__(self, release: Callable[[str], ReleaseState | None]) -> None:
        self._release = release
        self._open: OrderedDict[str, list[Entry]] = OrderedDict()
        self._statuses = Folding()
        self.spool = Spool()
        self.tags = MovingTags()
        self._yanks = YankFold()
        #: The last deployment of each project in each environment.
        self.running: dict[tuple[str, str], Deployment] = {}
        #: The latest time of an entry.
        self.last_at = ""

    def read(self, entries: Iterable[Entry]) -> None:
        """Add all entries, oldest first."""
        for entry in entries:
            self._add(entry)
        while self._open:
            self._close()
        for key in self.spool.incomplete():
            if (state := self._release(key)) is not None:
                self.spool.replace(key, row_of(state))
        self.statuses = self._statuses.result().statuses

    def _add(self, entry: Entry) -> None:
        fields = entry.fields
        kind, key, seq = text_of(fields, "kind"), text_of(fields, "release"), fields["seq"]
        at = text_of(fields, "at")
        if at > self.last_at and _TIME.fullmatch(at):
            self.last_at = at
        if kind in OF_RELEASE and key:
            if key in self._open:
                self._open[key].append(entry)
                self._open.move_to_end(key)
            else:
                self._open[key] = [entry]
        elif kind in STATUS_KINDS:
            self._statuses.add(fields)
            self._yanks.add(entry)
        elif kind == "deployed":
            one = deployment_of(entry)
            self.running[one.environment, one.project] = one
        if kind in SETS_TAGS and (kind not in OF_RELEASE or key):
            self.tags.add(fields)
        if kind == "promoted":
            self._promoted(entry)
        if seq % _EVERY == 0:
            while self._open and next(iter(self._open.values()))[-1].fields["seq"] < seq - _QUIET:
                self._close()

    def _promoted(self, entry: Entry) -> None:
        project, digest = text_of(entry.fields, "project"), text_of(entry.fields, "digest")
        for target, tag, _ in tags_set(entry.fields):
            self.spool.promote(project, digest, f"{target}:{tag}")

    def _close(self) -> None:
        key, entries = self._open.popitem(last=False)
        row = plain_row([one.fields for one in entries])
        if row is None and (state := fold(entries).release(key)) is not None:
            row = row_of(state)
        if row is not None:
            self.spool.add(key, row)

    @property
    def yanks(self) -> Yanks:
        """The yanks in force."""
        return self._yanks.yanks

    def row(self, key: str) -> Row | None:
        """The row of a release."""
        return self.spool.row(key)
