"""Image tags made of branch names and commit ids."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.tagging.names import LONGEST_BRANCH, branch_tag, commit_tag, is_image_tag

COMMIT = "3f2a9c1b7d40e5f6a7b8c9d0e1f2a3b4c5d6e7f8"

TABLE = [
    ("main", "main"),
    ("feature/x", "feature-x"),
    ("Feature/Login Page", "feature-login-page"),
    ("release/1.x", "release-1.x"),
    ("fix__a//b", "fix__a-b"),
    ("--weird..", "weird.."),
    ("latest", "branch-latest"),
    ("LATEST", "branch-latest"),
    ("1", "branch-1"),
    ("1.4", "branch-1.4"),
    ("v1.4.2", "branch-v1.4.2"),
    ("1.4.2-rc.1", "branch-1.4.2-rc.1"),
    ("sha-3f2a9c1b7d40", "branch-sha-3f2a9c1b7d40"),
    ("pr-7", "branch-pr-7"),
    ("shipmark-status", "branch-shipmark-status"),
    ("branch-1.4", "branch-branch-1.4"),
    ("1.x", "1.x"),
    ("rc", "branch-rc"),
]


@pytest.mark.parametrize(("branch", "expected"), TABLE)
def test_branch_names_become_the_image_tags_of_the_table(branch: str, expected: str) -> None:
    assert branch_tag(branch, reserved=("rc",)) == expected


def test_branches_whose_names_would_give_equal_image_tags_get_different_tags() -> None:
    branches = ["feature/x", "feature-x", "Feature-X"]
    tags = [branch_tag(branch, branches) for branch in branches]
    assert tags[1] == "feature-x"
    assert len(set(tags)) == 3
    assert all(tag.startswith("feature-x") for tag in tags)


def test_branch_tag_has_no_hash_if_no_other_branch_gives_the_same_tag() -> None:
    assert branch_tag("Feature/X", ["main", "Feature/X", "feature/y"]) == "feature-x"


def test_tag_of_a_long_branch_name_ends_with_a_hash() -> None:
    one, other = branch_tag("a" * 70), branch_tag("a" * 71)
    assert len(one) == LONGEST_BRANCH
    assert branch_tag("a" * LONGEST_BRANCH) == "a" * LONGEST_BRANCH
    assert one != other
    assert re.fullmatch(r"a+-[0-9a-f]{6}", one)


def test_branch_name_without_allowed_characters_gets_a_tag() -> None:
    assert branch_tag("日本").startswith("branch-")
    assert branch_tag("日本") != branch_tag("中国")


@given(st.text(min_size=1, max_size=120), st.lists(st.text(min_size=1, max_size=20), max_size=5))
def test_every_branch_name_gets_a_valid_image_tag(branch: str, others: list[str]) -> None:
    tag = branch_tag(branch, others)
    assert is_image_tag(tag)
    assert len(tag) <= LONGEST_BRANCH


@given(st.lists(st.text(alphabet="aA/-_1.", min_size=1, max_size=6), min_size=2, max_size=6, unique=True))
def test_known_branches_never_share_an_image_tag(branches: list[str]) -> None:
    tags = [branch_tag(branch, branches) for branch in branches]
    assert len(set(tags)) == len(branches)


def test_commit_tag_begins_with_sha_so_that_it_is_never_a_number() -> None:
    assert commit_tag(COMMIT) == "sha-3f2a9c1b7d40"


@pytest.mark.parametrize(
    ("text", "valid"), [("a" * 128, True), ("a" * 129, False), ("", False), ("-a", False), ("a+b", False)]
)
def test_image_tags_are_valid_by_the_grammar_of_the_specification(text: str, valid: bool) -> None:
    assert is_image_tag(text) is valid
