"""The line of text for each release on the page: cells, with addresses written once and named by number. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from release.log.page.links import commit_folder, image_page, is_commit_id, web_address
from release.log.page.markup import shown
from release.log.page.rows import Later, Row, states_of

# Addresses that are written once and named by number. A log of which every entry names another host gets no more links
# than this, so that the page's memory has a bound.
_MOST_BASES = 2000
# Characters of all tags of one release; a build rarely has more than a dozen tags.
_TAGS = 1000


class Cells(NamedTuple):
    """What one line about a release holds, in the order that `page.js` reads. All are texts without tabs.

    `place`: number of the project and component. `remote`, `runs`, `image`: number of the beginning of the address of
    the commit, of the CI run and of the image; `""`: no link. `run`: the end of the run's address.
    """

    name: str
    states: str
    at: str
    channel: str
    place: str
    tags: str
    commit: str
    digest: str
    remote: str
    runs: str
    run: str
    run_id: str
    image: str
    why: str
    promoted: str
    running: str


class Numbers:
    """Texts that many rows share, by number."""

    def __init__(self, most: int | None = None) -> None:
        self._known: dict[str, int] = {}
        self._most = most

    def number(self, text: str) -> str:
        """The number of a text, as text; `""` for an empty text, and for new ones where there are too many."""
        if not text:
            return ""
        found = self._known.get(text)
        if found is None:
            if self._most is not None and len(self._known) >= self._most:
                return ""
            found = self._known[text] = len(self._known)
        return str(found)

    @property
    def texts(self) -> list[str]:
        """The texts; the first has the number 0."""
        return list(self._known)


class Lines:
    """Makes the cells of releases."""

    def __init__(self) -> None:
        #: Beginnings of addresses.
        self.bases = Numbers(_MOST_BASES)
        #: Projects with their components.
        self.places = Numbers()
        self._pages: dict[str, str] = {}  # a remote or a target -> its address, which takes long to make

    def cells(self, row: Row, later: Later) -> Cells:
        """The cells of a release: texts without tabs, line breaks and characters that are not shown."""
        run, _, run_end = web_address(row.run).rpartition("/") if row.run else ("", "", "")
        digest = row.digest
        named = row.component and not row.project.endswith(f"/{row.component}")
        where = f"{row.project} · {row.component}" if named else row.project
        texts = (
            row.name or row.channel,
            ",".join(states_of(row, later)),
            row.at,
            row.channel,
            self.places.number(shown(where)),
            shown(" ".join(row.tags), _TAGS),
            row.commit,
            digest.removeprefix("sha256:"),
            self._page("commit", row.remote) if is_commit_id(row.commit) else "",
            self.bases.number(f"{run}/") if run else "",
            run_end,
            row.run_id,
            self._page("image", row.target),
            later.yanked or "",
            later.promoted,
            ", ".join(later.running),
        )
        together = "".join(texts)
        if together.isascii() and together.isprintable() and len(together) < _TAGS:
            return Cells(*texts)
        return Cells(*(shown(one, _TAGS) for one in texts))

    def _page(self, kind: str, of: str) -> str:
        if not of:
            return ""
        key = f"{kind} {of}"
        if key not in self._pages:
            if len(self._pages) > _MOST_BASES:
                return ""
            address = commit_folder(of) if kind == "commit" else image_page(of)
            self._pages[key] = self.bases.number(address)
        return self._pages[key]


def line_of(cells: Sequence[str]) -> str:
    """The cells as one line."""
    return "\t".join(cells)
