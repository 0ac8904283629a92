"""JavaScript's regular expressions; the expected results are those of `String.prototype.match` in Node.js."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ConfigError
from release.tagging.rules.javascript.pattern import parse_pattern


def match(pattern: str, subject: str) -> list[str | None] | None:
    found = parse_pattern(pattern).match(subject)
    return None if found is None else list(found)


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        (r"\d.\d", "v1.2.3", ["1.2"]),
        (r"v(\d+)\.(\d+)", "v1.22", ["v1.22", "1", "22"]),
        (r"\d", "٣", None),
        (r"\w", "é", None),
        (r"\W", "é", ["é"]),
        (r"\s", "\u00a0", ["\u00a0"]),
        (r"\S", "\ufeffa", ["a"]),
        (r"\bé", " é", None),
        (r"\B", "", [""]),
        ("^a$", "a\n", None),
        ("/^a$/m", "a\nb", ["a"]),
        ("a.c", "a\u2028c", None),
        ("/a.c/s", "a\nc", ["a\nc"]),
        ("/V/i", "v", ["v"]),
        ("(?<year>\\d{4})-\\k<year>", "2020-2020", ["2020-2020", "2020"]),
        ("(a)|b", "b", ["b", None]),
        (r"(?:(a)|b)\1", "b", ["b", None]),
        (r"\1(a)", "a", ["a", "a"]),
        (r"(a\1)", "a", ["a", "a"]),
        (r"\2(a)", "\x02a", ["\x02a", "a"]),
        ("a{,2}", "a{,2}", ["a{,2}"]),
        ("a{2", "a{2", ["a{2"]),
        ("a{1,2}", "aaa", ["aa"]),
        ("a+?", "aaa", ["a"]),
        ("[^]", "\n", ["\n"]),
        ("[]", "a", None),
        ("[[a]", "[", ["["]),
        ("[a&&b]", "&", ["&"]),
        (r"[\d-]", "-", ["-"]),
        (r"[\w-z]", "-", ["-"]),
        (r"[^\D]", "5", ["5"]),
        (r"[\b]", "\b", ["\b"]),
        (r"\x41\u0042\cA", "AB\x01", ["AB\x01"]),
        (r"/\u{1F600}/u", "\U0001f600", ["\U0001f600"]),
        (r"\u{2}", "uu", ["uu"]),
        (r"\-\/\_", "-/_", ["-/_"]),
        ("(?<=v)1", "v1", ["1"]),
        ("(?<!v)1", "v1", None),
        ("(?=a)a", "a", ["a"]),
        ("]}", "]}", ["]}"]),
        (r"[\.\]]+", "].", ["]."]),
        (r"[\x41-\x43]", "B", ["B"]),
        (r"\101\12", "A\n", ["A\n"]),
        (r"\8", "8", ["8"]),
        (r"\c!", "\\c!", ["\\c!"]),
        (r"\0", "\0", ["\0"]),
        ("(?<!a|b)c", "c", ["c"]),
        ("(?:)*", "", [""]),
        (r"(a)(b)\2\1", "abba", ["abba", "a", "b"]),
        ("/(\\d)\\.(\\d)/g", "1.2.3.4", ["1.2", "3.4"]),
        ("/a/y", "ba", None),
        ("/v1", "/v1", ["/v1"]),
        ("", "abc", [""]),
        ("(?<=a+)b", "aab", ["b"]),
        ("a{99999999999}", "a" * 512, None),
        ("a{2,99999999999}", "a" * 512, ["a" * 512]),
        ("(?:a{0,9}){600}", "aa", ["aa"]),
        ("a{0}b", "ab", ["b"]),
        ("a{1,}?", "aa", ["a"]),
    ],
)
def test_javascript_pattern_matches_as_in_node_js(
    pattern: str, subject: str, expected: list[str | None] | None
) -> None:
    assert match(pattern, subject) == expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a", "a group that is never closed"),
        ("a)", "`)` without a group"),
        ("*a", "nothing to repeat"),
        ("a**", "nothing to repeat"),
        ("a++", "nothing to repeat"),
        ("^*", "nothing to repeat"),
        ("$+", "nothing to repeat"),
        (r"\b*", "nothing to repeat"),
        ("|*", "nothing to repeat"),
        ("(*a)", "nothing to repeat"),
        ("a{2}{3}", "nothing to repeat"),
        (r"/\2(a)/u", "refers to no group"),
        (r"/\u{110000}/u", "a code point that does not exist"),
        ("/a{/u", "has to be escaped"),
        (r"/[\d-z]/u", "a range with a set at one end"),
        ("(?<=a)*", "nothing to repeat"),
        ("(?P<x>a)", "an unknown kind of group"),
        ("(?#a)", "an unknown kind of group"),
        ("[z-a]", "a range that goes backwards"),
        ("[a", "a character class that is never closed"),
        ("a\\", "a backslash at the end"),
        ("/a/x", "not flags of a regular expression"),
        ("/a/gg", "not flags of a regular expression"),
        ("(?<n>a)(?<n>b)", "two groups called `n`"),
        (r"(?<n>a)\k<m>", "a reference to a group that does not exist"),
        (r"/\p{L}/u", "cannot be translated"),
        (r"/\_/u", "escapes nothing"),
        ("a{2,1}", "out of order"),
        ("(?:a{500}){500}", "repeated to more than 20000 characters"),
        ("((a{30}){30}){30}", "repeated to more than 20000 characters"),
        ("x" * 1001, "at most 1000"),
    ],
)
def test_invalid_javascript_pattern_is_an_error_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_pattern(pattern)
    assert reason in caught.value.message


@pytest.mark.parametrize(("one", "other"), [(r"\s", r"[^\S]"), (r"\d", r"[^\D]"), (r"\w", r"[^\W]")])
def test_character_class_matches_the_same_characters_as_its_double_negation(one: str, other: str) -> None:
    everything = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    found, left = parse_pattern(one), parse_pattern(other)
    assert [c for c in everything if found.match(c)] == [c for c in everything if left.match(c)]


def test_white_space_class_matches_the_characters_of_javascript() -> None:
    pattern = parse_pattern(r"\s")
    found = [code for code in range(0x10000) if pattern.match(chr(code))]
    assert found == [
        9,
        10,
        11,
        12,
        13,
        32,
        160,
        0x1680,
        *range(0x2000, 0x200B),
        0x2028,
        0x2029,
        0x202F,
        0x205F,
        0x3000,
        0xFEFF,
    ]


def test_slashes_around_a_pattern_are_part_of_it_unless_a_literal_is_expected() -> None:
    assert parse_pattern("/a/", literal=False).match("x/a/y") == ("/a/",)


def test_subject_of_more_than_512_characters_is_an_error() -> None:
    with pytest.raises(ConfigError, match="patterns are matched with at most 512"):
        parse_pattern("(a+)+$").match("a" * 513)


SLOW = ["((((((((((a*)*)*)*)*)*)*)*)*)*)*[^a]", "(?:.|a)*[^a]", "((?:a{0,30}){0,30})*[^a]", "(.*)(.*)(.*)(.*)(.*)[^a]",
        "(a+)+b", "/(a+)+b/g", "(?<=(a+)+b)c", r"(a)(?=.*\1.*\1.*\1.*x)"]  # fmt: skip


def test_slow_javascript_pattern_is_an_error_with_a_hint_within_two_seconds() -> None:
    """Runs in a process of its own: without the time limit nothing could end the match, not even a signal."""
    code = (
        "import json, sys, time; from release.tagging.rules.javascript.pattern import *\n"
        "for text in json.load(sys.stdin):\n"
        "    started = time.process_time()\n"
        "    try: print(parse_pattern(text).match('a' * 512))\n"
        "    except ConfigError as error: assert 'needs more than' in error.message and error.hint\n"
        "    assert time.process_time() - started < 2, text\n"
    )
    root = Path(__file__).parents[4]
    given = json.dumps(SLOW).encode()
    done = subprocess.run(
        [sys.executable, "-c", code], input=given, cwd=root, timeout=60, stdout=subprocess.PIPE
    )
    assert done.returncode == 0
    assert set(done.stdout.decode().split()) <= {"None"}


PIECES = st.sampled_from(
    ["a", "1", ".", r"\d", r"\W", r"\b", r"\B", "^", "$", "|", "(", "(?:", "(?=", "(?<!", "(?<n>", ")", "*", "+", "?",
     "{2}", "{,2}", "{", "}", "[", "]", "[^a]", "[a&&b]", "[[a]", "--",
     "~~", r"\1", r"\k<n>", "\\", r"\u0041", "é", "/g"]
)  # fmt: skip


class TestProperties:
    @given(st.lists(PIECES, max_size=6).map("".join) | st.text(max_size=20), st.text(max_size=8))
    def test_any_javascript_pattern_and_subject_give_a_match_none_or_a_config_error(
        self, pattern: str, subject: str
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                found = parse_pattern(pattern).match(subject)
            except ConfigError:
                return
        assert found is None or all(part is None or part in subject for part in found)
