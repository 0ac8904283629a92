"""The page of a version log as one HTML document: what runs where, what moving tags hold, the newest releases. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from release.log.page.axis import Axis
from release.log.page.bars import TagBar, legend_chip, state_chip, tags_table
from release.log.page.lines import Cells
from release.log.page.markup import Html, element, script_json, shown, together
from release.log.page.rows import STATES

#: Releases on one page of the table.
ROWS = 50
_HEADERS = ("Release", "State", "Time (UTC)", "Tags", "Commit", "Image", "CI run")
# What a cell of the environments' table has, in its order.
_RUNNING = ("Environment", "Project", "Release", "Since (UTC)", "Image", "Evidence")


class Assets(msgspec.Struct, frozen=True):
    """The page's own files: `page.html`, `page.css` and `page.js`."""

    template: str
    style: str
    script: str


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """An environment and what runs there. `why`: the reason if the release was taken back; None if it was not."""

    environment: str
    project: str
    release: str
    since: str
    image: str
    evidence: str
    why: str | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says. `rows`: of the newest releases, newest first.

    `listed`: releases that the page can show, `total`: those of the log. `states`, `channels`: with their numbers.
    `lines`: every release that the page can show, oldest first; None if they are in files beside the page. `part`:
    releases in one such file.
    """

    title: str
    head: str
    last_at: str
    total: int
    listed: int
    rows: Sequence[Cells]
    running: Sequence[Running]
    unlisted_running: int
    bars: Sequence[TagBar]
    axis: Axis
    tags: int
    states: Mapping[str, int]
    channels: Mapping[str, int]
    bases: Sequence[str]
    places: Sequence[str]
    part: int
    lines: Sequence[str] | None = None


def page(assets: Assets, document: Document) -> str:
    """The page."""
    style, script = Html(assets.style), Html(assets.script)
    many = len(document.places) > 1
    values = {
        "policy": _policy(style, script, loads=document.lines is None),
        "style": style,
        "script": script,
        "title": together([document.title]),
        "facts": _facts(document),
        "running": _running(document.running, document.unlisted_running),
        "tags": tags_table(document.bars, document.axis, document.tags),
        "states": _options((name, f"{name} ({number:,})") for name, number in document.states.items()),
        "channels": _options((name, f"{name} ({number:,})") for name, number in document.channels.items()),
        "places": _options((str(number), name) for number, name in enumerate(document.places)),
        "many": Html("" if many else " hidden"),
        "status": together([_status(document)]),
        "unscripted": together(["Without JavaScript this page shows the newest releases only."]),
        "table": _table(document, many=many),
        "legend": _legend(),
        "config": script_json(_config(document)),
    }
    return _fill(assets.template, values)


def _fill(template: str, values: Mapping[str, Html]) -> str:
    # One pass from the left, so that placeholders inside the inserted values are not replaced.
    parts = []
    rest = template
    while rest:
        before, opened, after = rest.partition("{{")
        name, _, rest = after.partition("}}") if opened else ("", "", "")
        parts += [before, values[name]] if opened else [before]
    return "".join(parts)


def _policy(style: str, script: str, *, loads: bool) -> Html:
    """The Content-Security-Policy: only the page's own style and script, by their hashes, and nothing from elsewhere.

    `loads`: the page's script loads the files beside it. `strict-dynamic` allows scripts that an allowed script made,
    also for a page that is opened from a folder, where no address is "the same origin".
    """
    allowed = f"{_hash(script)} 'strict-dynamic'" if loads else _hash(script)
    return Html(
        f"default-src 'none'; style-src {_hash(style)}; script-src {allowed}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _facts(document: Document) -> Html:
    said = [f"{document.total:,} releases"]
    said += [
        f"{document.states[name]:,} {name}" for name in ("yanked", "deployed") if name in document.states
    ]
    first = element("p", ", ".join(said), class_="facts")
    as_of = f"As of {_minute(document.last_at)} UTC. " if document.last_at else ""
    lines = [first, element("p", f"{as_of}{document.head}", class_="facts")]
    if document.listed < document.total:
        text = (
            f"This file has the newest {document.listed:,} of {document.total:,} releases; "
            "`shipmark log export --format html -o FOLDER/` writes all of them."
        )
        lines.append(element("p", text, class_="note"))
    return together(lines, "\n")


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")


def _time(at: str) -> Html:
    return element("time", _minute(at), datetime=at) if at else Html("")


def _options(values: Iterable[tuple[str, str]]) -> Html:
    return together(element("option", text, value=value) for value, text in values)


def _running(running: Sequence[Running], unlisted: int) -> Html:
    if not running:
        return element("p", "No deployment is recorded.", class_="note")
    head = _header(_RUNNING)
    rows = together((_running_row(one) for one in running), "\n")
    more = [element("p", f"{unlisted:,} more are not shown.", class_="note")] if unlisted else []
    caption = element("caption", "The last recorded deployment of each project in each environment")
    body = element("tbody", Html("\n"), rows, Html("\n"), role="rowgroup")
    return together([element("table", caption, head, body, role="table"), *more])


def _running_row(one: Running) -> Html:
    taken = [state_chip("yanked"), _note(f"taken back: {one.why}")] if one.why is not None else []
    return element(
        "tr",
        element(
            "th",
            state_chip("deployed"),
            Html(" "),
            element("b", one.environment),
            role="rowheader",
            scope="row",
        ),
        element("td", one.project, role="cell"),
        element("td", element("b", one.release or "unknown"), Html(" "), *taken, role="cell"),
        element("td", _time(one.since), role="cell", class_="since"),
        element(
            "td", element("code", one.image, class_="id") if one.image else "", role="cell", class_="image"
        ),
        element("td", one.evidence, role="cell"),
        role="row",
    )


def _header(names: Sequence[str]) -> Html:
    cells = [element("th", name, role="columnheader", scope="col", **_sorting(name)) for name in names]
    return element("thead", element("tr", *cells, role="row"), role="rowgroup")


def _sorting(name: str) -> dict[str, str]:
    # The releases are sorted by time; the page's script makes a button of this header.
    return {"id": "sorted", "class_": "sorted", "aria_sort": "descending"} if name == "Time (UTC)" else {}


def _status(document: Document) -> str:
    if not document.rows:
        return "No releases"
    return f"Releases 1 to {len(document.rows):,} of {document.listed:,}, newest first"


def _table(document: Document, *, many: bool) -> Html:
    places = document.places if many else ()
    rows = together((_row(cells, document.bases, places) for cells in document.rows), "\n")
    return element(
        "table",
        element("caption", "Every release of the log, with its state now"),
        _header(_HEADERS),
        element("tbody", rows, id="rows", role="rowgroup"),
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
            _note(places[int(one.place)] if one.place and places else ""),
            _note("" if one.channel in ("", "release", one.name) else one.channel),
            role="rowheader",
            scope="row",
        ),
        element(
            "td",
            *(state_chip(name) for name in one.states.split(",")),
            _note(one.why and f"taken back: {one.why}"),
            _note(one.promoted and f"promoted to {one.promoted}"),
            _note(one.running and f"runs in {one.running}"),
            role="cell",
        ),
        element("td", _time(one.at), role="cell"),
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


def _note(text: str) -> str:
    return element("small", text) if text else ""


def _link(bases: Sequence[str], base: str, end: str, content: str) -> str:
    """A link to an address that `links` made, or its text alone."""
    if not base or not content:
        return content
    return element("a", content, href=f"{bases[int(base)]}{end}", rel="noreferrer")


def _legend() -> Html:
    items = [
        part
        for name, (_, meaning) in STATES.items()
        for part in (element("dt", state_chip(name)), element("dd", meaning))
    ]
    bars = (
        element("dt", legend_chip("several")),
        element("dd", "in a bar: several images, one after the other, each for too short a time to be shown"),
        element("dt", legend_chip("gone")),
        element("dd", "in a bar: the tag was deleted"),
    )
    return element("dl", *items, *bars, class_="legend")


def _config(document: Document) -> dict[str, Any]:
    config: dict[str, Any] = {
        "total": document.listed,
        "rows": ROWS,
        "part": document.part,
        "symbols": {name: symbol for name, (symbol, _) in STATES.items()},
        "bases": list(document.bases),
        "places": [shown(one) for one in document.places],
    }
    if document.lines is not None:
        config["lines"] = list(document.lines)
    return config
