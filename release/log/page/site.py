"""Makes the page of a version log: one file with the newest releases, or a folder with all of them.

A page that is opened from a folder may not fetch files, but it may load scripts. So the releases of a folder are in
scripts that only call a function of the page with their text.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing

from release.log.answers.deployments import Deployment
from release.log.answers.scope import Scope
from release.log.catalog.view import LogView
from release.log.page import html
from release.log.page.axis import Axis, axis_over, moment_of
from release.log.page.bars import Held, TagBar
from release.log.page.html import ROWS, Assets, Document
from release.log.page.lanes import Lane, Stretch, axis_start
from release.log.page.lines import Cells, Lines, line_of
from release.log.page.markup import script_json
from release.log.page.reading import Reading
from release.log.page.rows import Row, later_of, states_of
from release.log.page.running_table import Running
from release.log.records.members import text_of
from release.log.yanked import yank_named

Mask = Callable[[str], str]

#: Releases in a page that is one file: 1.2 MB, as much as a mail program or a CI system shows without complaint.
IN_ONE_FILE = 5000
#: Releases in one file beside the page, 400 KB: one or two are loaded for a page of the table, all for a search.
PART = 2000
#: Environments in the page; a log of which every entry names another one stays readable.
_ENVIRONMENTS = 200
# Changes of a tag that the page lists as text. All of them are in its bar, and in `log history`.
_CHANGES = 8


class Site:
    """The page of the part of a log that `scope` covers.

    `assets`: the page's own files. `title`, `head`: its heading. `mask`: removes known secrets from a text.
    """

    def __init__(
        self, view: LogView, scope: Scope, assets: Assets, *, title: str, head: str, mask: Mask
    ) -> None:
        self._view = view
        self._assets = assets
        self._title = title
        self._head = head
        self._mask = mask
        self._reading = Reading(view.release)
        self._reading.read(view.of_scope(scope))
        self._lines = Lines()
        self._states: Counter[str] = Counter()
        self._channels: Counter[str] = Counter()
        self._newest: deque[Cells] = deque(maxlen=ROWS)

    def file(self) -> str:
        """The page as one file, with the newest releases only where there are many."""
        with closing(self._reading.spool):
            newest: deque[str] = deque(self._each(), maxlen=IN_ONE_FILE)
            return html.page(self._assets, self._document(listed=len(newest), lines=tuple(newest)))

    def files(self) -> Iterator[tuple[str, str]]:
        """The page and the files beside it, as relative paths and texts; the page is the last one."""
        with closing(self._reading.spool):
            part: list[str] = []
            number = 0
            for line in self._each():
                part.append(line)
                if len(part) == PART:
                    yield _part(number, part)
                    part, number = [], number + 1
            if part:
                yield _part(number, part)
            listed = sum(self._channels.values())
            yield "index.html", html.page(self._assets, self._document(listed=listed, lines=None))

    def _each(self) -> Iterator[str]:
        """The line of each release, oldest first; counts them meanwhile."""
        reading = self._reading
        runs = _by_image(reading.running)
        for row, promoted in reading.spool.rows():
            running = runs.get((row.project, row.digest), ()) if row.digest else ()
            later = later_of(row, reading.yanks, reading.statuses, promoted, running)
            cells = Cells(*self._mask(line_of(self._lines.cells(row, later))).split("\t"))
            self._states.update(states_of(row, later))
            self._channels[cells.channel] += 1
            self._newest.append(cells)
            yield line_of(cells)

    def _document(self, *, listed: int, lines: Sequence[str] | None) -> Document:
        reading = self._reading
        lanes = reading.tags.shown()
        last = moment_of(reading.last_at)
        axis = axis_over(axis_start(lanes, last), last)
        running = sorted(reading.running.items())
        return Document(
            title=self._title,
            head=self._head,
            last_at=reading.last_at,
            total=sum(self._channels.values()),
            listed=listed,
            rows=tuple(reversed(self._newest)),
            running=[self._running(one) for _, one in running[:_ENVIRONMENTS]],
            unlisted_running=max(0, len(running) - _ENVIRONMENTS),
            bars=[self._bar(lane, axis) for lane in lanes],
            axis=axis,
            tags=reading.tags.count,
            states=dict(sorted(self._states.items())),
            channels={name: number for name, number in sorted(self._channels.items()) if name},
            bases=self._lines.bases.texts,
            places=self._lines.places.texts,
            part=PART,
            lines=lines,
        )

    def _running(self, one: Deployment) -> Running:
        yank = yank_named(self._reading.yanks, one.project, one.version)
        return Running(
            environment=one.environment,
            project=one.project,
            release=one.version,
            since=one.since,
            image=one.digest,
            evidence=self._mask(one.evidence),
            why=self._mask(yank.reason) if yank is not None else None,
        )

    def _bar(self, lane: Lane, axis: Axis) -> TagBar:
        stretches = lane.stretches(axis)
        newest = [self._held(one) for one in lane.newest(_CHANGES)]
        return TagBar(
            name=lane.tag,
            target=lane.target,
            place="" if lane.target.endswith(f"/{lane.component}") else lane.component,
            now=newest[0],
            digest=lane.digest or "",
            bar=[self._held(one) for one in stretches],
            newest=newest,
            count=lane.count,
        )

    def _held(self, one: Stretch) -> Held:
        label, state = "deleted", "gone"
        if one.count > 1:
            label, state = f"{one.count:,} images", "several"
        elif not one.is_gone:
            label, state = self._named(one.seq)
        return Held(start=one.start, end=one.end, label=label, state=state)

    def _named(self, seq: int) -> tuple[str, str]:
        """The name and the state of the release that entry `seq` gave a tag."""
        fields = self._view.entry(seq).fields
        row = self._reading.row(text_of(fields, "release"))
        if row is None:
            version = text_of(fields, "version")
            row = _unknown(text_of(fields, "project"), version)
            if not version:
                return "an image", "released"
        later = later_of(row, self._reading.yanks, self._reading.statuses, "", ())
        return row.name or row.commit[:7] or row.channel, states_of(row, later)[0]


def _unknown(project: str, version: str) -> Row:
    """The row of a version of which the log has no release: it was promoted from another log."""
    return Row(-1, project, "", version, version, "", "released", "", "", "", "", (), "", "", "", "")


def _by_image(running: Mapping[tuple[str, str], Deployment]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for one in (running[key] for key in sorted(running)):
        found.setdefault((one.project, one.digest), []).append(f"{one.environment} since {one.since[:10]}")
    return found


def _part(number: int, lines: Sequence[str]) -> tuple[str, str]:
    text = script_json("\n".join(lines))
    return f"parts/{number:05}.js", f"shipmarkPart({number},{text});\n"
