"""The table of releases: a row for each, as `row` in `page.js` makes it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from release.log.page.lines import Cells
from release.log.page.markup import Html, element, together
from release.log.page.table_parts import header, note, state_chip, time_of

_HEADERS = ("Release", "State", "Time (UTC)", "Tags", "Commit", "Image", "CI run")


def releases_table(rows: Sequence[Cells], bases: Sequence[str], places: Sequence[str]) -> Html:
    """The table, in the order of `rows`. `bases`: what the links begin with. `places`: projects, none if only one."""
    body = together((_row(cells, bases, places) for cells in rows), "\n")
    return element(
        "table",
        element("caption", "Every release of the log, with its state now"),
        header(_HEADERS),
        element("tbody", body, id="rows", role="rowgroup"),
        role="table",
        class_="releases",
    )


def _row(one: Cells, bases: Sequence[str], places: Sequence[str]) -> Html:
    """The row of a release. `row` in `page.js` makes the same from the same cells."""
    digest = f"sha256:{one.digest}" if len(one.digest) == 64 else one.digest
    run = f"run {one.run_id or one.run}" if one.run_id or one.run else ""
    return element(
        "tr",
        element(
            "th",
            element("b", one.name),
            note(places[int(one.place)] if one.place and places else ""),
            note("" if one.channel in ("", "release", one.name) else one.channel),
            role="rowheader",
            scope="row",
        ),
        element(
            "td",
            *(state_chip(name) for name in one.states.split(",")),
            note(one.why and f"taken back: {one.why}"),
            note(one.promoted and f"promoted to {one.promoted}"),
            note(one.running and f"runs in {one.running}"),
            role="cell",
        ),
        element("td", time_of(one.at), role="cell"),
        element(
            "td", *(element("code", tag) for tag in one.tags.split(" ") if tag), role="cell", class_="tags"
        ),
        element("td", _link(bases, one.remote, one.commit, _id(one.commit)), role="cell", class_="commit"),
        element("td", _link(bases, one.image, "", _id(digest)), role="cell", class_="image"),
        element("td", _link(bases, one.runs, one.run, run), role="cell", class_="run"),
        role="row",
    )


def _id(text: str) -> str:
    return element("code", text, class_="id") if text else ""


def _link(bases: Sequence[str], base: str, end: str, content: str) -> str:
    """A link to an address that `links` made, or its text alone."""
    if not base or not content:
        return content
    return element("a", content, href=f"{bases[int(base)]}{end}", rel="noreferrer")
