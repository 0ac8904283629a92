"""Expressions: the text that they render to, and the positions of their errors."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ConfigError
from release.tagging.expressions.render import Names, Value, expand, parse_template, render
from release.tagging.expressions.source_text import locate


def _shout(arguments: tuple[Value, ...], options: Mapping[str, Value]) -> str:
    named = "".join(f" {name}={value}" for name, value in sorted(options.items()))
    return "|".join(str(argument) for argument in arguments).upper() + named


def _fail(arguments: tuple[Value, ...], options: Mapping[str, Value]) -> str:
    raise ConfigError("no use for that", hint="try another")


NAMES: Names = {
    "raw": "v1.2.3",
    "major": 1,
    "minor": 0,
    "quote": "it's <a&b>",
    "yes": True,
    "no": False,
    "nothing": None,
    "build": ("abc", "d"),
    "none": (),
    "nested": {"inner": "deep"},
    "this": "whole",
    "shout": _shout,
    "fail": _fail,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain }} text { {", "plain }} text { {"),
        ("{{raw}}", "v1.2.3"),
        ("{{ raw }}-{{major}}.{{minor}}", "v1.2.3-1.0"),
        ("{{{raw}}}", "v1.2.3"),
        ("{{& raw}}", "v1.2.3"),
        ("{{quote}}", "it's <a&b>"),
        ("{{yes}}{{no}}{{nothing}}", "truefalse"),
        ("[{{unknown}}]", "[]"),
        ("{{unknown.deeper}}", ""),
        ("{{build}}", "abc,d"),
        ("{{build.[0]}}", "abc"),
        ("{{build.[7]}}", ""),
        ("{{none}}", ""),
        ("{{nested.inner}}", "deep"),
        ("{{nested/inner}}", "deep"),
        ("{{raw.inner}}", ""),
        ("{{this}}", "whole"),
        ("{{this.raw}}{{./raw}}{{@root.raw}}", "v1.2.3v1.2.3v1.2.3"),
        ("{{../raw}}", ""),
        ("{{[raw]}}{{'raw'}}", "v1.2.3v1.2.3"),
        ("{{shout 'a b' \"c\" 1 true null}}", "A B|C|1|TRUE|NONE"),
        ("{{shout 'a' tz='x y'}}", "A tz=x y"),
        ("{{shout YYYY-MM-DD}}", "NONE"),
        ("{{shout raw}}", "V1.2.3"),
        ("{{shout (shout 'a')}}", "A"),
        (r"{{shout 'it\'s'}}", "IT'S"),
        ("a {{!comment}}b", "a b"),
        ("a {{!-- with }} in it --}}b", "a b"),
        ("a {{~raw~}} b", "av1.2.3b"),
        (r"\{{raw}}", "{{raw}}"),
        (r"\\{{raw}}", "\\v1.2.3"),
    ],
)
def test_expressions_are_replaced_by_values_and_other_text_is_kept(text: str, expected: str) -> None:
    assert expand(text, NAMES) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{#if raw}}x{{/if}}", "expression:1:1: a block is not supported in expressions"),
        ("a\n  {{#raw}}", "expression:2:3: a block is not supported in expressions"),
        ("{{/if}}", "expression:1:1: the end of a block is not supported in expressions"),
        ("{{^}}", "expression:1:1: an inverse block is not supported in expressions"),
        ("{{else}}", "expression:1:1: `else` is not supported in expressions"),
        ("{{> part}}", "expression:1:1: a partial is not supported in expressions"),
        ("{{#> part}}", "expression:1:1: a partial block is not supported in expressions"),
        ("{{* part}}", "expression:1:1: a decorator is not supported in expressions"),
        ("{{{{raw}}}}", "expression:1:1: a raw block is not supported in expressions"),
        ("x {{raw", "expression:1:3: the expression that begins here is never closed with `}}`"),
        ("{{raw}", "expression:1:1: the expression that begins here is never closed with `}}`"),
        ("{{{raw}}", "expression:1:1: the expression that begins here is never closed with `}}}`"),
        ("{{raw}}}", "expression:1:6: unexpected `}` in an expression"),
        ("{{!", "expression:1:1: the comment that begins here is never closed"),
        ("{{}}", "expression:1:3: unexpected `}` in an expression"),
        ("{{raw;}}", "expression:1:6: unexpected `;` in an expression"),
        ("{{build.1}}", "expression:1:9: unexpected `1` in an expression"),
        ("{{raw.this}}", "expression:1:3: `this` inside a path"),
        ("{{shout a=1 'b'}}", "expression:1:13: a positional argument after a named one"),
        ("{{(shout 'a')}}", "expression:1:3: a subexpression cannot be called"),
        ("{{raw 'x'}}", "expression:1:3: `raw` is not a helper and takes no arguments"),
        ("ab {{format 'x'}}", "expression:1:6: `format` is not a helper and takes no arguments"),
        ("{{fail 'x'}}", "expression:1:3: no use for that"),
        ("{{shout (fail 'x')}}", "expression:1:10: no use for that"),
    ],
)
def test_invalid_expression_is_an_error_with_line_and_column(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        expand(text, NAMES)
    assert caught.value.message == message


def test_error_for_an_unknown_helper_in_an_expression_names_the_known_helpers() -> None:
    with pytest.raises(ConfigError) as caught:
        expand("{{upper 'x'}}", NAMES)
    assert caught.value.hint == "helpers here: `fail`, `shout`"


def test_error_in_an_expression_has_the_position_in_its_file() -> None:
    with pytest.raises(ConfigError, match=r"^shipmark\.yml:7:14: "):
        parse_template(locate("{{", source="shipmark.yml", line=7, column=14))


def test_deep_nesting_of_expressions_and_long_templates_are_errors() -> None:
    with pytest.raises(ConfigError, match="nested more than 16 deep"):
        parse_template("{{shout " + "(shout " * 1000 + ")" * 1000 + "}}")
    with pytest.raises(ConfigError, match="at most 16384 are read"):
        parse_template("x" * 20_000)


def test_template_lists_the_names_that_it_reads() -> None:
    template = parse_template("{{raw}}-{{shout (shout major) tz=minor}} {{nested.inner}}")
    assert template.names() == {"raw", "shout", "major", "minor", "nested"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{{raw}}", "raw"),
        ("{{{ raw }}}", "raw"),
        ("{{this.raw}}", "raw"),
        (" {{raw}}", None),
        ("{{raw}}-x", None),
        ("{{raw}}{{raw}}", None),
        ("raw", None),
        ("{{a.raw}}", None),
    ],
)
def test_only_name_is_the_name_of_a_template_with_a_single_name(text: str, name: str | None) -> None:
    assert parse_template(text).only_name() == name


PIECES = st.sampled_from(
    ["{{", "}}", "{{{", "}}}", "raw", " ", "~", "#", "/", "^", "!", "--", "'x'", '"y"', "\\", ".", "(", ")", "=", "[0]",
     "this", "..", "1", "shout", "é", "\n", "@", "&", "else"]
)  # fmt: skip


class TestProperties:
    @given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=40))
    def test_any_text_renders_or_raises_a_config_error(self, text: str) -> None:
        try:
            template = parse_template(text)
            assert render(template, NAMES) == render(template, NAMES)
        except ConfigError as error:
            assert error.message.startswith("expression:")  # noqa: PT017 - both ends are allowed

    @given(st.text(max_size=40).filter(lambda text: "{{" not in text))
    def test_text_without_braces_is_unchanged(self, text: str) -> None:
        assert expand(text, NAMES) == text

    @given(st.text(max_size=40))
    def test_braces_in_a_value_are_not_evaluated(self, value: str) -> None:
        assert expand("<{{value}}>", {"value": value}) == f"<{value}>"
