"""Image tags that rules give versions are read as those versions."""

from __future__ import annotations

import pytest

from release.tagging.version_names import VersionNames


@pytest.mark.parametrize(
    ("before", "after", "tag", "found"),
    [
        ("v", "", "v1.4.2", ("1.4.2", 0)),
        ("v", "", "v1.4.2_r1", ("1.4.2", 1)),
        ("v", "", "v1.5.0-rc.1", ("1.5.0-rc.1", 0)),
        ("v", "", "v1.4.2_build.5_r2", ("1.4.2+build.5", 2)),
        ("", "-alpine", "1.4.2-alpine", ("1.4.2", 0)),
        ("", "-alpine", "1.5.0-rc.1-alpine_r3", ("1.5.0-rc.1", 3)),
        ("api-", "-alpine", "api-1.4.2-alpine", ("1.4.2", 0)),
        ("v", "", "1.4.2", None),
        ("", "-alpine", "1.4.2", None),
        ("api-", "-alpine", "api-1.4.2", None),
        ("ab", "ba", "aba", None),
        ("v", "", "v1.4", None),
        ("v", "", "latest", None),
    ],
)
@pytest.mark.parametrize("shared", [True, False])
def test_tag_by_rules_names_its_version_and_another_one_only_where_no_component_shares_the_repository(
    before: str, after: str, tag: str, found: tuple[str, int] | None, shared: bool
) -> None:
    names = VersionNames(before=before, after=after, shared=shared)
    usual = ("1.4.2", 0) if tag == "1.4.2" and not shared else None
    read = names.read(tag)
    assert (read and (str(read[0]), read[1])) == (found or usual)
