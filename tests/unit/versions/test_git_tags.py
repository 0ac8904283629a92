"""The version tags of a listing, at one commit."""

from __future__ import annotations

import time

from release.versions.git_tags import versions_in

HEAD, OTHER, OBJECT = "a" * 40, "b" * 40, "c" * 40


def test_tags_at_a_commit_are_its_own_and_those_that_peel_to_it_highest_first() -> None:
    printed = (
        f"{HEAD} refs/tags/v1.0.0\n"
        f"{OTHER} refs/tags/v1.1.0\n"
        f"{OBJECT} refs/tags/v1.2.0\n{HEAD} refs/tags/v1.2.0^{{}}\n"
        f"{HEAD} refs/tags/nightly\n"
    )
    packed = printed.replace(f"{HEAD} refs/tags/v1.2.0^{{}}", f"^{HEAD}")
    for listing in (printed, packed):
        found = versions_in(listing.encode(), "", "semver").at(HEAD)
        assert [(tag.git_tag, tag.commit) for tag in found] == [("v1.2.0", HEAD), ("v1.0.0", HEAD)]


def test_a_commit_with_very_many_version_tags_is_read_within_seconds() -> None:
    listing = "".join(f"{HEAD} refs/tags/v1.{minor}.0\n" for minor in range(20_000)).encode()
    started = time.process_time()
    assert len(versions_in(listing, "", "semver").at(HEAD)) == 20_000
    assert time.process_time() - started < 4  # 0.2 s; a search of the listing for each tag took 16 s
