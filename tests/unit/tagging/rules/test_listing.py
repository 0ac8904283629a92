"""Lists of rules as text: items and fields are read as CSV, and every character keeps its position."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ConfigError
from release.tagging.expressions.source_text import Located, locate
from release.tagging.rules.listing import parse_fields, parse_items


def items(text: str) -> list[str]:
    return [item.text for item in parse_items(text, source="tags")]


def fields(text: str) -> list[str]:
    return [field.text for field in parse_fields(locate(text, source="tags"))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n \n", []),
        ("a\nb\r\nc\rd", ["a", "b", "c", "d"]),
        ("a\n\n  b  \n", ["a", "b"]),
        ("type=raw,a\ntype=sha", ["type=raw,a", "type=sha"]),
        ("#comment\na", ["a"]),
        ("a\n#comment", ["a"]),
        ("a\n   # an indented comment, \"with a quote\nb", ["a", "b"]),
        ("value=foo#bar\nx # y", ["value=foo#bar", "x # y"]),
        ("a,#b", ["a,#b"]),
        ('"a,b"', ["a,b"]),
        ('"a\nb"', ["a\nb"]),
        ('"a ""quoted"" word"', ['a "quoted" word']),
        ('type=match,"pattern=\\d{1,3}"', ["type=match,pattern=\\d{1,3}"]),
        ('type=match,"""pattern=\\d{1,3}"""', ['type=match,"pattern=\\d{1,3}"']),
        ('label=this is a "good" example', ['label=this is a "good" example']),
        ('"not"quite', ['"not"quite']),
        ("a,,b,", ["a,,b,"]),
    ],
)  # fmt: skip
def test_list_text_is_split_into_items(text: str, expected: list[str]) -> None:
    assert items(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("type=raw,a", ["type=raw", "a"]),
        ('type=match,"pattern=\\d{1,3}",group=1', ["type=match", "pattern=\\d{1,3}", "group=1"]),
        ('"a ""b"""', ['a "b"']),
        ("a, b ,", ["a", " b ", ""]),
        ("first,line\nsecond", ["first", "line"]),
        ("#a", ["#a"]),
    ],
)
def test_list_item_is_split_into_fields(text: str, expected: list[str]) -> None:
    assert fields(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a"b', "tags:1:2: a quote inside a field that does not begin with one"),
        ('x, "b"', "tags:1:4: a quote inside a field that does not begin with one"),
        ('"a"b', "tags:1:3: `b` after a closing quote"),
        ('x,"b', "tags:1:3: the quote that opens here is never closed"),
    ],
)
def test_error_for_a_stray_quote_in_a_list_field_names_line_and_column(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fields(text)
    assert caught.value.message == message


def test_unclosed_quote_in_a_list_is_an_error_with_its_position() -> None:
    with pytest.raises(ConfigError, match=r"^tags:2:1: the quote that opens here is never closed"):
        items('a\n"b\nc')


def test_fields_of_a_list_item_have_their_positions_in_the_file() -> None:
    text = '\n  type=sha\n\ttype=match,"""pattern=a,b""",group=1\n'
    _, second = parse_items(text, source="tags", line=10, column=1)
    places = [(field.text, field.place(0).line, field.place(0).column) for field in parse_fields(second)]
    assert places == [("type=match", 12, 2), ("pattern=a,b", 12, 16), ("group=1", 12, 31)]


def test_empty_quoted_list_field_has_the_position_of_its_end() -> None:
    (field,) = parse_fields(locate('""', source="tags"))
    assert str(field.place(0)) == "tags:1:3"


def _restore(item: Located, text: str) -> str:
    rows = text.split("\n")
    return "".join(rows[line - 1][column - 1] for line, column in item.places)


PIECES = st.lists(st.sampled_from(['"', ",", "\n", "#", " ", "a", "b=c", "é"]), max_size=12).map("".join)


class TestProperties:
    @given(PIECES | st.text(max_size=30))
    def test_any_text_is_a_list_of_rules_or_a_config_error(self, text: str) -> None:
        try:
            for item in parse_items(text, source="tags"):
                parse_fields(item)
        except ConfigError as error:
            assert error.message.startswith("tags:")  # noqa: PT017 - both ends are allowed

    @given(st.lists(st.sampled_from(["a", " ", ",", "=", "é", "x y"]), max_size=8).map("".join))
    def test_every_character_of_a_list_item_has_its_position_in_the_text(self, line: str) -> None:
        text = f"first\n  {line}\n"
        for item in parse_items(text, source="tags"):
            assert _restore(item, text) == item.text

    @given(st.lists(st.text(max_size=8), min_size=1, max_size=4))
    def test_quoted_list_fields_are_read_back(self, values: list[str]) -> None:
        text = ",".join('"' + value.replace('"', '""') + '"' for value in values)
        assert fields(text) == values


def test_list_of_more_than_5000_lines_is_refused() -> None:
    with pytest.raises(ConfigError, match="tags: more than 5000 lines") as caught:
        parse_items("type=sha\n" * 5001, source="tags")
    assert caught.value.hint


@pytest.mark.parametrize("text", ["\t" * 200_000 + "# x", " " * 120_000 + "x" + "#" * 120_000])
def test_list_with_long_leading_white_space_is_read(text: str) -> None:
    # A scanner that looks back for every character would take hours for this text.
    items = parse_items(f"a\n{text}\nb", source="tags")
    assert [item.text for item in items] == ["a", *([text.strip()] if "x#" in text else []), "b"]
