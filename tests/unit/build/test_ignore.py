from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.build.ignore import match_component, parse_ignore
from release.errors import BuildError
from release.patterns import expression_of, has_wildcard


@pytest.mark.parametrize(
    ("text", "path", "excluded"),
    [
        ("", "a", False),
        ("a", "a", True),
        ("a", "a/b/c", True),
        ("a", "x/a", False),
        ("/a", "a", True),
        ("a/", "a", True),
        ("./a", "a", True),
        ("a  ", "a", True),
        ("  a", "a", True),
        ("#a", "#a", False),
        (" #a", "#a", True),
        ("*.md", "x.md", True),
        ("*.md", "x/y.md", False),
        ("*/*.md", "x/y.md", True),
        ("**/*.md", "x.md", True),
        ("**/*.md", "x/y/z.md", True),
        ("a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/c", "a/bc", False),
        ("**", "a/b", True),
        ("*", "a/b", True),
        ("?", "a", True),
        ("?", "ab", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("a[^x]b", "a/b", False),
        ("**.pyc", "a.pyc", True),
        ("**.pyc", "x/y/a.pyc", True),
        ("**.py?", "x/a.pyc", False),
        ("**/a.pyc", "xa.pyc", False),
        ("**/*.log\n!keep", "keep/x.log", True),
        ("keep/*.log\n!keep", "keep/x.log", True),
        ("keep\n!keep\nkeep/*.log\n!keep", "keep/x", False),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a.b", "axb", False),
        ("a+(b)$", "a+(b)$", True),
        ("a/../b", "b", True),
        (".", "a", False),
        ("*.md\n!README.md", "README.md", False),
        ("*.md\n!README.md", "x.md", True),
        ("!README.md\n*.md", "README.md", True),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("a\n!a/b", "a/b", False),
        ("a\n!a/b", "a/b/c", False),
        ("a\n!a/b", "a/c", True),
        ("*\n!src\nsrc/*.log", "src/x.log", True),
        ("*\n!src\nsrc/*.log", "src/x.c", False),
        (".git", ".git/config", True),
        ("a", ".git/config", False),
        ("\r\na\r\n", "a", True),
        ("\N{ZERO WIDTH NO-BREAK SPACE}a", "a", True),
    ],
)
def test_ignore_patterns_exclude_the_paths_that_docker_excludes(text: str, path: str, excluded: bool) -> None:
    assert parse_ignore(text).excludes(path) is excluded


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n!", ".dockerignore:2: `!` stands alone"),
        ("[a", ".dockerignore:1: `[a` is not a pattern: a bracket is not closed within its path component"),
        ("[z-a]", ".dockerignore:1: `[z-a]` is not a pattern: the range `z-a` is empty"),
        ("[]a]", ".dockerignore:1: `[]a]` is not a pattern: `]` stands where a character is expected"),
    ],
)
def test_invalid_pattern_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        parse_ignore(text)
    assert str(caught.value) == message


def test_an_excluded_folder_is_walked_only_if_an_exception_may_match_below_it() -> None:
    ignore = parse_ignore("*\n!src/**/keep\n!docs/a")
    assert ignore.may_include_below("src/x/y")
    assert ignore.may_include_below("docs")
    assert not ignore.may_include_below("node_modules")
    assert not parse_ignore("a").may_include_below("a")


def test_a_wildcard_of_copy_does_not_match_a_slash() -> None:
    assert match_component("*.txt", "a.txt")
    assert not match_component("*", "a/b")
    assert match_component("[*]", "*")
    assert has_wildcard("a?")
    assert not has_wildcard("a.b")


NAMES = st.text(alphabet="ab.", min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(["a", "b", "*", "?", "**", "a*", "*b", "[ab]", "[^a]", "."])
PATTERNS = st.lists(PIECES, min_size=1, max_size=4).map("/".join).filter(lambda each: each.strip("./") != "")
LINES = st.lists(st.tuples(st.booleans(), PATTERNS), max_size=5)


def slow_match(pattern: list[str], names: list[str]) -> bool:
    """Match a path component by component; `**` matches any number of components, at the end at least one."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(names)  # the tree below, never the folder itself
        return any(slow_match(pattern[1:], names[count:]) for count in range(len(names) + 1))
    return bool(names) and slow_name(pattern[0], names[0]) and slow_match(pattern[1:], names[1:])


def slow_name(pattern: str, name: str) -> bool:
    """Match one component of a path, character by character."""
    if not pattern:
        return not name
    head, rest = (
        (pattern[: pattern.index("]") + 1], pattern[pattern.index("]") + 1 :])
        if pattern[0] == "["
        else (pattern[0], pattern[1:])
    )
    if head == "*":
        return any(slow_name(rest, name[count:]) for count in range(len(name) + 1))
    if not name:
        return False
    if head.startswith("[^"):
        fits = name[0] not in head[2:-1]
    elif head.startswith("["):
        fits = name[0] in head[1:-1]
    else:
        fits = head in ("?", name[0])
    return fits and slow_name(rest, name[1:])


def slow_excludes(lines: list[tuple[bool, str]], path: str) -> bool:
    """Judge each folder of a path from the top; a line applies if it applied above, or if it changes the verdict."""
    names = path.split("/")
    acted = [False] * len(lines)
    excluded = False
    for depth in range(1, len(names) + 1):
        excluded = False
        for number, (exception, pattern) in enumerate(lines):
            cleaned = [piece for piece in pattern.split("/") if piece != "."]
            if not acted[number] and exception == excluded:
                acted[number] = slow_match(cleaned, names[:depth])
            if acted[number]:
                excluded = not exception
    return excluded


def plain(pattern: str) -> str:
    """Translate a pattern star by star, as Docker's documentation defines it, to a regex that backtracks."""
    text = ""
    for piece in re.split(r"(\*\*/?|\*|\?|\[[^]]*\])", pattern):
        if piece.startswith("**"):
            text += "(?:.*/)?"
        elif piece.startswith("["):
            text += f"(?!/){piece}"
        else:
            text += {"*": "[^/]*", "?": "[^/]"}.get(piece, re.escape(piece))
    return text


@given(
    st.lists(
        st.sampled_from(["a", "b", "*", "?", "**", "**/", "/", "[ab]", "[^a]", "a*b", ".", "*a"]),
        min_size=1,
        max_size=7,
    ).map("".join),
    PATHS,
)
def test_linear_time_ignore_pattern_matches_the_same_paths_as_a_backtracking_one(
    pattern: str, path: str
) -> None:
    if pattern.endswith(("**", "/")):
        return  # `**` at the end is all that follows; no slash is at the end of a cleaned pattern
    if pattern.startswith("**") and not has_wildcard(pattern[2:]):
        return  # `**.pyc` is any ending
    with contextlib.suppress(ValueError):
        expected = re.fullmatch(plain(pattern), path, re.DOTALL) is not None
        assert (re.fullmatch(expression_of(pattern), path, re.DOTALL) is not None) is expected


HOSTILE = ["*a" * 11 + "b", "**/a*/" * 8 + "b", "*a" * 50 + "b", "**/*a/" * 9 + "b", "a**a**b**c", "?*" * 40 + "b",
           "**/" + "a/" * 60 + "b", "*/" * 60 + "**/*a*a*a*b", "[^b]*" * 40 + "b"]  # fmt: skip
VICTIMS = ["a" * 120, "a" * 255, "/".join(["aa"] * 1000), "/".join(["a" * 40] * 50), "a/" * 2000 + "c"]


def test_no_ignore_pattern_takes_exponential_time() -> None:
    """A plain translation of the patterns would take years.

    The match runs in a process, since nothing ends `re` while it matches.
    """
    code = (
        "import json, sys; from release.build.ignore import parse_ignore, match_component\n"
        "patterns, paths = json.load(sys.stdin)\n"
        "for pattern in patterns:\n"
        "    ignore = parse_ignore(pattern + '\\n!' + pattern + 'x')\n"
        "    for path in paths:\n"
        "        ignore.judge(path, ignore.root); ignore.may_include_below(path)\n"
        "        if '/' not in pattern: match_component(pattern, path)\n"
    )
    root = Path(__file__).parents[3]
    given = json.dumps([HOSTILE, VICTIMS]).encode()
    subprocess.run([sys.executable, "-c", code], input=given, cwd=root, check=True, timeout=30)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n" * 10_001, ".dockerignore:10001: more than 10000 patterns"),
        ("*" + "a" * 5000, "the pattern has more than 4096 characters"),
        ("a**a**a**a**b", "the pattern holds `**` inside of names more than 3 times"),
    ],
)
def test_ignore_file_above_the_limits_is_refused(text: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        parse_ignore(text)
    assert message in str(caught.value)
    assert caught.value.hint


class TestAgainstASlowReference:
    """Docker's rule: the last ignore line that matches a path determines whether the path is excluded."""

    @given(LINES, PATHS)
    def test_a_path_is_excluded_if_the_slow_reference_excludes_it(
        self, lines: list[tuple[bool, str]], path: str
    ) -> None:
        text = "\n".join(f"{'!' if exception else ''}{pattern}" for exception, pattern in lines)
        assert parse_ignore(text).excludes(path) is slow_excludes(lines, path)

    @given(LINES, PATHS)
    def test_a_folder_that_the_walk_skips_contains_no_included_path(
        self, lines: list[tuple[bool, str]], path: str
    ) -> None:
        ignore = parse_ignore(
            "\n".join(f"{'!' if exception else ''}{pattern}" for exception, pattern in lines)
        )
        parts = path.split("/")
        folders = ["/".join(parts[:count]) for count in range(1, len(parts))]
        if any(ignore.excludes(folder) and not ignore.may_include_below(folder) for folder in folders):
            assert ignore.excludes(path)


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a\n", "a", 1),
        ("a\n", "a/b/c", 1),
        ("a\n", "b", None),
        ("# a\n\n*.log\n**/tmp\n", "x/tmp/y", 4),
        ("*\n!src\n", "src/x", None),
        ("*\n!src\nsrc/*.md\n", "src/x.md", 3),
        ("*\n!src\n", "other", 1),
        ("a\n!a\na\n", "a", 3),
        # Docker applies an exception to a folder only if a line before it excludes that folder.
        ("**/*.md\n!docs\n", "docs/a.md", 1),
        ("**/*.md\n!docs/**\n", "docs/a.md", None),
    ],
)
def test_the_number_of_the_ignore_line_that_excludes_a_path_is_found(
    text: str, path: str, line: int | None
) -> None:
    ignore = parse_ignore(text)
    assert ignore.line_that_hides(path) == line
    assert ignore.excludes(path) == (line is not None)
