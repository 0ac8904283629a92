"""SemVer texts and orders as in the table `tests/conformance/semver.json`."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import semver

from release.versions.semver import parse, parse_tag_name, precedence_key
from tests.support.conformance import table


def rows(*names: str) -> list[Any]:
    lists = table("semver")
    return [row for name in names for row in lists[name]]


@pytest.mark.parametrize("row", rows("valid", "extra_valid"))
def test_valid_semver_texts_are_parsed_into_their_parts(row: dict[str, Any] | str) -> None:
    text = row if isinstance(row, str) else row["text"]
    version = parse(text)
    assert str(version) == text
    assert parse_tag_name(f"v{text}") == version
    if not isinstance(row, str):
        read = (version.major, version.minor, version.patch, version.prerelease, version.build_metadata)
        assert read == (row["major"], row["minor"], row["patch"], row["prerelease"] or "", row["build"] or "")


@pytest.mark.parametrize("text", rows("invalid", "extra_invalid"))
def test_invalid_semver_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a SemVer version"):
        parse(text)


@pytest.mark.parametrize("chain", rows("ascending_chains"))
def test_semver_versions_of_each_ascending_chain_are_in_order(chain: dict[str, Any]) -> None:
    for lower, higher in combinations(chain["order"], 2):
        assert precedence_key(parse(lower)) < precedence_key(parse(higher)), (lower, higher)
        assert semver.Version.parse(lower) < semver.Version.parse(higher)


@pytest.mark.parametrize("pair", rows("greater_than"))
def test_first_version_of_each_pair_of_semver_versions_is_greater(pair: list[str]) -> None:
    higher, lower = map(parse, pair)
    assert precedence_key(higher) > precedence_key(lower)


@pytest.mark.parametrize("pair", rows("equal_precedence"))
def test_semver_versions_that_differ_in_build_metadata_have_equal_precedence(pair: list[str]) -> None:
    one, other = map(parse, pair)
    assert precedence_key(one) == precedence_key(other)
    assert one != other
