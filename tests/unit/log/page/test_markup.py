"""Only `Html` is markup; every other text is escaped, in elements, attributes and the page's data."""

from __future__ import annotations

import html
import json
from importlib.resources import files

import pytest

from ci.escape import escape_foreign
from release.log.page.markup import Html, element, script_json, shown, together
from tests.support.openings import ALL


def test_text_and_attributes_are_escaped_and_html_is_not() -> None:
    made = element("p", "<b>", Html("<i>x</i>"), title="\"'<>&", hidden=True, class_="a", lang=None)
    assert made == '<p title="&quot;&#x27;&lt;&gt;&amp;" hidden class="a">&lt;b&gt;<i>x</i></p>'
    assert together(["<", Html("<br>")], "\n") == "&lt;\n<br>"


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "]]>&lt;", "\u2028\u2029", "{{script}}"])
def test_data_in_a_script_element_keeps_its_value_and_ends_nothing(text: str) -> None:
    made = script_json({"a": [text]})
    assert json.loads(made) == {"a": [text]}
    assert made.isascii()
    assert not set("<>&") & set(made)


def test_characters_that_hide_or_reorder_text_are_replaced() -> None:
    assert shown("a\u202eb\x00c\nd\u200be\ud800f") == "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf"
    assert shown("Grüße, 世界") == "Grüße, 世界"
    assert shown("x" * 600, 5) == "xxxx…"


@pytest.mark.parametrize("text", [*ALL, "a::b", ":::", "\U000e0041", "a_b # ## c"])
def test_page_on_stdout_keeps_texts_that_a_ci_system_would_obey(text: str) -> None:
    for made in (element("p", text), element("p", title=text), script_json([text])):
        assert escape_foreign(made) == made
    assert html.unescape(element("p", text)) == f"<p>{shown(text)}</p>"
    assert html.unescape(element("p", title=text)) == f'<p title="{shown(text)}"></p>'
    assert json.loads(script_json([text])) == [text]


@pytest.mark.parametrize("name", ["page.css", "page.html", "page.js"])
def test_page_on_stdout_keeps_its_own_lines(name: str) -> None:
    """The page's policy holds the hashes of its style and script: one more blank, and browsers refuse them."""
    for line in (files("release.log.page") / name).read_text().split("\n"):
        assert escape_foreign(line) == line
