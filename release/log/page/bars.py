"""The table of moving tags, with a bar for each tag over one time axis. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.log.page.axis import Axis
from release.log.page.markup import Html, element, shown, together
from release.log.page.table_parts import legend_chip, state_chip
from release.log.timestamps import timestamp

# Percent of a bar's width that a character of its label takes on a phone, where a bar has 320 pixels.
_CHARACTER = 2.3


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a tag held from `start` to `end`. `state`: of the release now, `several` or `gone`."""

    start: int
    end: int
    label: str
    state: str


class TagBar(msgspec.Struct, frozen=True, kw_only=True):
    """A moving tag. `bar`: all of its time. `newest`: the last changes, newest first. `count`: of all changes."""

    name: str
    target: str
    place: str
    now: Held
    digest: str
    bar: Sequence[Held]
    newest: Sequence[Held]
    count: int


def tags_table(bars: Sequence[TagBar], axis: Axis, count: int) -> Html:
    """The table. `count`: of all moving tags."""
    if not bars:
        return element("p", "No tag moved yet.", class_="note")
    span = f"{_day(axis.start)} to {_day(axis.end)}"
    caption = f"What each moving tag holds now, since when, and what it held from {span}"
    heads = [
        element("th", name, role="columnheader", scope="col") for name in ("Tag", "Holds now", "Since (UTC)")
    ]
    history = element("th", "History", _axis(axis), role="columnheader", scope="col", class_="history")
    head = element("thead", element("tr", *heads, history, role="row"), role="rowgroup")
    rows = together((_row(one, axis) for one in bars), "\n")
    body = element("tbody", Html("\n"), rows, Html("\n"), role="rowgroup")
    table = element("table", element("caption", caption), head, body, role="table")
    if count == len(bars):
        return table
    more = f"The {len(bars)} tags that changed last, of {count:,}: `shipmark log history TAG` answers about the others."
    return together([table, element("p", more, class_="note")])


def _row(one: TagBar, axis: Axis) -> Html:
    chip = legend_chip("gone") if one.now.state == "gone" else state_chip(one.now.state)
    since = timestamp(one.now.start)
    return element(
        "tr",
        element(
            "th",
            element("b", one.name),
            element("small", f"{one.target} ({one.place})" if one.place else one.target),
            role="rowheader",
            scope="row",
        ),
        element("td", element("b", one.now.label), Html(" "), chip, role="cell"),
        element("td", element("time", _minute(one.now.start), datetime=since), role="cell", class_="since"),
        element("td", _bar(one, axis), _changes(one), role="cell", class_="history"),
        role="row",
    )


def _changes(one: TagBar) -> Html:
    items = [element("li", f"{_minute(held.start)}: {held.label} ({held.state})") for held in one.newest]
    word = "change" if one.count == 1 else "changes"
    more = f", the newest {len(items)}" if len(items) < one.count else ""
    return element("details", element("summary", f"{one.count:,} {word}{more}"), element("ol", *items))


def _bar(one: TagBar, axis: Axis) -> Html:
    lines = [
        element("line", x1=f"{tick.place:.2f}%", x2=f"{tick.place:.2f}%", y1="0", y2="100%")
        for tick in axis.ticks()
    ]
    stretches = [_stretch(held, axis) for held in one.bar]
    label = f"{one.name} holds {one.now.label} since {_minute(one.now.start)}; {one.count} changes in all"
    return element("svg", *lines, *stretches, class_="bar", role="img", aria_label=label)


def _stretch(held: Held, axis: Axis) -> Html:
    left = axis.place(held.start)
    # A stretch that is too narrow to be drawn could not be pointed at.
    width = max(axis.place(held.end) - left, 0.4)
    label = held.label if len(held.label) * _CHARACTER + 1 <= width else ""
    told = f"{held.label} ({held.state}): {_minute(held.start)} to {_minute(held.end)}"
    return element(
        "svg",
        element("title", told),
        element("rect", width="100%", height="100%", class_=f"f-{held.state}"),
        element("text", label, x="4", y="70%") if label else "",
        x=f"{min(left, 99.6):.2f}%",
        width=f"{width:.2f}%",
        height="100%",
    )


def _axis(axis: Axis) -> Html:
    found = []
    for tick in axis.ticks():
        anchor = "start" if tick.place < 6 else "end" if tick.place > 94 else "middle"
        place = f"{tick.place:.2f}%"
        found.append(element("line", x1=place, x2=place, y1="85%", y2="100%"))
        found.append(element("text", tick.label, x=place, y="70%", text_anchor=anchor))
    return element("svg", *found, class_="axis", aria_hidden="true")


def _minute(moment: int) -> str:
    return shown(timestamp(moment)[:16].replace("T", " "))


def _day(moment: int) -> str:
    return timestamp(moment)[:10]
