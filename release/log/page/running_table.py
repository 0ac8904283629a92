"""The table of environments and what runs in each. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.log.page.markup import Html, element, together
from release.log.page.table_parts import header, note, state_chip, time_of

# What a cell of the environments' table has, in its order.
_HEADERS = ("Environment", "Project", "Release", "Since (UTC)", "Image", "Evidence")


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """An environment and what runs there. `why`: the reason if the release was taken back; None if it was not."""

    environment: str
    project: str
    release: str
    since: str
    image: str
    evidence: str
    why: str | None = None


def running_table(running: Sequence[Running], unlisted: int) -> Html:
    """The table. `unlisted`: environments that it leaves out."""
    if not running:
        return element("p", "No deployment is recorded.", class_="note")
    head = header(_HEADERS)
    rows = together((_row(one) for one in running), "\n")
    more = [element("p", f"{unlisted:,} more are not shown.", class_="note")] if unlisted else []
    caption = element("caption", "The last recorded deployment of each project in each environment")
    body = element("tbody", Html("\n"), rows, Html("\n"), role="rowgroup")
    return together([element("table", caption, head, body, role="table"), *more])


def _row(one: Running) -> Html:
    taken = [state_chip("yanked"), note(f"taken back: {one.why}")] if one.why is not None else []
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
        element("td", time_of(one.since), role="cell", class_="since"),
        element(
            "td", element("code", one.image, class_="id") if one.image else "", role="cell", class_="image"
        ),
        element("td", one.evidence, role="cell"),
        role="row",
    )
