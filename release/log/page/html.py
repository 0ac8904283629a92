"""The page of a version log as one HTML document: what runs where, what moving tags hold, the newest releases. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from release.log.page.axis import Axis
from release.log.page.bars import TagBar, tags_table
from release.log.page.lines import Cells
from release.log.page.markup import Html, element, script_json, shown, together
from release.log.page.releases_table import releases_table
from release.log.page.rows import STATES
from release.log.page.running_table import Running, running_table
from release.log.page.table_parts import legend_chip, minute, state_chip

#: Releases on one page of the table.
ROWS = 50


class Assets(msgspec.Struct, frozen=True):
    """The page's own files: `page.html`, `page.css` and `page.js`."""

    template: str
    style: str
    script: str


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
        "running": running_table(document.running, document.unlisted_running),
        "tags": tags_table(document.bars, document.axis, document.tags),
        "states": _options((name, f"{name} ({number:,})") for name, number in document.states.items()),
        "channels": _options((name, f"{name} ({number:,})") for name, number in document.channels.items()),
        "places": _options((str(number), name) for number, name in enumerate(document.places)),
        "many": Html("" if many else " hidden"),
        "status": together([_status(document)]),
        "unscripted": together(["Without JavaScript this page shows the newest releases only."]),
        "table": releases_table(document.rows, document.bases, document.places if many else ()),
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
    as_of = f"As of {minute(document.last_at)} UTC. " if document.last_at else ""
    lines = [first, element("p", f"{as_of}{document.head}", class_="facts")]
    if document.listed < document.total:
        text = (
            f"This file has the newest {document.listed:,} of {document.total:,} releases; "
            "`shipmark log export --format html -o FOLDER/` writes all of them."
        )
        lines.append(element("p", text, class_="note"))
    return together(lines, "\n")


def _options(values: Iterable[tuple[str, str]]) -> Html:
    return together(element("option", text, value=value) for value, text in values)


def _status(document: Document) -> str:
    if not document.rows:
        return "No releases"
    return f"Releases 1 to {len(document.rows):,} of {document.listed:,}, newest first"


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
