"""`paths:` and `depends:`: which components the files of a change concern."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.config.checks import cycle_in
from release.config.components import Ownership, dependencies
from release.config.load import load
from release.config.path_globs import MOST_GLOBS, first_match, matcher
from release.errors import ConfigError

GLOBS = [
    (["api/**"], "api/main.go", True),
    (["api/**"], "api/a/b/c", True),
    (["api/**"], "apis/main.go", False),
    (["api/**"], "web/api/main.go", False),
    (["api"], "api/main.go", True),
    (["api"], "api", True),
    (["api"], "apis", False),
    (["api/"], "api/main.go", True),
    (["./api/**"], "api/main.go", True),
    (["/api/**"], "api/main.go", True),
    (["go.mod"], "go.mod", True),
    (["go.mod"], "api/go.mod", False),
    (["**/go.mod"], "go.mod", True),
    (["**/go.mod"], "api/v1/go.mod", True),
    (["*.proto"], "a.proto", True),
    (["*.proto"], "x/a.proto", False),
    (["**/*.proto"], "x/a.proto", True),
    (["api/*"], "api/a", True),
    (["api/*"], "api/a/b", False),
    (["services/*/src/**"], "services/a/src/b/c", True),
    (["services/*/src/**"], "services/a/b/src/c", False),
    (["a?c/**"], "abc/x", True),
    (["a?c/**"], "a/c/x", False),
    (["[ab]/**"], "b/x", True),
    (["[ab]/**"], "c/x", False),
    (["api/**", "!api/docs/**"], "api/docs/x", False),
    (["api/**", "!api/docs/**"], "api/x", True),
    (["api/**", "!**/*.md", "api/README.md"], "api/README.md", True),
    (["api/**", "!**/*.md", "api/README.md"], "api/other.md", False),
    (["!api/**"], "web/x", False),
    (["**"], "x/y", True),
    (["äöü/**"], "äöü/x", True),
    (["a b/**"], "a b/x", True),
    (["."], "x/y", True),
    (["api/."], "api/x", True),
    (["api//**"], "api/x", True),
    (["web/../api/**"], "api/x", True),
    ([" api/** "], "api/x", True),
    (["api/**", " !api/docs"], "api/docs/x", False),
    (["vendor/**"], "vendor", True),  # a submodule: git names it without its files
    (["vendor/lib/src/**"], "vendor/lib", True),
    (["vendor/lib/*.c"], "vendor", True),
    (["vendor/*.c"], "other", False),
    (["*/src/**"], "vendor", False),
    (["a/[bc]/**"], "a/b", True),
    (["**", "!vendor/**"], "vendor", False),
    (["**", "!vendor/docs/**"], "vendor", True),
    (["line\nbreak"], "line\nbreak", True),
    ([], "x", False),
]


def test_globs_in_paths_match_files_as_the_table_says() -> None:
    assert [(globs, path, matcher(globs)(path)) for globs, path, _ in GLOBS] == GLOBS


@pytest.mark.parametrize(
    "globs", [["a["], ["[z-a]"], [""], ["/"], ["!"], ["../x"], ["a/../../x"], ["a"] * (MOST_GLOBS + 1)]
)
def test_invalid_globs_in_paths_are_refused(globs: list[str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        matcher(globs)


def test_paths_with_nothing_but_exclusions_are_refused() -> None:
    with pytest.raises(ConfigError, match="matches no file") as refused:
        load("components: {a: {image: x, paths: ['!docs/**']}}", "shipmark.yml", {})
    assert "`paths: ['**', '!docs/**']`" in str(refused.value.hint)


def test_a_glob_with_many_stars_is_matched_without_backtracking() -> None:
    matches = matcher(["*a" * 20 + "b", "**/" + "*a" * 20 + "b/**/x"])
    assert not matches("a" * 5_000)
    assert not matches("/".join(["a" * 100] * 100))


CONFIG = """
components:
  api: {image: a, paths: [api/**], depends: [lib, gen]}
  lib: {image: b, paths: [lib/**], depends: [base]}
  gen: {image: c, paths: [gen/**], depends: [base]}
  base: {image: d, paths: [base/**, go.mod]}
  web: {image: e, paths: [web/**]}
  all: {image: f}
  tool: {image: g, paths: [tool/**], depends: [all]}
  docs: {image: h, paths: [docs/**], bump: {paths: [docs/src/**]}}
"""


def test_dependencies_of_a_component_include_indirect_ones() -> None:
    components = load(CONFIG, "shipmark.yml", {}).components
    assert dependencies(components, "api") == ("lib", "gen", "base")
    assert dependencies(components, "web") == ()


@pytest.mark.parametrize(
    ("name", "paths", "expected"),
    [
        ("api", ["api/x"], "own"),
        ("api", ["lib/x"], "dependency"),
        ("api", ["go.mod"], "dependency"),
        ("api", ["web/x", "lib/x", "api/x"], "own"),
        ("api", ["web/x"], "none"),
        ("api", [], "none"),
        ("lib", ["gen/x"], "none"),
        ("tool", ["anything"], "dependency"),
        ("docs", ["docs/src/x"], "own"),
        ("docs", ["docs/x"], "none"),
    ],
)
def test_changed_files_concern_a_component_by_its_own_paths_or_those_of_its_dependencies(
    name: str, paths: list[str], expected: str
) -> None:
    reach = Ownership(load(CONFIG, "shipmark.yml", {}).components).reach(name)
    assert reach is not None
    assert reach(paths) == expected


def test_every_commit_concerns_a_component_without_paths() -> None:
    owners = Ownership(load(CONFIG, "shipmark.yml", {}).components)
    assert owners.reach("all") is None
    assert owners.concerning("all", ("x",)) == "x"
    assert owners.concerning("all", ()) == ""


pieces = st.text("ab/.!*", min_size=1, max_size=8)


@given(st.lists(pieces, min_size=1, max_size=3), pieces)
def test_plain_globs_match_as_their_regular_expressions_do(globs: list[str], path: str) -> None:
    """With a glob `!…` before them, which matches nothing here, globs are matched by regular expressions."""
    try:
        expected = matcher(["!zzz", *globs])(path)
    except ValueError:
        return
    assert matcher(globs)(path) == expected


@given(st.lists(pieces, min_size=1, max_size=3), st.lists(pieces, max_size=4))
def test_first_match_is_the_first_path_that_the_globs_match(globs: list[str], paths: list[str]) -> None:
    try:
        matches = matcher(globs)
    except ValueError:
        return
    assert first_match(globs, paths) == [*map(matches, paths), True].index(True)


@pytest.mark.parametrize("count", [1, MOST_GLOBS, MOST_GLOBS + 1])
def test_more_globs_than_the_limit_are_refused(count: int) -> None:
    globs = [f"a{number}" for number in range(count)]
    if count > MOST_GLOBS:
        with pytest.raises(ValueError, match="more than"):
            matcher(globs)
    else:
        assert matcher(globs)("a0/x")


names = st.sampled_from("abcdef")


@given(st.dictionaries(names, st.lists(names, max_size=3)))
def test_a_circle_of_depending_components_is_found_exactly_if_there_is_one(
    direct: dict[str, list[str]],
) -> None:
    reachable = {name: set(direct[name]) for name in direct}
    for _ in direct:
        for name in direct:
            reachable[name] |= {far for near in reachable[name] for far in direct.get(near, ())}
    circle = cycle_in(direct)
    assert bool(circle) == any(name in reachable[name] for name in direct)
    if circle:
        assert circle[0] == circle[-1]
        assert all(after in direct[name] for name, after in itertools.pairwise(circle))
