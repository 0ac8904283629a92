"""The text by which a database sorts versions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from release.log.catalog.ranks import LAST, line_start, rank_of, version_start
from release.versions.semver import parse, precedence_key

NUMBERS = st.integers(0, 12) | st.integers(10**8, 10**10)
PRERELEASES = st.sampled_from(["", "", "-rc.1", "-rc.2", "-rc.10", "-rc", "-alpha.9", "-alpha.x"])
VERSIONS = st.builds("{}.{}.{}{}".format, NUMBERS, NUMBERS, NUMBERS, PRERELEASES)
BUILDS = st.tuples(VERSIONS, st.sampled_from([0, 0, 1, 2, 10]))


def name_of(build: tuple[str, int]) -> str:
    return f"{build[0]}_r{build[1]}" if build[1] else build[0]


@given(BUILDS, BUILDS)
def test_ranks_sort_as_versions_and_their_builds_do(one: tuple[str, int], other: tuple[str, int]) -> None:
    texts = [rank.text for build in (one, other) if (rank := rank_of(name_of(build)))]
    keys = [(precedence_key(parse(version)), rebuild) for version, rebuild in (one, other)]
    assert (texts[0] < texts[1]) == (keys[0] < keys[1])
    assert (texts[0] == texts[1]) == (keys[0] == keys[1])


@given(BUILDS)
def test_version_lies_in_its_lines(build: tuple[str, int]) -> None:
    version, rank = parse(build[0]), rank_of(name_of(build))
    assert rank is not None
    for start in (
        line_start(None, None),
        line_start(version.major, None),
        line_start(version.major, version.minor),
        version_start(version),
    ):
        assert start <= rank.text < start + LAST


def test_channel_of_a_rank_is_the_first_part_of_the_prerelease() -> None:
    ranks = [
        rank_of(name) for name in ("1.4.2", "1.4.2_r1", "1.4.2-rc.1", "1.4.2+build.5", "24.04", "latest")
    ]
    assert [rank and rank.channel for rank in ranks] == ["", "", "rc", "", "", None]
    assert rank_of("1.4.2+build.5") == rank_of("1.4.2")
