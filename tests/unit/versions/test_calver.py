"""Parsing, comparing and writing of calendar versions."""

from __future__ import annotations

from itertools import pairwise

import pytest

from release.tagging.names import is_image_tag
from release.versions.calver import after, line_names, parse_calver
from release.versions.git_tags import versions_in
from release.versions.model import Version
from release.versions.semver import image_tag_of, off_tag_version, precedence_key, version_of_image_tag

COMMIT = "3f2a9c1b7d40" + "0" * 28


@pytest.mark.parametrize(
    "text",
    ["2024.10.3", "2024.10.03", "24.04", "24.0", "2024-10-03", "2024.10.03.1", "2024.10.3-rc1", "22.04+b.1"],
)
def test_text_of_a_calendar_version_is_kept(text: str) -> None:
    version = parse_calver(text)
    assert str(version) == text
    assert is_image_tag(image_tag_of(version))
    assert version_of_image_tag(image_tag_of(version), "calver") == (version, 0)


@pytest.mark.parametrize(
    "text", ["1.4.2", "2024", "v2024.10", "2024.10-03", "3024.1", "2024.10.", "2024.10-", "2024.1_1"]
)
def test_text_that_is_not_a_calendar_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a calendar version"):
        parse_calver(text)


def test_calendar_versions_sort_by_their_numbers_and_those_with_a_modifier_before_the_plain_one() -> None:
    ascending = [
        "22.04",
        "22.10",
        "24.04-rc1",
        "24.04",
        "24.04.1",
        "2024.9.9",
        "2024.10.3",
        "2024.10.3.1",
        "2024.10.4",
    ]
    keys = [precedence_key(parse_calver(text)) for text in ascending]
    assert all(lower < higher for lower, higher in pairwise(keys))


@pytest.mark.parametrize(
    ("text", "names"),
    [("2024.10.3", ("2024.10", "2024")), ("24.04.1", ("24.04", "24")), ("2024-10-03", ("2024-10", "2024"))],
)
def test_moving_tags_of_a_calendar_version_keep_leading_zeros(text: str, names: tuple[str, str]) -> None:
    assert line_names(parse_calver(text)) == names


@pytest.mark.parametrize(
    ("base", "expected", "following"),
    [
        ("2024.10.03", "2024.10.04-dev.5.g3f2a9c1b7d40", "2024.10.04"),
        ("24.04", "24.04.1-dev.5.g3f2a9c1b7d40", "24.04.1"),
        ("2024.10.3.9", "2024.10.3.10-dev.5.g3f2a9c1b7d40", "2024.10.3.10"),
        ("24.04-rc1", "24.04-rc1.dev.5.g3f2a9c1b7d40", "24.04"),
    ],
)
def test_calendar_version_of_an_untagged_commit_sorts_between_releases(
    base: str, expected: str, following: str
) -> None:
    version = off_tag_version(parse_calver(base), 5, COMMIT)
    assert str(version) == expected
    assert (
        precedence_key(parse_calver(base)) < precedence_key(version) < precedence_key(parse_calver(following))
    )


def test_calendar_version_after_a_semver_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a calendar version"):
        after(Version(major=1, minor=0, patch=0), "dev.1")


def test_git_tags_are_parsed_as_calendar_versions() -> None:
    listing = b"".join(
        b"%s refs/tags/%s\n" % (b"a" * 40, name)
        for name in (b"v24.04", b"24.10-rc1", b"nightly", b"1.4.2", b"x/24.04")
    )
    found = versions_in(listing, "", "calver")
    assert [tag.git_tag for tag in found.tags] == ["v24.04", "24.10-rc1"]
    assert found.odd_examples == ("nightly", "1.4.2")
