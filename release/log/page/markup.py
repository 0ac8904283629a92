"""Writes HTML elements; the only place of the page that turns text into markup, and so the only one that escapes. Pure.

Text of the log is foreign: whoever can write to the log or push a commit chooses it. A child or an attribute value that
is not `Html` is escaped, so that forgetting something shows markup as text, and never the other way round.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

from ci.escape import escape_json, escape_markup
from release.lazy_pattern import pattern

# Characters that are not shown, or that reorder the text after them: controls of C0 and C1, marks and isolates of
# bidirectional text, line and paragraph separators, lone surrogates, which UTF-8 cannot encode.
_UNSHOWN = pattern(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
# Characters with which text inside of a <script> element could end it, and those that JSON and JavaScript read
# differently.
_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_VOID = frozenset({"br", "input", "rect", "line"})


class Html(str):
    """Markup. Made by this module and from the page's own files only."""

    __slots__ = ()


def shown(text: str, limit: int = 500) -> str:
    """The text on one line, without characters that are invisible or reorder others, cut behind `limit` characters."""
    if len(text) > limit:
        text = f"{text[: limit - 1]}…"
    return text if text.isascii() and text.isprintable() else _UNSHOWN.sub("\ufffd", text)


def element(name: str, *children: str, **attributes: str | int | bool | None) -> Html:
    """An element. `attributes`: `class_` is `class`, `aria_label` is `aria-label`. True: no value; None: left out."""
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{given}>" if name in ("br", "input") else f"<{name}{given}/>")
    return Html(f"<{name}{given}>{together(children)}</{name}>")


def together(children: Iterable[str], between: str = "") -> Html:
    """Several elements and texts, one after the other."""
    return Html(between.join(one if type(one) is Html else _escaped(shown(one)) for one in children))


def script_json(value: Any) -> Html:
    """JSON for a <script> element: ASCII, without commands of CI systems, and without characters that could end the
    element or begin a comment.
    """
    text = escape_json(json.dumps(value, ensure_ascii=True, separators=(",", ":")))
    return Html(re.sub("[<>&]", lambda match: _IN_SCRIPT[match[0]], text))


def _attribute(key: str, value: str | int | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{_escaped(shown(str(value), 2000))}"'


def _escaped(text: str) -> str:
    # Without commands of CI systems: on stdout each line is escaped for the job's log, which would change the text.
    return escape_markup(escape(text))
