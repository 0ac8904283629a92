from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.build.dockerfile.expand import ExpansionError, expand, expand_body, expand_words

VARIABLES = {"A": "one", "EMPTY": "", "TWO": "a b", "P_1": "p"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("$A", "one"),
        ("${A}x", "onex"),
        ("$Ax", ""),
        ("$P_1/x", "p/x"),
        ("$NONE", ""),
        ("${NONE:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY-x}", ""),
        ("${NONE-x}", "x"),
        ("${A:+x}", "x"),
        ("${EMPTY:+x}", ""),
        ("${EMPTY+x}", "x"),
        ("${NONE+x}", ""),
        ("${A:?needed}", "one"),
        ("${NONE:-${A}}", "one"),
        ("${NONE:-$A-2}", "one-2"),
        ('${NONE:-"a b"}', "a b"),
        ("'$A'", "$A"),
        ('"$A b"', "one b"),
        ('"\\$A"', "$A"),
        ("\\$A", "$A"),
        ("a\\ b", "a b"),
        ('"a\\b"', "a\\b"),
        ("a\\", "a"),
        ("$", "$"),
        ("a$ b", "a$ b"),
        ("a$-b$$c$1d", "abcd"),
        ("$é", ""),
        ("x\"y\"'z'", "xyz"),
    ],
)
def test_variables_and_quotes_expand_as_in_the_dockerfile_reference(text: str, value: str) -> None:
    assert expand(text, VARIABLES) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${A", "`}` is missing in `${A`"),
        ("${A#o", "`}` is missing in `${A#o`"),
        ("${A/o", "`/` is missing in `${A/o`"),
        ("${A:-x", "`}` is missing in `${A:-x`"),
        ("${}", "`${` is not followed by a name in `${}`"),
        ("${A!x}", "`!` is not supported in `${A!x}`"),
        ("${A:#x}", "`:#` is not supported in `${A:#x}`"),
        ("${A#\\o}", "`\\o` is not an escape of a pattern in `${A#\\o}`"),
        ("${NONE:?needed}", "`NONE` has no value: needed"),
        ("${EMPTY:?}", "`EMPTY` has no value: it is required"),
        ("'a", "a single quote is not closed in `'a`"),
        ('"a', 'a double quote is not closed in `"a`'),
    ],
)
def test_text_that_cannot_be_expanded_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(ExpansionError) as caught:
        expand(text, VARIABLES)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$TWO", ("a", "b")),
        ('"$TWO" c', ("a b", "c")),
        ("x${TWO}y", ("xa", "by")),
        ("'' a", ("a",)),
        ("$NONE", ()),
    ],
)
def test_words_are_split_at_blanks_outside_of_quotes_only(text: str, words: tuple[str, ...]) -> None:
    assert expand_words(text, VARIABLES) == words


def test_the_given_escape_character_is_used_in_expansion() -> None:
    assert expand("C:\\x\\$A `$A", VARIABLES, "`") == "C:\\x\\one $A"


def test_the_body_of_a_heredoc_keeps_its_quotes_and_loses_its_backslashes_when_expanded() -> None:
    """BuildKit does the same; a heredoc with a quoted name (`<<'EOF'`) is not expanded at all."""
    assert expand_body("a '$A' \"b\" \\$A \\n\n", VARIABLES) == "a 'one' \"b\" $A n\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${V#v}", "1.24.3-rc.1"),
        ("${V#*.}", "24.3-rc.1"),
        ("${V##*.}", "1"),
        ("${V%.*}", "v1.24.3-rc"),
        ("${V%%.*}", "v1"),
        ("${V%%-*}", "v1.24.3"),
        ("${V#1}", "v1.24.3-rc.1"),
        ("${V#?}", "1.24.3-rc.1"),
        ("${V/./-}", "v1-24.3-rc.1"),
        ("${V//./-}", "v1-24-3-rc-1"),
        ("${V//[.]/-}", "v1.24.3-rc.1"),
        ("${P/\\//-}", "linux-arm64/v8"),
        ("${P//\\//-}", "linux-arm64-v8"),
        ("${P//a*/x}", "linux/x"),
        ("${V#$W}", "24.3-rc.1"),
        ("${NONE#v}", ""),
        ('"${V#v}"', "1.24.3-rc.1"),
        ("${S%\\\\}", "*?"),
        ("${S//\\?/}", "*\\"),
    ],
)
def test_patterns_in_variables_cut_and_replace_text(text: str, value: str) -> None:
    variables = {"V": "v1.24.3-rc.1", "P": "linux/arm64/v8", "W": "v1.", "S": "*?\\"}
    assert expand(text, variables) == value


def test_patterns_with_many_stars_are_applied_to_long_values_without_backtracking() -> None:
    value = "a" * 8192
    assert expand("${A##" + "a*" * 200 + "b}", {"A": value}) == value
    assert expand("${A//" + "*a" * 200 + "b/x}", {"A": value}) == value


def test_patterns_beyond_the_limits_are_refused() -> None:
    with pytest.raises(ExpansionError, match="a pattern is applied to more than 8,192 characters"):
        expand("${A#x}", {"A": "a" * 8193})
    with pytest.raises(ExpansionError, match="the replacements make too many characters"):
        expand("${A//a/" + "b" * 200 + "}", {"A": "a" * 8192})


@given(st.text(alphabet="ab /.-_", max_size=20))
def test_text_without_special_characters_is_its_own_expansion(text: str) -> None:
    assert expand(text, {}) == text
    assert expand_body(text, {}) == text


@given(st.text(alphabet="$A{}:-+?#%/*\"'\\ x<", max_size=12))
def test_any_text_expands_or_is_refused(text: str) -> None:
    try:
        expand(text, {"A": "1"})
    except ExpansionError:
        return


def test_an_operand_that_expands_above_the_limit_is_refused() -> None:
    value = "x" * 1000
    assert len(expand("$A" * 1000, {"A": value})) == 1_000_000
    for text in ("$A" * 2000, '"' + "${A}" * 2000 + '"', "${A:-}" * 2000, "${B:-$A}" * 2000):
        with pytest.raises(ExpansionError, match="more than 1,048,576 characters"):
            expand(text, {"A": value})


def test_defaults_nested_too_deep_are_refused() -> None:
    assert expand("${a:-" * 64 + "x" + "}" * 64, {}) == "x"
    with pytest.raises(ExpansionError, match="nested more than 64 deep"):
        expand("${a:-" * 65 + "}" * 65, {})
