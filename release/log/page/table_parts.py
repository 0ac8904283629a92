"""The parts that the page's tables share: header, states, times and notes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from release.log.page.markup import Html, element
from release.log.page.rows import STATES


def minute(at: str) -> str:
    """A time of the log without its seconds: `2026-11-30 05:32`."""
    return at[:16].replace("T", " ")


def time_of(at: str) -> Html:
    """The time for people and, in its attribute, for programs; nothing for empty text."""
    return element("time", minute(at), datetime=at) if at else Html("")


def header(names: Sequence[str]) -> Html:
    """The header row with these columns."""
    cells = [element("th", name, role="columnheader", scope="col", **_sorting(name)) for name in names]
    return element("thead", element("tr", *cells, role="row"), role="rowgroup")


def _sorting(name: str) -> dict[str, str]:
    # The releases are sorted by time; the page's script makes a button of this header.
    return {"id": "sorted", "class_": "sorted", "aria_sort": "descending"} if name == "Time (UTC)" else {}


def note(text: str) -> str:
    """A remark below a cell's content; nothing for empty text."""
    return element("small", text) if text else ""


#: Symbol of a stretch that is not the state of one release.
_OTHER = {"several": "≡", "gone": "–"}


def state_chip(name: str) -> Html:
    """A state as a word with its symbol."""
    symbol = STATES[name][0] if name in STATES else ""
    return element("span", element("span", symbol, aria_hidden="true"), f" {name}", class_=f"state s-{name}")


def legend_chip(name: str) -> Html:
    """The sign of `several` or `gone`."""
    return element(
        "span", element("span", _OTHER[name], aria_hidden="true"), f" {name}", class_=f"state s-{name}"
    )
